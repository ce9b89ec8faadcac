"""The recorded models of a run: found in the run or in the cache, else trained as tasks."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import safetensors
import safetensors.torch
import torch

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job
from kdtune.distill.teachers.logits import report_of_logits
from kdtune.errors import KdtuneError, SweepError
from kdtune.fairness import Counts
from kdtune.files import LARGEST_WEIGHTS, read_regular, write_bytes
from kdtune.runs.jsonl import read_backwards, read_records
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.predictions import Ints, read_answers
from kdtune.runs.records import ALL, Report
from kdtune.runs.writer import RunWriter
from kdtune.sweep.baseline_cache import Baseline, from_cache, key_of, to_cache
from kdtune.sweep.costs import costs_of
from kdtune.sweep.from_logits import matched
from kdtune.sweep.plan import Plan
from kdtune.sweep.remote.tasks import TaskTrainer
from kdtune.sweep.remote.teacher_server import TeacherClient, TrainedTeacher


@dataclass(frozen=True)
class PlannedModel:
    """A model to train.

    Attributes:
        role: `teacher`, `nds` or `student`.
        config: what `config.json` and the events say about it, one level of plain values.
    """

    id: str
    role: str
    job: Job
    config: Mapping[str, Any]


class RecordedModels:
    """Makes the teachers, the non-distilled students and, in a study, the students of a run, and returns them.

    The weights of a model that is recorded as done are in the run, and their digest is in the events. A model whose
    weights are missing, or differ in any bit from those recorded, is made again.
    """

    def __init__(self, plan: Plan, files: RunFiles, writer: RunWriter, trainer: TaskTrainer) -> None:
        self._plan = plan
        self._files = files
        self._writer = writer
        self._trainer = trainer
        self._keys: dict[str, str] = {}

    def make(
        self,
        models: Sequence[PlannedModel],
        *,
        teachers: TeacherClient | None = None,
        references: Mapping[str, References] | None = None,
    ) -> dict[str, str]:
        """Make the models that the run lacks, until a stop is asked for; return which failed, and why.

        Args:
            teachers: teachers of distilled students.
            references: what a student's class bias is measured against, by its id.
        """
        missing = [model for model in models if not self.has(model)]
        for model in missing:
            state = self._writer.state.model(model.id)
            if state is not None and state.state == "done":
                why = f"what the run keeps of {model.id} is missing, damaged, or not what was recorded"
                self._writer.run_state("preparing", f"{why}: it is trained again")
                self._writer.start_over(model.id, why)
        todo = {m.id: m for m in missing if not self._from_logits(m) and not self._from_cache(m)}
        return self._train(todo, models, teachers, references or {}) if todo else {}

    def has(self, model: PlannedModel) -> bool:
        """Tell whether a model is done, and its weights, its last report and its answers are whole."""
        state = self._writer.state.model(model.id)
        if state is None or state.state != "done" or self._weights(model) is None:
            return False
        try:
            self._predictions(model)
        except KdtuneError:
            return False
        last = next(read_backwards(self._files.reports(model.id)), None)
        return last is not None and last.get("epoch") == state.epoch

    def trained_teachers(self, models: Sequence[PlannedModel]) -> dict[str, TrainedTeacher]:
        """Return the teachers among these models, by architecture."""
        found = {}
        for model in models:
            weights = self._weights(model) if model.role == "teacher" else None
            if weights is not None:
                found[model.job.architecture] = TrainedTeacher(model.job, weights, self._predictions(model))
        return found

    def last_counts(self, model: PlannedModel) -> Counts:
        """Return a model's counts on validation after its last epoch.

        Raises:
            SweepError: its reports are missing or damaged.
        """
        path = self._files.reports(model.id)
        records = list(read_records(path))
        if not records:
            raise SweepError(f"{path}: no report of {model.id}: start a new run")
        try:
            return Report.from_dict(records[-1]).counts[ALL]
        except KdtuneError as error:
            raise SweepError(f"{path}: {error}") from None

    def _from_logits(self, model: PlannedModel) -> bool:
        """Record a teacher that is known by its logits; return whether it is one."""
        if model.job.logits is None:
            return False
        known = matched(model.job.logits, self._plan.dataset)
        self._begin(model)
        data = DeviceData(
            Arrays.of(self._plan.dataset), torch.device("cpu"), view_seed=model.job.view_seed, augment=False
        )
        self._writer.report(
            model.id, report_of_logits(data, known.validation, self._plan.extras), References()
        )
        self._keep(model, known.to_bytes())
        return True

    def _from_cache(self, model: PlannedModel) -> bool:
        """Record a cached baseline that another run trained; return whether there is one."""
        if model.role == "student":
            return False
        job = model.job
        key = self._keys[model.id] = key_of(job, self._plan.dataset)
        cached = from_cache(model.role, job.architecture, job, key, self._plan.extras)
        if cached is None:
            return False
        self._begin(model, cached=True)
        for report in cached.reports:
            self._writer.report(model.id, report, References())
        self._keep(model, cached.weights)
        return True

    def _train(
        self,
        todo: Mapping[str, PlannedModel],
        planned: Sequence[PlannedModel],
        teachers: TeacherClient | None,
        references: Mapping[str, References],
    ) -> dict[str, str]:
        begun: set[str] = set()
        failed: dict[str, str] = {}

        def begin(model_id: str) -> PlannedModel:
            # Called at the first sign of a task: models that wait for their turn are not at work.
            if model_id not in begun:
                begun.add(model_id)
                self._begin(todo[model_id])
            return todo[model_id]

        def on_report(model_id: str, report: Report) -> None:
            begin(model_id)
            self._writer.report(model_id, report, references.get(model_id, References()))

        def on_place(model_id: str, place: Mapping[str, str]) -> None:
            begin(model_id)
            if place:
                self._writer.place(model_id, **place)

        def on_lost(model_id: str, why: str) -> None:
            begin(model_id)
            begun.remove(model_id)
            self._writer.model_state(model_id, "interrupted", why, failure=True)

        baselines = self._writer.state.baselines.values()
        outcomes = self._trainer.train(
            {model.id: model.job for model in todo.values()},
            costs=costs_of(self._plan, {model.id: model.job for model in planned}),
            teachers=teachers,
            usual_epoch=max((m.seconds / m.epoch for m in baselines if m.epoch), default=0.0),
            on_report=on_report,
            on_lost=on_lost,
            on_place=on_place,
        )
        with closing(outcomes):
            for outcome in outcomes:
                model = begin(outcome.id)
                if outcome.weights is None:
                    self._writer.model_state(outcome.id, "failed", outcome.failure)
                    failed[outcome.id] = outcome.failure
                    continue
                if model.role != "student":
                    to_cache(
                        Baseline(model.id, model.role, model.job, outcome.reports, outcome.weights),
                        self._keys[model.id],
                    )
                self._keep(model, outcome.weights)
        return failed

    def _begin(self, model: PlannedModel, *, cached: bool = False) -> None:
        self._writer.model_started(
            model.id,
            model.role,
            model.config,
            model.job.train.epochs,
            job=model.job.to_dict(),
            cached=cached,
        )

    def _keep(self, model: PlannedModel, weights: bytes) -> None:
        # Weights first: a model that is recorded as done must have them.
        write_bytes(self._files.weights(model.id), weights)
        self._writer.model_state(model.id, "done", weights=hashlib.sha256(weights).hexdigest())

    def _predictions(self, model: PlannedModel) -> Ints | None:
        """Return what a model answers on validation; None in a run that did not record it.

        Raises:
            RunError: it is missing or damaged.
        """
        state = self._writer.state.model(model.id)
        if state is None or not state.predictions:
            return None
        return read_answers(self._files.predictions(model.id), state.predictions, state.epoch)

    def _weights(self, model: PlannedModel) -> bytes | None:
        """Return a model's weights; None if they are missing, damaged, or differ in any bit from those recorded."""
        state = self._writer.state.model(model.id)
        try:
            weights = read_regular(self._files.weights(model.id), limit=LARGEST_WEIGHTS)
            safetensors.torch.load(weights)
        except (OSError, ValueError, safetensors.SafetensorError):
            return None
        recorded = "" if state is None else state.weights  # empty in a run that recorded no digest
        return weights if recorded in ("", hashlib.sha256(weights).hexdigest()) else None
