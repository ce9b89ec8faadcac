"""Trains one model, epoch by epoch, and reports counts on validation after each.

Everything random is a pure function of (seed, epoch): the order of the examples, the views. A training that goes on
from a checkpoint therefore needs no state of a random generator, and on CPU gives the numbers of an undisturbed one.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from kdtune.data.seeds import derive_seed
from kdtune.distill._loss import kd_loss
from kdtune.distill._schedule import learning_rate
from kdtune.distill.arrays import DeviceData
from kdtune.distill.checkpoint import load_checkpoint, save_checkpoint
from kdtune.distill.config import Job
from kdtune.distill.evaluate import autocast, count_all, largest_disagreements, predict_logits
from kdtune.distill.extras import measure_extras
from kdtune.distill.teacher import TeacherSignal
from kdtune.distill.weights import load_weights
from kdtune.errors import KdtuneError
from kdtune.models import build
from kdtune.runs.records import Report


class DivergedError(KdtuneError):
    """The loss left the finite numbers: this configuration gives no model."""


class Training:
    """One model in training.

    Args:
        job: what to train.
        data: on the device that trains.
        teacher: what a distilled student learns from; None where the job has no distillation.
        checkpoint: where to keep the state after each epoch, and to take it up from; None to keep nothing.
        extras: names of measures beside the counts (see `kdtune.distill.extras`), taken after the last epoch.
        rungs: epochs after which they are taken too.

    Attributes:
        reports: one for each epoch trained, those before a resume included.
    """

    def __init__(
        self,
        job: Job,
        data: DeviceData,
        *,
        teacher: TeacherSignal | None = None,
        checkpoint: Path | None = None,
        extras: tuple[str, ...] = (),
        rungs: tuple[int, ...] = (),
    ) -> None:
        if job.distillation is not None and teacher is None:
            raise ValueError("a distilled student needs its teacher's signal")
        self.job = job
        self.data = data
        self.teacher = teacher
        self.checkpoint = checkpoint
        self.extras = extras
        self.rungs = rungs
        self.reports: list[Report] = []
        arrays = data.arrays
        torch.manual_seed(derive_seed(job.seed, "weights"))
        self.model = build(job.architecture, input_shape=arrays.input_shape, n_classes=arrays.n_classes).to(
            data.device
        )
        if job.weights is not None:
            load_weights(self.model, job.weights, job.architecture)
        if self._channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.optimizer = _optimizer(self.model, job)
        self.steps_per_epoch = max(1, math.ceil(len(data) / job.train.batch_size))
        if checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)

    @property
    def epoch(self) -> int:
        """Number of epochs trained."""
        return len(self.reports)

    @property
    def done(self) -> bool:
        """Tell whether the last epoch is trained."""
        return self.epoch >= self.job.train.epochs

    def step(self) -> Report:
        """Train one epoch, evaluate, keep a checkpoint, and return the report; with given weights only evaluate.

        Raises:
            DivergedError: the loss, or an output on validation, is not finite.
        """
        started = time.perf_counter()
        loss, rate = self._train_epoch() if self.job.weights is None else (math.nan, 0.0)
        self.model.eval()
        logits = predict_logits(
            self.model, self.data.validation, self.data.device, precision=self.job.train.precision
        )
        if not bool(torch.isfinite(logits).all()):  # its largest entry would be no class at all
            raise DivergedError(
                f"outputs are not finite after epoch {self.epoch + 1} at learning rate {self.job.train.lr:.3g}"
            )
        predictions = logits.argmax(dim=1).cpu().numpy()
        arrays = self.data.arrays
        epoch = self.epoch + 1
        report = Report(
            epoch=epoch,
            counts=count_all(arrays, predictions),
            time=time.time(),
            seconds=time.perf_counter() - started,
            train_loss=loss,
            validation_loss=float(nn.functional.cross_entropy(logits, self.data.validation_labels)),
            learning_rate=rate,
            disagreement=()
            if self.teacher is None
            else largest_disagreements(self.teacher.validation_predictions, predictions, arrays.n_classes),
            scalars=measure_extras(self.extras, self.model, self.data, logits)
            if epoch in (*self.rungs, self.job.train.epochs)
            else {},
        )
        self.reports.append(report)
        if self.checkpoint is not None:
            save_checkpoint(self.checkpoint, self.job, self.model, self.optimizer, self.reports)
        return report

    def run(self, on_report: Callable[[Report], None] | None = None) -> nn.Module:
        """Train to the end and return the model in evaluation mode."""
        while not self.done:
            report = self.step()
            if on_report is not None:
                on_report(report)
        return self.model.eval()

    @property
    def _channels_last(self) -> bool:
        return self.job.train.channels_last and self.data.arrays.is_image

    def _train_epoch(self) -> tuple[float, float]:
        job, data = self.job, self.data
        self.model.train()
        generator = torch.Generator().manual_seed(derive_seed(job.seed, "order", self.epoch))
        order = torch.randperm(len(data), generator=generator).to(data.device)
        view = data.view(self.epoch)
        soft = None
        if job.distillation is not None and job.distillation.alpha > 0 and self.teacher is not None:
            soft = self.teacher.logits(view).to(data.device)
        total, seen = torch.zeros((), device=data.device), 0
        rate = job.train.lr
        for number, indices in enumerate(order.split(job.train.batch_size)):
            if len(indices) < 2:  # batch statistics of a single example are undefined
                continue
            rate = self._set_rate(self.epoch * self.steps_per_epoch + number)
            inputs = data.train.batch(view, indices)
            if self._channels_last:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            with autocast(data.device, job.train.precision):
                logits = self.model(inputs)
            loss = self._loss(logits.float(), None if soft is None else soft[indices], data.labels[indices])
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(indices)
            seen += len(indices)
        mean = float(total) / seen
        if not math.isfinite(mean):
            raise DivergedError(
                f"loss is {mean} in epoch {self.epoch + 1} at learning rate {job.train.lr:.3g}"
            )
        return mean, rate

    def _loss(self, logits: Tensor, soft: Tensor | None, labels: Tensor) -> Tensor:
        distillation = self.job.distillation
        if distillation is None:
            return nn.functional.cross_entropy(logits, labels)
        return kd_loss(
            logits,
            soft,
            labels,
            temperature=distillation.temperature,
            alpha=distillation.alpha,
            scale_by_t2=distillation.scale_by_t2,
        )

    def _set_rate(self, step: int) -> float:
        train = self.job.train
        total = train.epochs * self.steps_per_epoch
        rate = learning_rate(
            step,
            total_steps=total,
            base=train.lr,
            schedule=train.schedule,
            warmup_steps=round(train.warmup * total),
            milestones=train.milestones,
            gamma=train.gamma,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _resume(self, checkpoint: Path) -> None:
        self.reports = load_checkpoint(checkpoint, self.job, self.model, self.optimizer)


def _optimizer(model: nn.Module, job: Job) -> torch.optim.Optimizer:
    train = job.train
    if train.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), lr=train.lr, weight_decay=train.weight_decay)
    return torch.optim.SGD(
        model.parameters(),
        lr=train.lr,
        momentum=train.momentum,
        weight_decay=train.weight_decay,
        nesterov=train.momentum > 0,
    )
