"""What is trained: made-up images of a size, jobs of one protocol, and the device that computes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Distillation, Execution, Job, Precision, TrainConfig

CLASSES = 10
EPOCHS, IMAGES = 30, 50_000
"""What "students an hour" counts: trainings on a set of CIFAR's size."""


def computing_device() -> torch.device:
    """Return the GPU, or the processor where there is none; float32 is float32 in this process from now on."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if torch.cuda.is_available():
        return torch.device("cuda")
    torch.set_num_threads(1)
    return torch.device("cpu")


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def job_of(
    architecture: str,
    precision: Precision,
    batch: int,
    seed: int = 0,
    *,
    augment: bool = False,
    execution: Execution = "eager",
) -> Job:
    """Return a distilled student's training; all share everything but their seed."""
    train = TrainConfig(
        epochs=EPOCHS, batch_size=batch, lr=0.02, schedule="constant", augment=augment,
        precision=precision, channels_last=precision == "bfloat16" and not architecture.startswith("mlp"),
        execution=execution,
    )  # fmt: skip
    return Job(architecture, train, seed, 0, Distillation("teacher", 4.0, 0.5))


def arrays_of(size: int, n: int, m: int = 64) -> Arrays:
    """Return n made-up colour images of a square size, with labels that can be learnt; m for validation."""
    rng = np.random.default_rng(0)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % CLASSES
        images = rng.integers(0, 200, size=(count, 3, size, size), dtype=np.uint8)
        images[:, 0, : size // 4, : size // 4] = (labels * 20)[:, None, None]
        return images, labels

    (images, labels), (others, theirs) = part(n), part(m)
    half = (0.5,) * 3
    return Arrays(images, labels, others, theirs, {}, {}, CLASSES, half, half, size // 8, True)


def data_on(device: torch.device, arrays: Arrays, *, augment: bool = False) -> DeviceData:
    """Return the images on a device."""
    return DeviceData(arrays, device, view_seed=0, augment=augment)


def shortened(job: Job, epochs: int) -> Job:
    """Return the training with fewer epochs."""
    return replace(job, train=replace(job.train, epochs=epochs))


Say = Callable[[str], None]
