"""Trains the models of a study as Ray tasks, and goes on where an earlier driver was ended."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import safetensors
import safetensors.torch

from kdtune.distill.arrays import Arrays
from kdtune.errors import KdtuneError, SweepError
from kdtune.files import write_bytes
from kdtune.models import Builder
from kdtune.runs.jsonl import read_records
from kdtune.runs.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, Report
from kdtune.runs.writer import RunWriter
from kdtune.sweep.baselines import Baseline, from_cache, to_cache
from kdtune.sweep.plan import Plan
from kdtune.sweep.remote.cluster import Allotment
from kdtune.sweep.remote.tasks import train_all
from kdtune.sweep.remote.teacher_server import TrainedTeacher, start_teachers
from kdtune.sweep.remote.user_models import user_builders
from kdtune.sweep.study.plan import StudyModel, study_models


def run_study(
    plan: Plan,
    files: RunFiles,
    writer: RunWriter,
    allotment: Allotment,
    desk: Any,
    *,
    stopping: Callable[[], bool],
) -> None:
    """Train what is not trained yet: teachers and students without one, then the distilled students seed by seed.

    A distilled student that can't be trained is recorded as failed, and the study goes on without it.

    Raises:
        SweepError: a baseline could not be trained, or no distilled student could.
    """
    import ray

    models = study_models(plan)
    builders = user_builders({model.job.architecture: None for model in models})
    arrays = ray.put(Arrays.of(plan.dataset))
    crew = _Crew(plan, files, writer, allotment, builders, arrays, desk, stopping)
    writer.run_state("preparing", "teachers and non-distilled students")
    baselines = [model for model in models if model.role != "student"]
    for model in baselines:
        if not crew.is_kept(model):
            crew.take_from_cache(model)
    failed = crew.train([model for model in baselines if not crew.is_kept(model)])
    if failed:
        model_id, message = next(iter(failed.items()))
        raise SweepError(f"{model_id} could not be trained: {message}")
    if stopping():
        return
    students = [model for model in models if model.role == "student"]
    writer.run_state("running", f"{allotment.workers} students at once")
    failed = {}
    for seed in dict.fromkeys(model.seed for model in students):
        todo = [model for model in students if model.seed == seed and not crew.is_kept(model)]
        if todo and not stopping():
            failed |= crew.distil(todo, [m for m in baselines if m.seed == seed])
    for trial in writer.state.trials.values():
        if trial.state == "running":
            writer.model_state(trial.id, "interrupted")
    if failed and len(failed) == len(students):
        raise SweepError(f"all {len(failed)} students failed; the first: {next(iter(failed.values()))}")


@dataclass
class _Crew:
    """What training needs, and the run that it is recorded in."""

    plan: Plan
    files: RunFiles
    writer: RunWriter
    allotment: Allotment
    builders: Mapping[str, Builder]
    arrays: Any
    desk: Any
    stopping: Callable[[], bool]

    def is_kept(self, model: StudyModel) -> bool:
        """Tell whether a model is trained, and its weights are whole."""
        state = self.writer.state.model(model.id)
        return state is not None and state.state == "done" and self._weights(model) is not None

    def take_from_cache(self, model: StudyModel) -> None:
        """Take a baseline that another run trained, if there is one."""
        job = model.job
        key = job.key(self.plan.dataset.fingerprint)
        cached = from_cache(model.role, job.architecture, job, key, self.plan.extras)
        if cached is None:
            return
        self.writer.model_started(model.id, model.role, model.config, job.train.epochs, cached=True)
        for report in cached.reports:
            self.writer.report(model.id, report, References())
        self._finish(model, cached.weights)

    def distil(self, todo: Sequence[StudyModel], baselines: Sequence[StudyModel]) -> dict[str, str]:
        """Train the students of one seed from the teachers of that seed; return what failed, and why."""
        import ray

        needed = {m.job.distillation.teacher for m in todo if m.job.distillation is not None}
        teachers = {}
        for model in baselines:
            weights = self._weights(model)
            if model.role == "teacher" and model.job.architecture in needed and weights is not None:
                teachers[model.job.architecture] = TrainedTeacher(model.job, weights)
        server = start_teachers(
            self.arrays,
            teachers,
            self.builders,
            self.allotment,
            view_seed=todo[0].job.view_seed,
            augment=todo[0].job.train.augment,
        )
        final = {(m.role, m.job.architecture): self._last_counts(m) for m in baselines}
        references = {}
        for model in todo:
            assert model.job.distillation is not None
            references[model.id] = References(
                teacher=final["teacher", model.job.distillation.teacher],
                nds=final["nds", model.job.architecture],
            )
        try:
            return self.train(todo, server, references)
        finally:
            ray.kill(server)

    def train(
        self,
        todo: Sequence[StudyModel],
        teachers: Any = None,
        references: Mapping[str, References] | None = None,
    ) -> dict[str, str]:
        """Train models beside each other; return what failed, and why."""
        by_id = {model.id: model for model in todo}
        begun: set[str] = set()
        failed: dict[str, str] = {}

        def begin(model_id: str) -> StudyModel:
            # With the first word of a task: those that wait for their turn are not at work.
            model = by_id[model_id]
            if model_id not in begun:
                begun.add(model_id)
                self.writer.model_started(model_id, model.role, model.config, model.job.train.epochs)
            return model

        def on_report(model_id: str, report: Report) -> None:
            begin(model_id)
            self.writer.report(model_id, report, (references or {}).get(model_id, References()))

        def on_lost(model_id: str, why: str) -> None:
            begin(model_id)
            begun.remove(model_id)
            self.writer.model_state(model_id, "interrupted", why, failure=True)

        if not by_id:
            return failed
        outcomes = train_all(
            {model.id: model.job for model in todo},
            self.arrays,
            self.allotment,
            self.builders,
            self.plan.extras,
            self.plan.space.resources,
            desk=self.desk,
            teachers=teachers,
            usual_epoch=max(
                (m.seconds / m.epoch for m in self.writer.state.baselines.values() if m.epoch), default=0.0
            ),
            on_report=on_report,
            on_lost=on_lost,
            stopping=self.stopping,
        )
        with closing(outcomes):
            for outcome in outcomes:
                model = begin(outcome.id)
                if outcome.weights is None:
                    self.writer.model_state(outcome.id, "failed", outcome.failure)
                    failed[outcome.id] = outcome.failure
                    continue
                if model.role != "student":
                    job = model.job
                    kept = Baseline(
                        outcome.id, model.role, job.architecture, job, outcome.reports, outcome.weights
                    )
                    to_cache(kept, job.key(self.plan.dataset.fingerprint))
                self._finish(model, outcome.weights)
        return failed

    def _finish(self, model: StudyModel, weights: bytes) -> None:
        # Weights first: what is said to be done has them.
        write_bytes(self.files.weights(model.id), weights)
        self.writer.model_state(model.id, "done", weights=hashlib.sha256(weights).hexdigest())

    def _weights(self, model: StudyModel) -> bytes | None:
        """Return a model's weights; None where they are missing, damaged, or not bit by bit those recorded."""
        state = self.writer.state.model(model.id)
        try:
            weights = self.files.weights(model.id).read_bytes()
            safetensors.torch.load(weights)
        except (OSError, ValueError, safetensors.SafetensorError):
            return None
        # Runs of before digests were kept say none: there, what can be read has to do.
        recorded = "" if state is None else state.weights
        return weights if recorded in ("", hashlib.sha256(weights).hexdigest()) else None

    def _last_counts(self, model: StudyModel) -> Any:
        reports = list(read_records(self.files.reports(model.id)))
        if not reports:
            raise SweepError(f"{self.files.reports(model.id)}: no report of {model.id}: start the study anew")
        try:
            return Report.from_dict(reports[-1]).counts[ALL]
        except KdtuneError as error:
            raise SweepError(f"{self.files.reports(model.id)}: {error}") from None
