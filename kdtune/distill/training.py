"""Trains one model, epoch by epoch, and reports counts on validation after each.

Initial weights are a pure function of the seed; the order of the examples and their views are a pure function of (view
seed, epoch). A training that resumes from a checkpoint therefore needs no state of a random generator, and on a CPU it
gives the same numbers as an uninterrupted one.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kdtune.data.seeds import derive_seed
from kdtune.distill.arrays import DeviceData
from kdtune.distill.checkpoint import load_checkpoint, save_checkpoint
from kdtune.distill.config import Job
from kdtune.distill.epoch import batches, is_channels_last, report_of, why_diverged
from kdtune.distill.evaluation.epoch_result import results_of
from kdtune.distill.evaluation.extras import measure_extras, needs_logits
from kdtune.distill.evaluation.forward import autocast, predict_classes, predict_logits
from kdtune.distill.execution.batch_counts import HostCounts
from kdtune.distill.execution.step_execution import StepExecution
from kdtune.distill.losses.criterion import Criterion
from kdtune.distill.optimizers import make_optimizer
from kdtune.distill.teachers.signal import TeacherSignal
from kdtune.distill.weights.module import Renormalised, file_of, module_of
from kdtune.distill.weights.pretrained import load_weights
from kdtune.errors import KdtuneError
from kdtune.runs.records import Report
from kdtune.torch_defaults import seed_generators


class DivergedError(KdtuneError):
    """The loss or an output is not finite: this configuration gives no model."""


class Training:
    """One model in training.

    Args:
        job: what to train.
        data: on the device that trains.
        teacher: what a distilled student learns from; None where the job has no distillation.
        checkpoint: file to save the state to after each epoch, and to resume from; None to save nothing.
        extras: measures in addition to the counts (see `measure_extras`).
        rungs: epochs after which those of the model itself are taken too, as after the last one.
        on_batch: called after each batch.

    Attributes:
        reports: one per trained epoch, including those before a resume.
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
        on_batch: Callable[[], object] = lambda: None,
    ) -> None:
        if job.distillation is not None and teacher is None:
            raise ValueError("a distilled student needs its teacher's signal")
        self.job = job
        self.data = data
        self.teacher = teacher
        self.checkpoint = checkpoint
        self.extras = extras
        self.rungs = rungs
        self.on_batch = on_batch
        self.reports: list[Report] = []
        self.model = initial_model(job, data)
        self.criterion = Criterion(job, data, self.model, teacher)
        parameters = [*self.model.parameters(), *self.criterion.parameters]
        self.optimizer = make_optimizer(parameters, job.train)
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        loss = None if job.distillation is None else job.distillation.loss
        self.execution = StepExecution(
            job.train.execution, self.model, loss, self._differentiated, data.device
        )
        if checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)

    @property
    def epoch(self) -> int:
        """Number of epochs trained."""
        return len(self.reports)

    @property
    def done(self) -> bool:
        """Whether the last epoch is trained."""
        return self.epoch >= self.job.train.epochs

    def step(self) -> Report:
        """Train one epoch, evaluate, save a checkpoint, and return the report; given weights are only evaluated.

        Raises:
            DivergedError: the loss, or an output on validation, is not finite.
        """
        job, data, epoch = self.job, self.data, self.epoch + 1
        started = time.perf_counter()
        loss, seen, rate = self._train_epoch() if job.weights is None else (torch.full((), math.nan), 1, 0.0)
        self.model.eval()
        logits = predict_logits(self.model, data.validation, precision=job.train.precision)
        counted = None
        if epoch == job.train.epochs and job.distillation is not None:
            counted = predict_classes(self.model, data.train, precision=job.train.precision)[None]
        keep = needs_logits(self.extras)
        labels = data.validation_labels
        [result] = results_of(loss[None], seen, logits[None], labels, counted, keep_logits=keep)
        if why := why_diverged(job, epoch, result):
            raise DivergedError(why)
        report = report_of(
            data,
            result,
            None if self.teacher is None else self.teacher.validation_predictions,
            epoch=epoch,
            seconds=time.perf_counter() - started,
            learning_rate=rate,
            last=epoch == job.train.epochs,
        )
        ended = epoch in (*self.rungs, job.train.epochs)
        scalars = measure_extras(self.extras, self.model, data, result.logits, ended=ended)
        report = replace(report, scalars=scalars)
        self.reports.append(report)
        if self.checkpoint is not None:
            regressor = self.criterion.regressor
            save_checkpoint(self.checkpoint, self.job, self.model, self.optimizer, self.reports, regressor)
        return report

    def train_batch(
        self,
        counts: HostCounts | None,
        inputs: Tensor,
        soft: Tensor | None,
        features: Tensor | None,
        labels: Tensor,
        indices: Tensor,
    ) -> Tensor:
        """Train on one batch and return the loss before the step.

        Args:
            counts: of the model's batches; None where these are counted on the device.
            soft, features: those of the teacher for the batch.
            indices: positions of the batch among all training examples.
        """
        batch = inputs, soft, features, labels, indices
        graph = self.execution.graph
        if graph is None or counts is None:
            loss = self._loss(*batch)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
        else:
            loss, gradients = graph(counts, *batch)
            for parameter, gradient in zip(self._parameters, gradients, strict=True):
                parameter.grad = gradient
        self.optimizer.step()
        return loss.detach()

    def run(self, on_report: Callable[[Report], None] | None = None) -> nn.Module:
        """Train to the end and return the model in evaluation mode."""
        while not self.done:
            report = self.step()
            if on_report is not None:
                on_report(report)
        return self.model.eval()

    def _train_epoch(self) -> tuple[Tensor, int, float]:
        """Return the sum of the losses, of how many examples, and the last learning rate."""
        job, data = self.job, self.data
        self.model.train()
        # Dropout draws from torch's global generator, and a model of the user's own perhaps from another one: no
        # checkpoint holds their states.
        seed_generators(derive_seed(job.seed, "dropout", self.epoch))
        view, soft = data.view(self.epoch), None
        if self.criterion.needs_teacher and self.teacher is not None:
            soft = self.teacher.logits(view).to(data.device)
        features = self.criterion.teacher_features(view)
        if features is not None:
            features = features.to(data.device)
        total, seen = torch.zeros((), device=data.device), 0
        rate = job.train.lr
        with self.execution.counted() as counts:
            for factor, indices, inputs in batches(job, data, self.epoch):
                rate = job.train.lr * factor
                for group in self.optimizer.param_groups:
                    group["lr"] = rate
                loss = self.train_batch(
                    counts,
                    inputs,
                    None if soft is None else soft[indices],
                    None if features is None else features[indices],
                    data.labels[indices],
                    indices,
                )
                total.add_(loss, alpha=len(indices))
                seen += len(indices)
                self.on_batch()
        return total, seen, rate

    def _loss(
        self,
        inputs: Tensor,
        soft: Tensor | None,
        features: Tensor | None,
        labels: Tensor,
        indices: Tensor,
    ) -> Tensor:
        with autocast(self.data.device, self.job.train.precision):
            logits = self.execution.forward(inputs)
        return self.criterion(logits.float(), soft, features, labels, indices)

    def _differentiated(self, *batch: Any) -> tuple[Tensor, Sequence[Tensor | None]]:
        loss = self._loss(*batch)
        return loss.detach(), torch.autograd.grad(loss, self._parameters, allow_unused=True)

    def _resume(self, checkpoint: Path) -> None:
        self.reports = load_checkpoint(
            checkpoint, self.job, self.model, self.optimizer, self.criterion.regressor
        )


def initial_model(job: Job, data: DeviceData) -> nn.Module:
    """Return a job's model as it begins, on the device and in the memory layout in which it trains."""
    arrays, file = data.arrays, file_of(job)
    seed_generators(derive_seed(job.seed, "weights"))
    model = module_of(job, input_shape=arrays.input_shape, n_classes=arrays.n_classes)
    if file is not None:
        load_weights(model.model if isinstance(model, Renormalised) else model, file, job.architecture)
        if isinstance(model, Renormalised):
            model.between(arrays, file)
    model = model.to(data.device)
    return model.to(memory_format=torch.channels_last) if is_channels_last(job, data) else model
