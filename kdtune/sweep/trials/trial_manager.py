"""Manages each trial: the study proposes it, the run records it, and the study learns how it ended.

Every decision about a trial's fate is made here, without Ray: what Ray calls a trial is only a carrier of one student
or of several that are trained as one.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from kdtune.distill.execution.device_errors import OUT_OF_MEMORY
from kdtune.errors import DiskError
from kdtune.files import write_json
from kdtune.runs.jsonl import read_records
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles, trial_id, trial_number
from kdtune.runs.records import Report
from kdtune.runs.state import ModelState
from kdtune.runs.writer import ModelEnd, RunWriter
from kdtune.sweep.clock import WorkClock
from kdtune.sweep.plan import Plan
from kdtune.sweep.trials import optuna_study
from kdtune.sweep.trials.candidates import Candidates
from kdtune.sweep.trials.checkpoints import CheckpointRetention, checkpoint_digest, why_lost
from kdtune.sweep.trials.curves import ObjectiveCurves
from kdtune.sweep.trials.halving import EarlyStopper
from kdtune.sweep.trials.proposal import Proposal, ProposedStudent
from kdtune.sweep.trials.proposal_queue import ProposalQueue

_LEAST_AWAY = 5.0
"""Seconds by which the wall clock departs from the work before that is recorded."""


class TrialManager:
    """Decides what to train, records the results in the run, and tells them to the study.

    Args:
        references: final counts of teachers and non-distilled students, by pair.
        known: trials of another run that the sampler knows.
        stopping: returns whether the sweep was asked to stop: then nothing new is proposed, and trials are interrupted.
        clock: counts the minutes of the budget, from now on.

    Attributes:
        broken: the error because of which nothing can be recorded any more, if there is one.
        hopeless: why the sweep is not worth continuing; empty as long as it is.
    """

    def __init__(
        self,
        plan: Plan,
        files: RunFiles,
        writer: RunWriter,
        study: optuna.Study,
        references: Mapping[str, References],
        *,
        known: Sequence[FrozenTrial] = (),
        stopping: Callable[[], bool],
        clock: WorkClock,
    ) -> None:
        self._plan = plan
        self._files = files
        self._writer = writer
        self._study = study
        self._references = references
        self._stopping = stopping
        self._clock = clock
        self._begun = clock.now()
        self._away = clock.away()
        self._queue = ProposalQueue(plan, files, study, known)
        self.broken: OSError | None = None
        self._retention = CheckpointRetention(plan.space.keep, files)
        self._early_stopper = EarlyStopper(plan)
        self._early_stopper.recall(read_records(files.events), self._queue.unfinished)
        self._curves = ObjectiveCurves(plan.objectives)
        self._curves.recall(read_records(files.events), self._queue.unfinished)
        self._candidates = self._candidates_among(writer.state.trials.values())
        self.hopeless = ""
        self._why_eager: set[str] = set()
        self._tell_what_is_known()
        self._start_over_what_is_lost()
        self._candidates = self._candidates_among(writer.state.trials.values())
        self.delete_superseded()

    def should_stop(self) -> bool:
        """Return whether trials at work are to end now: on request, or because of time, disk or repeated failures."""
        self._record_time_away()
        minutes = self._plan.space.budget.minutes
        spent = minutes is not None and self._clock.now() - self._begun > 60 * minutes
        return spent or self.broken is not None or self._stopping() or bool(self.hopeless)

    def _record_time_away(self) -> None:
        """Record a sleep of the machine, or a step of its clock: readers compare the times of events."""
        away = self._clock.away()
        if abs(away - self._away) >= _LEAST_AWAY and self.broken is None:
            seconds, self._away = away - self._away, away
            self._writer.time_away(seconds)

    def next_proposal(self) -> Proposal | None:
        """Return what to train next, unfinished trials of an earlier driver first; None if there is nothing."""
        if self.should_stop():
            return None
        proposal = self._queue.next()
        if proposal is None:
            return None
        for student in proposal.students:
            if self._ended(student.number):  # in a cohort that is resumed
                continue
            job = student.job
            config = {"pair": self._queue.pair_of(student.number), **job.flat()}
            self._writer.model_started(
                trial_id(student.number), "student", config, job.train.epochs, job=job.to_dict()
            )
        return proposal

    def record(self, proposal: Proposal, result: Mapping[str, Any]) -> bool:
        """Record what a worker reports about its students, and return whether it is to go on.

        Epochs that are already recorded are skipped, and so is any report about a student that has ended.
        """
        if result.get("disk"):  # a worker could not save a checkpoint, and the next one could not either
            raise DiskError(str(result["disk"]))
        if result.get("gpu"):
            for number in proposal.numbers:
                if not self._ended(number):
                    self._writer.place(trial_id(number), str(result["machine"]), str(result["gpu"]))
        if (why := str(result.get("why_eager") or "")) and why not in self._why_eager:
            self._why_eager.add(why)
            self._writer.run_state("running", f"steps are executed eagerly: {why}")
        ends: dict[int, ModelEnd] = {}
        for news in json.loads(result.get("students") or "[]"):
            number = int(news["number"])
            if self._ended(number):
                continue
            for record in news["reports"]:
                self._report(number, Report.from_dict(record))
            if news["failed"]:
                ends[number] = ModelEnd(trial_id(number), "failed", news["failed"])
            elif self._lags(number):
                ends[number] = ModelEnd(trial_id(number), "stopped")
        self._end(ends)
        ended = [number for number in proposal.numbers if self._ended(number)]
        if proposal.ended is not None and ended:
            write_json(proposal.ended, {"ended": ended})
        # A cohort gets another step, in which it saves a checkpoint for each of its members.
        return proposal.state is not None or not ended

    def close(self, proposal: Proposal, result: Mapping[str, Any] | None, *, lost: str | None) -> None:
        """Record how the trials of a carrier ended, and tell the study.

        Args:
            result: the worker's last result, if any.
            lost: why its worker died; None if it did not.
        """
        if result is not None:
            self.record(proposal, result)
        failure = str((result or {}).get("failed") or "")
        rest = [student for student in proposal.students if not self._ended(student.number)]
        if lost is not None:
            self._run_again(proposal, rest, lost)
            return
        ends: dict[int, ModelEnd] = {}
        for student in rest:
            model = self._writer.state.trials[trial_id(student.number)]
            if model.epoch >= model.epochs and not (result or {}).get("failed"):
                ends[student.number] = ModelEnd(model.id, "done", self._undefined(student.number))
            elif failure and proposal.state is not None:
                # Any of them may be the cause: each is trained by itself, and fails by itself.
                self._queue.put_last(Proposal((student,)))
            elif failure and not self.should_stop():
                ends[student.number] = ModelEnd(model.id, "failed", failure)
            elif self.should_stop():
                self._writer.model_state(model.id, "interrupted")
            else:
                ends[student.number] = ModelEnd(model.id, "stopped")
        self._end(ends)
        if proposal.state is not None and all(self._ended(number) for number in proposal.numbers):
            proposal.state.unlink(missing_ok=True)
            proposal.state.with_suffix(".ended.json").unlink(missing_ok=True)

    def _run_again(self, proposal: Proposal, rest: Sequence[ProposedStudent], reason: str) -> None:
        """Run again what a dead worker leaves behind, unless that has happened too often.

        The first few times a cohort is run again as it was, because usually the machine failed. After that each of its
        students is trained by itself, so that one that kills its worker does not affect the others. A cohort that has
        no room on its GPU would have none the next time either: it is halved, and so are those that come later.
        """
        if proposal.state is None and not rest:
            return
        models = [self._writer.state.trials[trial_id(student.number)] for student in rest]
        failures = max((model.failures for model in models), default=0)
        spent = failures >= self._plan.space.resources.max_failures
        if self.should_stop():
            for model in models:
                self._writer.model_state(model.id, "interrupted", reason)
        elif len(rest) > 1 and reason.startswith(OUT_OF_MEMORY):
            for model in models:
                self._writer.model_state(
                    model.id, "interrupted", f"{reason}; half as many are trained as one"
                )
            self._queue.halve(proposal, rest)
        elif spent and proposal.state is None:
            times = f" ({failures + 1} times)" if failures else ""
            self._end({rest[0].number: ModelEnd(models[0].id, "failed", reason + times)})
        else:
            for model in models:
                self._writer.model_state(model.id, "interrupted", f"{reason}; it is run again", failure=True)
            self._queue.put_first([Proposal((student,)) for student in rest] if spent else [proposal])

    def _report(self, number: int, report: Report) -> None:
        values = self._writer.report(trial_id(number), report, self._references[self._queue.pair_of(number)])
        self._early_stopper.record(number, report.epoch, values)
        self._curves.record(number, report.epoch, values)

    def _lags(self, number: int) -> bool:
        return not self._early_stopper.goes_on(number)

    def _ended(self, number: int) -> bool:
        model = self._writer.state.trials.get(trial_id(number))
        return model is not None and model.ended is not None

    def interrupt_rest(self) -> None:
        """Mark the trials that are still at work as interrupted: they go on when the sweep is resumed."""
        for model in self._writer.state.trials.values():
            if model.state == "running":
                self._writer.model_state(model.id, "interrupted")

    def delete_superseded(self) -> None:
        """Delete the checkpoints that are not to be kept, including those that a worker wrote late."""
        self._retention.delete_superseded(
            self._writer.state, list(self._writer.state.trials), self._candidates.ids
        )

    def _candidates_among(self, trials: Iterable[ModelState]) -> Candidates:
        """Return the trials whose checkpoints a front may need, now or later."""
        done = [trial for trial in trials if trial.state == "done"]
        return Candidates(self._plan.objectives, self._plan.constraints, done)

    def _end(self, ends: Mapping[int, ModelEnd]) -> None:
        """Record how trials ended, and tell the study; workers wait meanwhile, so the disk is waited for twice in all.

        First the run's record, then the study: a driver killed in between finds the record and tells the study.

        Args:
            ends: by the trial's number, without the digests of their weights.
        """
        if not ends:
            return
        done = [end.id for end in ends.values() if end.state == "done"]
        self._writer.model_ends(
            [
                replace(end, weights=checkpoint_digest(self._files, end.id)) if end.id in done else end
                for end in ends.values()
            ]
        )
        with optuna_study.waiting_once(self._study):
            for number in ends:
                self._tell(number)
        for model_id in done:
            self._candidates.add(self._writer.state.trials[model_id])
            self._record_front(model_id)
        if any(end.state == "failed" for end in ends.values()):
            self.hopeless = self._hopeless()
        self._retention.delete_superseded(
            self._writer.state, [end.id for end in ends.values()], self._candidates.ids
        )

    def _hopeless(self) -> str:
        """Return why the sweep is not worth continuing: there are enough trials, and all of them failed."""
        ended = [model for model in self._writer.state.trials.values() if model.ended is not None]
        limit = self._plan.space.resources.give_up_after
        if limit is None or len(ended) < limit or any(model.state != "failed" for model in ended):
            return ""
        return (
            f"the first {len(ended)} trials all failed (resources.give_up_after); "
            f"{ended[0].id}: {ended[0].message}"
        )

    def _record_front(self, by: str | None = None) -> None:
        self._writer.front(self._candidates.done, self._candidates.hypervolume(), by)

    def _tell(self, number: int) -> None:
        if optuna_study.is_told(self._study, number):  # of a trial that was trained anew
            return
        model = self._writer.state.trials[trial_id(number)]
        curve = self._curves.pop(number)
        optuna_study.tell(self._study, number, model, self._plan.objectives, self._plan.constraints, curve)

    def _undefined(self, number: int) -> str:
        values = self._writer.state.trials[trial_id(number)].values
        names = [o.name for o in self._plan.objectives if math.isnan(values.get(o.name, math.nan))]
        return f"undefined: {', '.join(names)}" if names else ""

    def _tell_what_is_known(self) -> None:
        """Make good what a driver that died had recorded of a trial's end, but not yet told or drawn from it."""
        for number in self._queue.unfinished:
            model = self._writer.state.trials.get(trial_id(number))
            if model is not None and model.state in ("done", "stopped", "failed"):
                self._tell(number)
                self._queue.drop(number)
            elif model is not None and self._lags(number):
                self._end({number: ModelEnd(model.id, "stopped")})
                self._queue.drop(number)
        recorded = self._writer.state.hypervolume[-1][0] if self._writer.state.hypervolume else 0
        if recorded < self._candidates.done:
            self._record_front()

    def _start_over_what_is_lost(self) -> None:
        """Train those trials anew whose files can't be read, as after a power cut or a repaired disk.

        The study keeps what it was told of them. Weights are kept of those that may come onto the front. Those that an
        earlier driver started over count as what they were: without them, others would look like the front, whose
        weights were deleted.
        """
        keep, trials = self._plan.space.keep, self._writer.state.trials
        front = set(self._candidates_among(model.lost or model for model in trials.values()).ids)
        for model in list(trials.values()):
            if model.state != "done":
                continue
            why = why_lost(
                self._files, model, checkpoint=keep == "all" or (keep == "front" and model.id in front)
            )
            if why:
                self._writer.run_state("preparing", f"{model.id}: {why}: it is trained again")
                self._writer.start_over(model.id, why)
        told = [m for m in self._writer.state.trials.values() if m.ended is None]
        begun = {number for model in told if (number := trial_number(model.id)) is not None}
        self._queue.take_up(begun)
