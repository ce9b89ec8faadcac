"""Trains a cohort of students as one network, epoch by epoch; evaluates, reports and saves each separately."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kdtune.data.images.views import Views
from kdtune.distill.arrays import DeviceData
from kdtune.distill.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from kdtune.distill.cohorts.cohort import Cohort, CohortMember
from kdtune.distill.config import Job
from kdtune.distill.epoch import batches, report_of, why_diverged
from kdtune.distill.evaluation.epoch_result import EpochResult, results_of
from kdtune.distill.evaluation.extras import measure_extras, needs_logits, needs_model
from kdtune.distill.evaluation.forward import evaluation_batch, gathered, outputs
from kdtune.distill.fused.students import Students
from kdtune.runs.records import Report

_SMALLEST_EVALUATION = 64


class Fused(Cohort):
    """A cohort whose members are one network, side by side.

    Its state is one file, replaced in one step after each epoch, so that all members are always at the same epoch. A
    member that ends gets a checkpoint of its own, in the format of a student that was trained by itself.
    """

    def __init__(
        self,
        members: Sequence[CohortMember],
        data: DeviceData,
        state: Path,
        extras: tuple[str, ...] = (),
        rungs: tuple[int, ...] = (),
    ) -> None:
        self._members = {member.number: member for member in members}
        self._data = data
        self._file = state
        self._extras = extras
        self._rungs = rungs
        self.reports = {member.number: [] for member in members}
        self.failures = {}
        self._epoch = 0
        self._factor = 1.0
        try:
            self._resume()
        except CheckpointError:
            state.unlink(missing_ok=True)
            self.reports = {member.number: [] for member in members}
            self.failures = {}
            self._epoch = 0
            self._begin(list(self._members))
        if not self.live:  # an earlier worker may have been killed before it could do this
            self._save_members()

    @property
    def live(self) -> tuple[int, ...]:
        """Numbers of the members whose training continues."""
        return () if self._epoch >= self._protocol.train.epochs else self._numbers

    @property
    def why_eager(self) -> str:
        """Why steps are not executed as the jobs ask; empty if they are, or none was taken."""
        return self._students.execution.why_eager

    def step(self) -> None:
        """Train all live members for one epoch, evaluate them, and save their state."""
        started = time.perf_counter()
        losses, seen = self._train_epoch()
        logits = self._logits(self._data.validation)
        ended = self._epoch + 1 == self._protocol.train.epochs
        counted = self._classes(self._data.train) if ended else None
        results = results_of(
            losses,
            seen,
            logits,
            self._data.validation_labels,
            counted,
            keep_logits=needs_logits(self._extras),
        )
        self._epoch += 1
        # Each member gets its share of the time: the seconds of all trials then add up to those of the workers.
        seconds = (time.perf_counter() - started) / len(self._numbers)
        for k, (number, result) in enumerate(zip(self._numbers, results, strict=True)):
            if why := why_diverged(self._students.jobs[k], self._epoch, result):
                self.failures[number] = why
            else:
                self.reports[number].append(self._report(k, number, result, seconds))
        self._keep([n for n in self._numbers if n not in self.failures])
        self._save()
        if not self.live:
            self._save_members()

    def drop(self, number: int) -> None:
        """End a member early, with a checkpoint of its own."""
        if number in self._numbers:
            self._save_member(number)
            self._keep([n for n in self._numbers if n != number])

    @property
    def _protocol(self) -> Job:
        """A job with the settings that all members share; rates, teachers and seeds differ."""
        return next(iter(self._members.values())).job

    def _begin(self, numbers: Sequence[int]) -> None:
        self._numbers = tuple(numbers)
        if numbers:
            self._students = Students([self._members[n].job for n in numbers], self._data)

    def _keep(self, numbers: Sequence[int]) -> None:
        """Continue with some of the members."""
        if tuple(numbers) == self._numbers:
            return
        contents = {n: self._content(n) for n in numbers}
        steps = self._students.optimizer.steps if self._numbers else 0
        self._begin(numbers)
        if numbers:
            self._students.load(list(contents.values()), steps)

    def _train_epoch(self) -> tuple[Tensor, int]:
        """Return the sum of the losses of each member, and of how many examples."""
        students, data, job = self._students, self._data, self._protocol
        students.module.train()
        view = data.view(self._epoch)
        signals = {
            m.job.distillation.teacher: m.teacher for m in self._members.values() if m.job.distillation
        }
        soft = None
        if students.teachers:
            logits = [signals[name].logits(view) for name in students.teachers]
            soft = torch.stack(logits).to(data.device)
        total, seen = torch.zeros(len(students), device=data.device), 0
        with students.execution.counted() as counts:
            for factor, indices, inputs in batches(job, data, self._epoch):
                batch = None if soft is None else soft[:, indices]
                losses = students.train_batch(counts, inputs, batch, data.labels[indices], factor, indices)
                total.add_(losses, alpha=len(indices))
                seen += len(indices)
                self._factor = factor
        return total, seen

    @torch.inference_mode()
    def _logits(self, views: Views) -> Tensor:
        """Return the logits of unchanged inputs, float32 [K, n, classes]."""
        return gathered(self._outputs(views), len(views), dim=1)

    @torch.inference_mode()
    def _classes(self, views: Views) -> Tensor:
        """Return the classes that unchanged inputs are given, int64 [K, n]."""
        return gathered((logits.argmax(dim=2) for logits in self._outputs(views)), len(views), dim=1)

    def _outputs(self, views: Views) -> Iterator[Tensor]:
        self._students.module.eval()
        # K students need K times the memory of one for activations.
        size = max(_SMALLEST_EVALUATION, math.ceil(evaluation_batch(views) / len(self._students)))
        precision = self._protocol.train.precision
        return outputs(self._students, views, precision=precision, batch=size)

    def _report(self, k: int, number: int, result: EpochResult, seconds: float) -> Report:
        job = self._students.jobs[k]
        report = report_of(
            self._data,
            result,
            self._members[number].teacher.validation_predictions,
            epoch=self._epoch,
            seconds=seconds,
            learning_rate=job.train.lr * self._factor,
            last=self._epoch == job.train.epochs,
        )
        if not self._extras:
            return report
        ended = self._epoch in (*self._rungs, job.train.epochs)
        model = self._students.model(k).eval() if needs_model(self._extras, ended=ended) else None
        return replace(
            report, scalars=measure_extras(self._extras, model, self._data, result.logits, ended=ended)
        )

    def _content(self, number: int) -> dict[str, Any]:
        k = self._numbers.index(number)
        return {
            "job": self._students.jobs[k].to_dict(),
            **self._students.content(k, self._factor),
            "reports": [report.to_dict() for report in self.reports[number]],
        }

    def _save_members(self) -> None:
        for number in self._numbers:
            self._save_member(number)

    def _save_member(self, number: int) -> None:
        write_checkpoint(self._members[number].checkpoint, _copied(self._content(number)))

    def _save(self) -> None:
        content = {
            "epoch": self._epoch,
            "factor": self._factor,
            "steps": self._students.optimizer.steps if self._numbers else 0,
            "members": {str(number): self._content(number) for number in self._numbers},
            "failures": {str(number): why for number, why in self.failures.items()},
        }
        write_checkpoint(self._file, content)

    def _resume(self) -> None:
        """Restore the cohort from its state, without the members that are no longer asked for."""
        if not self._file.exists():
            self._begin(list(self._members))
            return
        content = read_checkpoint(self._file)
        try:
            self.failures = {
                int(n): str(w) for n, w in content["failures"].items() if int(n) in self._members
            }
            kept = {int(n): member for n, member in content["members"].items() if int(n) in self._members}
            if set(kept) | set(self.failures) != set(self._members):
                raise CheckpointError(f"{self._file}: written for other students")
            for number, member in kept.items():
                if Job.from_dict(member["job"]) != self._members[number].job:
                    raise CheckpointError(f"{self._file}: written for another configuration")
                self.reports[number] = [Report.from_dict(report) for report in member["reports"]]
            self._epoch, self._factor = int(content["epoch"]), float(content["factor"])
            self._begin(list(kept))
            if kept:
                self._students.load(list(kept.values()), int(content["steps"]))
        except CheckpointError:
            raise
        except Exception as error:
            raise CheckpointError(f"{self._file}: its content is damaged ({type(error).__name__})") from None


def _copied(value: Any) -> Any:
    """Return a copy of the content without views: torch saves a view together with the whole tensor behind it."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value
