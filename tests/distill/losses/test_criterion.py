"""What a student minimises in training: weights, features, the user's function; and a resume that changes nothing."""

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
from kdtune.distill.checkpoint import read_checkpoint
from kdtune.distill.config import Distillation, Job, TrainConfig
from kdtune.distill.losses.criterion import Criterion
from kdtune.distill.losses.registry import losses
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.training import Training
from kdtune.errors import InputError
from kdtune.models import build


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    before = dict(losses._items)
    yield
    losses._items.clear()
    losses._items.update(before)


@pytest.fixture
def data(arrays: Arrays) -> DeviceData:
    grouped = replace(arrays, train_groups={"sex": np.arange(45) % 4 // 3})
    return DeviceData(grouped, torch.device("cpu"), view_seed=0, augment=True)


@pytest.fixture
def teacher(data: DeviceData) -> TeacherSignal:
    torch.manual_seed(1)
    return signal_of(build("mlp-16", input_shape=data.arrays.input_shape, n_classes=3), data)


def job(loss: str = "kd", alpha: float = 0.5, settings: Any = None, **train: Any) -> Job:
    config = TrainConfig(**{"epochs": 2, "batch_size": 16, "lr": 0.02, **train})
    return Job("mlp-8", config, 5, 0, Distillation("t", 3.0, alpha, True, loss, settings or {}))


def batch_loss(of: Job, data: DeviceData, teacher: TeacherSignal | None) -> tuple[float, Tensor, Any]:
    torch.manual_seed(3)
    model = build("mlp-8", input_shape=data.arrays.input_shape, n_classes=3)
    criterion = Criterion(of, data, model, teacher)
    indices = torch.arange(16)
    logits = model(data.train.batch(0, indices)).detach()
    soft = None if teacher is None else teacher.logits(0)[indices]
    features = criterion.teacher_features(0)
    given = None if features is None else features[indices]
    return float(criterion(logits, soft, given, data.labels[indices], indices)), logits, criterion


def test_weights_multiply_each_example_s_loss(data: DeviceData) -> None:
    hard = replace(job(group_weights="sex", class_weights="balanced"), distillation=None)
    found, logits, criterion = batch_loss(hard, data, None)
    each = functional.cross_entropy(logits, data.labels[:16], reduction="none")
    assert len(set(criterion._weights.tolist())) > 1
    assert found == pytest.approx(float((criterion._weights[:16] * each).mean()), rel=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_weighted_with_ones_hinton_s_loss_is_what_it_is_without(
    data: DeviceData, teacher: TeacherSignal, alpha: float
) -> None:
    whole, _, criterion = batch_loss(job(alpha=alpha), data, teacher)
    assert criterion._weights is None
    criterion._weights = torch.ones(45)
    weighted, _, other = batch_loss(job(alpha=alpha, group_weights="sex"), data, teacher)
    other._weights = torch.ones(45)
    indices = torch.arange(16)
    logits = build("mlp-8", input_shape=data.arrays.input_shape, n_classes=3)(data.train.batch(0, indices))
    soft = teacher.logits(0)[indices]
    arguments = (logits, soft, None, data.labels[indices], indices)
    plain = Criterion(job(alpha=alpha), data, build("mlp-8", input_shape=(3, 16, 16), n_classes=3), teacher)
    assert other(*arguments).item() == pytest.approx(plain(*arguments).item(), rel=1e-6)
    assert weighted != whole


def test_the_layer_that_maps_hints_is_trained_and_resumed_to_the_last_bit(
    data: DeviceData, teacher: TeacherSignal, tmp_path: Path
) -> None:
    def steps(path: Path, epochs: int) -> Training:
        training = Training(job("hint", settings={"hint": 0.5}), data, teacher=teacher, checkpoint=path)
        for _ in range(epochs):
            training.step()
        return training

    begun = Criterion(job("hint"), data, build("mlp-8", input_shape=(3, 16, 16), n_classes=3), teacher)
    whole = steps(tmp_path / "whole.pt", 2)
    steps(tmp_path / "halves.pt", 1)
    again = steps(tmp_path / "halves.pt", 1)
    assert again.epoch == 2
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    assert whole.criterion.regressor is not None and begun.regressor is not None  # noqa: PT018
    assert whole.criterion.regressor.weight.shape == (16, 8)
    assert not torch.equal(whole.criterion.regressor.weight, begun.regressor.weight)
    kept = read_checkpoint(tmp_path / "halves.pt")
    assert torch.equal(kept["regressor"]["weight"], whole.criterion.regressor.weight)
    assert kept["model"].keys() == build("mlp-8", input_shape=(3, 16, 16), n_classes=3).state_dict().keys()


def test_a_loss_of_the_user_s_own_trains_on_features_of_both(
    data: DeviceData, teacher: TeacherSignal
) -> None:
    shapes: list[Any] = []

    @kdtune.register_loss("alike")
    def alike(
        logits: Tensor, labels: Tensor, features: Tensor, teacher_features: Tensor, *, weight: float = 0.1
    ) -> Tensor:
        shapes[:] = [features.shape, teacher_features.shape, weight, features.requires_grad]
        return functional.cross_entropy(logits, labels)

    training = Training(job("alike", settings={"weight": 0.25}), data, teacher=teacher)
    first = training.step().train_loss
    assert training.step().train_loss < first
    assert [*shapes[0], *shapes[1], *shapes[2:]] == [13, 8, 13, 16, 0.25, True]


def test_a_teacher_without_features_says_so(data: DeviceData, teacher: TeacherSignal) -> None:
    blind = TeacherSignal(teacher.logits, teacher.validation_predictions)
    with pytest.raises(InputError, match="known by its logits alone"):
        Training(job("hint"), data, teacher=blind)


class SpeechlessError(ValueError):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def speechless(logits: Tensor) -> Tensor:
    raise SpeechlessError


def ends_a_generator(logits: Tensor) -> Tensor:
    raise GeneratorExit


def of_a_library(logits: Tensor) -> Tensor:
    return functional.nll_loss(logits, logits[:3])


@pytest.mark.parametrize(
    ("function", "train", "expected"),
    [
        (lambda logits: logits / 0 + [], {}, "loss 'mine' failed: TypeError"),
        (lambda logits: logits, {}, "loss 'mine' returned float32 [16, 3]: it must be computed from what"),
        (lambda logits: logits.mean(0), {}, "loss 'mine' returned float32 [3]: it must be"),
        (lambda logits: logits[:5].mean(1), {}, "returned float32 [5]: it must be"),
        (lambda logits: logits.mean(1).tolist(), {}, "returned a list of 16: it must be"),
        (lambda logits: logits.detach().mean(1).numpy(), {}, "returned a ndarray, float32 [16]: it must be"),
        (lambda logits: 1.0, {}, "loss 'mine' returned a float: it must be"),
        (lambda logits: None, {}, "loss 'mine' returned nothing: it must be"),
        (lambda logits: logits.argmax(1), {}, "loss 'mine' returned int64 [16]: it must be"),
        (lambda logits: logits.mean() + 0j, {}, "loss 'mine' returned complex64 []: it must be"),
        (lambda logits: logits.detach().mean(1), {}, "returned float32 [16] without a gradient"),
        (torch.no_grad()(lambda logits: logits.mean(1)), {}, "returned float32 [16] without a gradient"),
        (lambda logits: logits.mean(1).to("meta"), {}, "[16] on meta, and the logits are on cpu: it must be"),
        (
            lambda logits: sys.exit("enough"),
            {},
            "loss 'mine' failed: SystemExit: enough (test_criterion.py, line",
        ),
        (ends_a_generator, {}, "loss 'mine' failed: GeneratorExit (test_criterion.py, line"),
        (
            speechless,
            {},
            "loss 'mine' failed: SpeechlessError: its message can't be read (test_criterion.py, line",
        ),
        (of_a_library, {}, f"(test_criterion.py, line {of_a_library.__code__.co_firstlineno + 1})"),
        (lambda logits: logits.sum(), {"group_weights": "sex"}, "let it return a loss for each, [n]"),
    ],
)
def test_a_function_that_is_no_loss_is_named(
    data: DeviceData, teacher: TeacherSignal, function: Any, train: Any, expected: str
) -> None:
    kdtune.register_loss("mine")(function)
    with pytest.raises(InputError) as caught:
        Training(job("mine", **train), data, teacher=teacher).step()
    assert expected in str(caught.value)
