"""What ends a measurement of precision ends no sweep."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from kdtune.distill.config import Job, TrainConfig
from kdtune.distill.fused.stack import stack
from kdtune.models import build
from kdtune.sweep.calibration import precision
from kdtune.sweep.calibration.place import Setting
from kdtune.sweep.plan import Speed


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR")],
)
def test_a_model_without_room_runs_in_float32(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(precision, "_measure", fail)
    job = Job("resnet8", TrainConfig(epochs=1, batch_size=41), 0)
    assert precision._fastest(job, None, Setting((3, 8, 8), 2, 41, 1), together=False) == Speed()


def test_students_that_may_be_trained_as_one_are_measured_so(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def measure(model: torch.nn.Module, students: int, *_: Any) -> dict[Speed, float]:
        measured.append(students)
        last, first = Speed("float32", channels_last=True), Speed("float32", channels_last=False)
        return {first: 0.001, last: 0.002} if students == 1 else {first: 0.004, last: 0.002}

    monkeypatch.setattr(precision, "_measure", measure)
    setting = Setting((1, 8, 8), 2, 43, 1)
    job = Job("cnn8", TrainConfig(epochs=1, batch_size=43), 0)
    assert precision._fastest(job, None, setting, together=False) == Speed()
    assert measured == [1]
    assert precision._fastest(job, None, setting, together=True) == Speed("float32", channels_last=True)
    assert measured == [1, 1, 4]
    measured.clear()
    # This one has a layer that does not work side by side.
    assert (
        precision._fastest(
            replace(job, architecture="tinyvit"), None, Setting((3, 32, 32), 2, 43, 1), together=True
        )
        == Speed()
    )
    assert measured == [1]


def test_the_speed_of_several_as_one_is_that_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_SECONDS", 0.0)
    setting = Setting((1, 8, 8), 3, 16, 1)
    models = [build("cnn8", input_shape=(1, 8, 8), n_classes=3) for _ in range(4)]
    times = precision._measure(stack(models), 4, setting, torch.device("cpu"), 1)
    assert list(times) == [v for v in precision._VARIANTS if precision._may_pay(v, torch.device("cpu"))]
    assert all(0 < seconds < math.inf for seconds in times.values())


@pytest.mark.parametrize(("slowdown", "tried"), [(0.6, True), (1.5, True), (2.5, False)])
def test_bfloat16_is_not_tried_where_it_is_hopeless(
    slowdown: float, tried: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_bfloat16_slowdown", lambda: slowdown)
    half = Speed("bfloat16", channels_last=True)
    model = build("cnn8", input_shape=(1, 8, 8), n_classes=3)
    times = precision._measure(model, 1, Setting((1, 8, 8), 3, 16, 1), torch.device("cpu"), 1)
    assert (half in times) is tried
    assert {Speed(), Speed("float32", channels_last=True)} <= set(times)
    assert precision._may_pay(half, torch.device("cuda"))


def test_how_much_slower_bfloat16_is_here_is_measured_at_once() -> None:
    assert 0.05 < precision._bfloat16_slowdown() < 1000
    assert precision._bfloat16_slowdown.cache_info().currsize == 1


def test_a_step_that_takes_long_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now, ran = [0.0], []

    class Slow(torch.nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            ran.append(len(inputs))
            now[0] += 0.2
            return super().forward(inputs)

    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0])
    inputs, labels = torch.zeros(4, 2, 1, 1), torch.zeros(4, dtype=torch.int64)
    model = torch.nn.Sequential(torch.nn.Flatten(1), Slow(2, 3))
    assert precision._steps(model, inputs, labels, Speed(), torch.device("cpu")) == pytest.approx(0.2)
    assert ran == [4]
