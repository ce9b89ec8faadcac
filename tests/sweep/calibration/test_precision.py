"""What ends a measurement of precision ends no sweep."""

from typing import Any

import pytest
import torch

from kdtune.distill.config import Job, TrainConfig
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
    assert precision._fastest(job, None, Setting((3, 8, 8), 2, 41, 1)) == Speed()
