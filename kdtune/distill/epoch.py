"""What every training does in an epoch: its batches, its learning rate, and the report at its end."""

import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kdtune.data.seeds import derive_seed
from kdtune.distill.arrays import DeviceData
from kdtune.distill.config import Job
from kdtune.distill.evaluation.counts import count_all, count_training, largest_disagreements
from kdtune.distill.evaluation.epoch_result import EpochResult
from kdtune.distill.schedule import learning_rate
from kdtune.runs.records import Report


class Batch(NamedTuple):
    """Examples of one step.

    Attributes:
        factor: multiplies the learning rate at this step, according to the schedule.
        indices: int64 [n], positions among all training examples.
        inputs: float32 [n, ...] on the device, in the memory layout of the job.
    """

    factor: float
    indices: Tensor
    inputs: Tensor


def batches(job: Job, data: DeviceData, epoch: int) -> Iterator[Batch]:
    """Yield the batches of an epoch (from 0): a function of the view seed, the epoch, and the protocol."""
    train = job.train
    generator = torch.Generator().manual_seed(derive_seed(job.view_seed, "order", epoch))
    order = torch.randperm(len(data), generator=generator)
    view = data.view(epoch)
    steps = max(1, math.ceil(len(data) / train.batch_size))
    on_device = order.to(data.device)
    stored = order if data.train.stored.type == "cpu" else on_device
    parts = zip(on_device.split(train.batch_size), stored.split(train.batch_size), strict=True)
    for number, (indices, rows) in enumerate(parts):
        if len(indices) < 2:  # batch statistics of a single example are undefined
            continue
        inputs = data.train.batch(view, indices, rows)
        if is_channels_last(job, data):
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        factor = learning_rate(
            epoch * steps + number,
            total_steps=train.epochs * steps,
            base=1.0,
            schedule=train.schedule,
            warmup_steps=round(train.warmup * train.epochs * steps),
            milestones=train.milestones,
            gamma=train.gamma,
        )
        yield Batch(factor, indices, inputs)


def is_channels_last(job: Job, data: DeviceData) -> bool:
    """Return whether a job's images and convolutions have their channels last."""
    return job.train.channels_last and data.arrays.is_image


def report_of(
    data: DeviceData,
    result: EpochResult,
    teacher_predictions: np.ndarray | None,
    *,
    epoch: int,
    seconds: float,
    learning_rate: float,
    last: bool,
) -> Report:
    """Return the report of a model after `epoch` epochs; that of the last epoch has the predictions too."""
    predictions = result.predictions
    return Report(
        epoch=epoch,
        counts=count_all(data.arrays, predictions),
        time=time.time(),
        seconds=seconds,
        train_loss=result.train_loss,
        validation_loss=result.validation_loss,
        learning_rate=learning_rate,
        disagreement=()
        if teacher_predictions is None
        else largest_disagreements(teacher_predictions, predictions, data.arrays.n_classes),
        predictions=predictions if last else None,
        training={} if result.training is None else count_training(data.arrays, result.training),
    )


def why_diverged(job: Job, epoch: int, result: EpochResult) -> str:
    """Return why an epoch (from 1) produced no model: what is not finite, or an empty string if everything is."""
    where = f"epoch {epoch} at learning rate {job.train.lr:.3g}"
    if not math.isfinite(result.train_loss) and job.weights is None:
        return f"loss is {result.train_loss} in {where}"
    if not result.finite:  # the largest of NaNs is not a class
        return f"outputs are not finite after {where}"
    return ""
