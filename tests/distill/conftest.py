"""Small images of three classes, in memory."""

from typing import Any

import numpy as np
import pytest
import torch

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Distillation, Job, TrainConfig


@pytest.fixture(autouse=True)
def always_one_thread(one_thread: None) -> None:
    pass


def make_arrays(n: int = 45, m: int = 30, *, crop: int = 2, flip: bool = True) -> Arrays:
    rng = np.random.default_rng(0)

    def part(size: int) -> tuple[Any, Any]:
        labels = np.arange(size) % 3
        images = rng.integers(0, 120, size=(size, 3, 16, 16), dtype=np.uint8)
        images[np.arange(size), labels] += 60
        return images, labels

    (x, y), (vx, vy) = part(n), part(m)
    groups = {"sex": np.arange(m) // 3 % 2}
    return Arrays(x, y, vx, vy, groups, {"sex": 2}, 3, (0.3,) * 3, (0.2,) * 3, crop, flip)


@pytest.fixture
def arrays() -> Arrays:
    return make_arrays()


@pytest.fixture
def data(arrays: Arrays) -> DeviceData:
    return DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=True)


@pytest.fixture
def make_job() -> Any:
    """Return a function that makes a job: `alpha` makes it a distilled student's."""

    def make(
        architecture: str = "resnet8", *, alpha: float | None = None, seed: int = 0, **train: Any
    ) -> Job:
        distillation = None if alpha is None else Distillation("resnet8", 3.0, alpha)
        settings = {"epochs": 3, "batch_size": 16, "lr": 0.05, **train}
        return Job(architecture, TrainConfig(**settings), seed, 0, distillation)

    return make
