"""Losses of several students as one: each gets what it gets alone; what can't be mapped is trained one by one."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import kdtune
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.cohorts.cohort import CohortMember
from kdtune.distill.cohorts.fused import Fused
from kdtune.distill.cohorts.open_cohort import open_cohort
from kdtune.distill.config import Distillation, Job, TrainConfig
from kdtune.distill.fused.loss import is_fusable
from kdtune.distill.losses.registry import losses
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.training import Training
from kdtune.errors import InputError
from kdtune.models import build


@pytest.fixture(autouse=True)
def own() -> Iterator[None]:
    before = dict(losses._items)
    kdtune.register_loss("squares")(squares)
    kdtune.register_loss("means")(means)
    yield
    losses._items.clear()
    losses._items.update(before)


def squares(logits: Tensor, teacher_logits: Tensor, *, temperature: float, power: float = 1.0) -> Tensor:
    return power * ((logits - teacher_logits) / temperature).square().mean(dim=1)


def means(logits: Tensor, labels: Tensor, *, label_smoothing: float) -> Tensor:
    return functional.cross_entropy(logits, labels) * (1 - label_smoothing)


def looks_at_values(logits: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    return functional.cross_entropy(logits, labels, label_smoothing=min(float(temperature) / 100, 0.5))


@pytest.fixture
def data(arrays: Arrays) -> DeviceData:
    grouped = replace(arrays, train_groups={"sex": np.arange(45) % 4 // 3})
    return DeviceData(grouped, torch.device("cpu"), view_seed=3, augment=True)


@pytest.fixture
def signals(data: DeviceData) -> list[TeacherSignal]:
    torch.manual_seed(1)
    return [signal_of(build("mlp-16", input_shape=(3, 16, 16), n_classes=3), data) for _ in range(2)]


TRAIN: list[dict[str, Any]] = [
    {"group_weights": "sex"},
    {"label_smoothing": 0.2},
    {"class_weights": "balanced", "group_weights": "sex", "group_weights_strength": 0.5},
]
"""What may differ between the students of one cohort."""


@pytest.mark.parametrize(
    ("loss", "settings", "train"),
    [
        ("kd", [{}, {}, {}], TRAIN),
        ("kd", [{}, {}, {}], [{"label_smoothing": 0.1}, {}, {"label_smoothing": 0.3}]),
        ("dkd", [{"beta": 0.5}, {"beta": 8.0}, {"beta": 2.0}], TRAIN),
        ("squares", [{"power": 1.0}, {"power": 0.1}, {}], TRAIN),
        ("means", [{}, {}, {}], [{}, {"label_smoothing": 0.2}, {}]),
    ],
)
def test_each_student_of_a_cohort_is_as_it_is_alone(
    loss: str, settings: Any, train: Any, data: DeviceData, signals: list[TeacherSignal], tmp_path: Path
) -> None:
    members = []
    for n in range(3):
        soft = Distillation(f"t{n % 2}", 2.0 + n, 0.2 + 0.3 * n, n != 1, loss, settings[n])
        config = TrainConfig(epochs=2, batch_size=16, lr=0.02 + 0.01 * n, **train[n])
        job = Job("mlp-8", config, 10 + n, 3, soft)
        members.append(CohortMember(n, job, signals[n % 2], tmp_path / f"{n}.pt"))
    cohort = open_cohort(members, data, state=tmp_path / "cohort.pt")
    while cohort.live:
        cohort.step()
    assert not cohort.failures
    for member in members:
        alone = Training(member.job, data, teacher=member.teacher)
        alone.run()
        assert [r.train_loss for r in cohort.reports[member.number]] == pytest.approx(
            [r.train_loss for r in alone.reports], rel=1e-4
        )
        from kdtune.distill.checkpoint import read_checkpoint

        kept = read_checkpoint(member.checkpoint)["model"]
        for name, value in alone.model.state_dict().items():
            torch.testing.assert_close(kept[name], value, rtol=1e-3, atol=1e-5)


def test_trying_a_loss_ends_nothing_and_leaves_standard_output_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ends(logits: Tensor) -> Tensor:
        print("leaving")
        sys.exit()

    kdtune.register_loss("ends")(ends)
    assert not is_fusable("ends", 4)
    assert capsys.readouterr() == ("", "leaving\n")


def test_a_loss_that_ends_the_process_among_others_is_named(
    data: DeviceData, signals: list[TeacherSignal], tmp_path: Path
) -> None:
    """As one with others it is called by another way, and may do this after it was tried."""
    calls: list[Any] = []

    def later(logits: Tensor) -> Tensor:
        calls.append(logits)
        if len(calls) > 2:
            sys.exit(3)
        return logits.square().mean(dim=1)

    kdtune.register_loss("later")(later)
    members = [
        CohortMember(
            n,
            Job("mlp-8", TrainConfig(2, 16), n, 3, Distillation("t0", 2.0, 0.5, True, "later")),
            signals[0],
            tmp_path / f"{n}.pt",
        )
        for n in range(2)
    ]
    cohort = open_cohort(members, data, state=tmp_path / "cohort.pt")
    assert isinstance(cohort, Fused)
    with pytest.raises(InputError, match=r"loss 'later' failed: SystemExit: 3 \(test_other_losses.py, line"):
        cohort.step()


def test_what_can_be_trained_as_one_is_found_by_trying() -> None:
    kdtune.register_loss("looks")(looks_at_values)
    kdtune.register_loss("fails")(lambda logits: logits[0, 0, 0])
    found = {
        name: is_fusable(name, 4) for name in ("kd", "dkd", "squares", "means", "hint", "looks", "fails")
    }
    assert found == {
        "kd": True,
        "dkd": True,
        "squares": True,
        "means": True,
        "hint": False,
        "looks": False,
        "fails": False,
    }
    assert is_fusable("squares", 4, weighted=True)
    assert not is_fusable("means", 4, weighted=True)
