"""Trains the members of an ensemble one after the other, and evaluates what they say together."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from kdtune.distill.arrays import DeviceData
from kdtune.distill.config import Job
from kdtune.distill.epoch import report_of
from kdtune.distill.evaluation.epoch_result import results_of
from kdtune.distill.evaluation.extras import measure_extras
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.training import Training
from kdtune.models import Ensemble
from kdtune.runs.records import Report


class EnsembleTraining:
    """An ensemble in training: an epoch of it is the whole training of one more member.

    Args:
        job: names the members' trainings.
        data: on the device that trains; all members see the same views.
        extras: measures in addition to the counts (see `measure_extras`).
        on_batch: called after each batch.

    Attributes:
        reports: one a member so far, each of the ensemble of those.
    """

    def __init__(
        self,
        job: Job,
        data: DeviceData,
        *,
        extras: tuple[str, ...] = (),
        on_batch: Callable[[], object] = lambda: None,
    ) -> None:
        self.job = job
        self.data = data
        self.extras = extras
        self.on_batch = on_batch
        self.reports: list[Report] = []
        self._members: list[nn.Module] = []

    @property
    def model(self) -> Ensemble:
        """The members so far, as one."""
        return Ensemble(self._members)

    @property
    def done(self) -> bool:
        """Whether the last member is trained."""
        return len(self._members) == len(self.job.members)

    def step(self) -> Report:
        """Train the next member to its end, evaluate it together with those before, and return the report.

        Raises:
            DivergedError: a loss or an output of the member is not finite.
        """
        started = time.perf_counter()
        training = Training(self.job.members[len(self._members)], self.data, on_batch=self.on_batch)
        self._members.append(training.run().to(memory_format=torch.contiguous_format))
        model, data = self.model.eval(), self.data
        logits = predict_logits(model, data.validation, precision=self.job.train.precision)
        own = training.reports[-1]
        loss = torch.tensor([own.train_loss])
        [result] = results_of(loss, 1, logits[None], data.validation_labels, keep_logits=True)
        report = report_of(
            data,
            result,
            None,
            epoch=len(self._members),
            seconds=time.perf_counter() - started,
            learning_rate=own.learning_rate,
            last=self.done,
        )
        scalars = measure_extras(self.extras, model, data, result.logits, ended=self.done)
        report = replace(report, scalars=scalars)
        self.reports.append(report)
        return report
