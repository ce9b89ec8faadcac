"""One training step as a function, of a student alone and of several as one: what calibration and benchmarks time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kdtune.distill.arrays import DeviceData
from kdtune.distill.config import Job
from kdtune.distill.epoch import is_channels_last
from kdtune.distill.fused.students import Students
from kdtune.distill.teachers.signal import TeacherSignal
from kdtune.distill.training import Training


@dataclass(frozen=True)
class Step:
    """A step on all of the training data as one batch, with noise as teacher logits, executed as the job asks.

    Attributes:
        module: what is trained.
        why_eager: returns why it is not executed as the job asks; an empty string if it is.
    """

    train: Callable[[], object]
    module: nn.Module
    why_eager: Callable[[], str]

    def __call__(self) -> None:
        """Train one step."""
        self.train()


def solo_step(job: Job, data: DeviceData) -> Step:
    """Return a step of one student."""
    soft = noise_logits(data)
    training = Training(job, data, teacher=TeacherSignal(lambda _: soft, np.zeros(0, dtype=np.int64)))
    training.model.train()
    counts = training.execution.begin_to_count()
    inputs, indices = _batch(job, data)

    def train() -> None:
        training.train_batch(counts, inputs, soft, None, data.labels, indices)

    return Step(train, training.model, lambda: training.execution.why_eager)


def fused_step(job: Job, data: DeviceData, students: int) -> Step:
    """Return the same step of several students as one."""
    together = Students([job] * students, data)
    together.module.train()
    soft, counts = noise_logits(data)[None], together.execution.begin_to_count()
    inputs, indices = _batch(job, data)

    def train() -> None:
        together.train_batch(counts, inputs, soft, data.labels, 1.0, indices)

    return Step(train, together.module, lambda: together.execution.why_eager)


def noise_logits(data: DeviceData) -> Tensor:
    """Return made-up teacher logits [n, C]: the same on every device."""
    generator = torch.Generator().manual_seed(1)
    return (3 * torch.randn(len(data), data.arrays.n_classes, generator=generator)).to(data.device)


def _batch(job: Job, data: DeviceData) -> tuple[Tensor, Tensor]:
    indices = torch.arange(len(data), device=data.device)
    inputs = data.train.batch(0, indices)
    return inputs.contiguous(
        memory_format=torch.channels_last if is_channels_last(job, data) else torch.contiguous_format
    ), indices
