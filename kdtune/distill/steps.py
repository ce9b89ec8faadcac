"""One training step as a function, of a student alone and of several as one: what calibration and benchmarks time."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from kdtune.distill.arrays import DeviceData
from kdtune.distill.batch_counts import count_on_host
from kdtune.distill.config import Job
from kdtune.distill.evaluate import autocast
from kdtune.distill.fused.students import Students
from kdtune.distill.losses.hinton import kd_loss
from kdtune.distill.optimizers import make_optimizer
from kdtune.distill.training import initial_model

Step = Callable[[], None]
Wrap = Callable[[nn.Module], nn.Module]


def solo_step(job: Job, data: DeviceData, wrap: Wrap | None = None) -> Step:
    """Return a step of one student on all of the training data as one batch, with noise as teacher logits.

    Args:
        wrap: makes of the model what runs in its place, such as its compiled form.
    """
    model = initial_model(job, data)
    count_on_host(model)
    optimizer = make_optimizer(model.parameters(), job.train)
    run = model if wrap is None else wrap(model)
    inputs, soft = _batch(job, data)

    def step() -> None:
        with autocast(data.device, job.train.precision):
            logits = run(inputs)
        loss = kd_loss(logits.float(), soft, data.labels, temperature=4.0, alpha=0.5)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def fused_step(job: Job, data: DeviceData, students: int, wrap: Wrap | None = None) -> Step:
    """Return the same step of several students as one."""
    together = Students([job] * students, data)
    count_on_host(together.module)
    if wrap is not None:
        together.module = wrap(together.module)
    inputs, soft = _batch(job, data)

    def step() -> None:
        together.train_batch(inputs, soft[None], data.labels, 1.0)

    return step


def noise_logits(data: DeviceData) -> Tensor:
    """Return made-up teacher logits [n, C]: the same on every device."""
    generator = torch.Generator().manual_seed(1)
    return (3 * torch.randn(len(data), data.arrays.n_classes, generator=generator)).to(data.device)


def _batch(job: Job, data: DeviceData) -> tuple[Tensor, Tensor]:
    inputs = data.train.batch(0, torch.arange(len(data), device=data.device))
    if job.train.channels_last and data.arrays.is_image:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    return inputs, noise_logits(data)
