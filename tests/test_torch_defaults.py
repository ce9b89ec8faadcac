"""A program that has set torch otherwise: data and students are what they are elsewhere, and its settings stay."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from kdtune.data import from_arrays, from_torch
from kdtune.student.student import load_student
from kdtune.torch_defaults import torch_defaults
from tests.student.made import untrained

X = np.random.default_rng(0).normal(size=(120, 4))
Y, SEX = np.arange(120) % 2, np.arange(120) // 2 % 2


@contextlib.contextmanager
def set_otherwise() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"), torch.no_grad(), torch.autocast("cpu"), torch.inference_mode():
            yield
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_block_has_the_defaults_and_the_program_its_settings() -> None:
    with set_otherwise():
        with torch_defaults():
            weight = torch.ones(2, requires_grad=True)
            (weight * 3).sum().backward()
            assert (weight.dtype, weight.device.type) == (torch.float32, "cpu")
            assert not torch.is_autocast_enabled("cpu")
        made = torch.ones(2)
        assert (made.dtype, made.device.type) == (torch.float64, "meta")
        assert not torch.is_grad_enabled()
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("draws", [True, False])
def test_random_numbers_of_the_program_go_on_where_they_are_drawn(draws: bool) -> None:
    before = torch.get_rng_state()
    with torch_defaults(draws=draws):
        torch.manual_seed(123456)
        torch.rand(1)
    assert torch.equal(torch.get_rng_state(), before) is draws
    torch.set_rng_state(before)


def test_data_and_students_are_the_same_and_no_seed_is_changed(tmp_path: Path) -> None:
    expected = from_arrays(X, Y, {"sex": SEX}, min_group=2)
    answers = untrained(tmp_path / "student", expected, "mlp-8").logits(X)
    items = list(zip(X, Y.tolist(), strict=True))
    of_items = from_torch(items)
    before = torch.get_rng_state()
    with set_otherwise():
        assert from_torch(items).fingerprint == of_items.fingerprint
        assert from_arrays(X, Y, {"sex": SEX}, min_group=2).fingerprint == expected.fingerprint
        student = load_student(tmp_path / "student")
        found = student.logits(X)
        accuracy = student.evaluate(X, Y, {"sex": SEX})["accuracy"]["value"]
    assert torch.equal(found, answers)
    assert accuracy == pytest.approx(float((answers.argmax(dim=1).numpy() == Y).mean()))
    assert torch.equal(torch.get_rng_state(), before)
