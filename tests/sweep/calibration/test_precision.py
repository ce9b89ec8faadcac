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
    assert list(times) == list(precision._VARIANTS)
    assert all(0 < seconds < math.inf for seconds in times.values())
