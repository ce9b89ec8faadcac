"""What the driver knows of each trial: proposed by the study, recorded in the run, told back to the study.

Every decision about a trial's fate is here, and none of it needs Ray: what Ray calls a trial is only its carrier.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from kdtune.distill.config import Job
from kdtune.runs.files import RunFiles, trial_id
from kdtune.runs.jsonl import read_records
from kdtune.runs.measures import References, front_hypervolume
from kdtune.runs.reader import front_members, objective_values
from kdtune.runs.records import Report
from kdtune.runs.writer import RunWriter
from kdtune.sweep import study as studies
from kdtune.sweep.halving import Referee
from kdtune.sweep.plan import Plan


@dataclass(frozen=True)
class Proposal:
    """A trial to run: plain values, as they travel to a worker."""

    number: int
    job: Job
    teacher: str
    checkpoint: Path

    def to_config(self) -> dict[str, Any]:
        """Return the configuration that Tune carries."""
        return {
            "number": self.number,
            "job": json.dumps(self.job.to_dict()),
            "teacher": self.teacher,
            "checkpoint": str(self.checkpoint),
        }


class Ledger:
    """Keeps a sweep's books.

    Args:
        references: final counts of teachers and non-distilled students, by pair.
        stopping: tells whether the sweep was asked to stop: then nothing new is proposed, and what ends is interrupted.
    """

    def __init__(
        self,
        plan: Plan,
        files: RunFiles,
        writer: RunWriter,
        study: optuna.Study,
        references: Mapping[str, References],
        *,
        stopping: Callable[[], bool],
        deadline: float | None,
    ) -> None:
        self._plan = plan
        self._files = files
        self._writer = writer
        self._study = study
        self._references = references
        self._stopping = stopping
        self._deadline = deadline
        self._unfinished = studies.unfinished(study)
        self._pairs: dict[int, str] = {}
        self._referee = Referee(plan)
        self._referee.recall(read_records(files.events), self._unfinished)
        self._tell_what_is_known()

    def should_stop(self) -> bool:
        """Tell whether trials at work are to end now: on request, or because the time is spent."""
        return self._stopping() or (self._deadline is not None and time.time() > self._deadline)

    def next_trial(self) -> Proposal | None:
        """Return the next trial to run, unfinished ones of an earlier driver first; None where there is none."""
        if self.should_stop():
            return None
        space = self._plan.space
        if self._unfinished:
            trial = studies.take_up(self._study, space, self._unfinished.pop(0))
        elif space.budget.trials is None or len(self._study.get_trials(deepcopy=False)) < space.budget.trials:
            trial = studies.ask(self._study, space)
        else:
            return None
        pair, job = self._plan.student(trial)
        model_id = trial_id(trial.number)
        self._pairs[trial.number] = pair.pair
        config = {"pair": pair.pair, **_flat(job)}
        self._writer.model_started(model_id, "student", config, job.train.epochs)
        return Proposal(trial.number, job, pair.teacher, self._files.checkpoint(model_id).resolve())

    def take(self, number: int, result: Mapping[str, Any]) -> None:
        """Record the epochs that a worker reports; those recorded already are passed over."""
        for record in json.loads(result.get("reports") or "[]"):
            report = Report.from_dict(record)
            values = self._writer.report(trial_id(number), report, self._references[self._pairs[number]])
            self._referee.take(number, report.epoch, values)

    def goes_on(self, number: int) -> bool:
        """Tell whether a trial, by what it reported so far, is to be trained further."""
        return self._referee.goes_on(number)

    def close_trial(self, number: int, result: Mapping[str, Any] | None, *, lost: bool) -> None:
        """Record how a trial ended, and tell the study.

        Args:
            result: the last that its worker said, if anything.
            lost: its worker died more often than it may.
        """
        if result is not None:
            self.take(number, result)
        model = self._writer.state.trials[trial_id(number)]
        failure = None if result is None else result.get("failed")
        if failure:
            self._end(number, "failed", str(failure))
        elif model.epoch >= model.epochs:
            self._end(number, "done", self._undefined(number))
        elif self.should_stop():
            self._writer.model_state(model.id, "interrupted")
        elif lost:
            self._end(number, "failed", "its worker process died again and again")
        else:
            self._end(number, "stopped")

    def interrupt_rest(self) -> None:
        """Mark the trials that are still at work as interrupted: they go on when the sweep is resumed."""
        for model in self._writer.state.trials.values():
            if model.state == "running":
                self._writer.model_state(model.id, "interrupted")

    def _end(self, number: int, state: str, message: str = "") -> None:
        model_id = trial_id(number)
        # First the run's record, then the study: a driver killed in between finds the record and tells the study.
        self._writer.model_state(model_id, state, message)
        self._tell(number)
        if state == "done":
            self._record_front()

    def _record_front(self) -> None:
        done, on_front = front_members(self._writer.state, self._plan.objectives, self._plan.constraints)
        values = objective_values(done, [objective.name for objective in self._plan.objectives])
        self._writer.front(len(done), front_hypervolume(values[on_front], self._plan.objectives))

    def _tell(self, number: int) -> None:
        model = self._writer.state.trials[trial_id(number)]
        studies.tell(self._study, number, model, self._plan.objectives, self._plan.constraints)

    def _undefined(self, number: int) -> str:
        values = self._writer.state.trials[trial_id(number)].values
        names = [o.name for o in self._plan.objectives if math.isnan(values.get(o.name, math.nan))]
        return f"undefined: {', '.join(names)}" if names else ""

    def _tell_what_is_known(self) -> None:
        """Make good what a driver that died had recorded of a trial's end, but not yet told or drawn from it."""
        for number in list(self._unfinished):
            model = self._writer.state.trials.get(trial_id(number))
            if model is not None and model.state in ("done", "stopped", "failed"):
                self._tell(number)
                self._unfinished.remove(number)
            elif model is not None and not self.goes_on(number):
                self._end(number, "stopped")
                self._unfinished.remove(number)
        recorded = self._writer.state.hypervolume[-1][0] if self._writer.state.hypervolume else 0
        if recorded < sum(model.state == "done" for model in self._writer.state.trials.values()):
            self._record_front()


def _flat(job: Job) -> dict[str, Any]:
    """Return a job as one level of plain values: what a table of trials shows."""
    record = job.to_dict()
    train, distillation = record.pop("train"), record.pop("distillation")
    train.pop("epochs")
    return {
        "teacher": distillation["teacher"],
        "student": job.architecture,
        "temperature": distillation["temperature"],
        "alpha": distillation["alpha"],
        "scale_by_t2": distillation["scale_by_t2"],
        **{key: list(value) if isinstance(value, tuple) else value for key, value in train.items()},
        "seed": job.seed,
        "view_seed": job.view_seed,
    }
