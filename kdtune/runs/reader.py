"""Reads a run: what was asked for, what is known, and the front. It never writes, so any number may read at once."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kdtune.errors import RunError
from kdtune.runs.choosing import values_to_choose_by
from kdtune.runs.damage import damage_of
from kdtune.runs.events import StateReader, read_state
from kdtune.runs.finding import find_run
from kdtune.runs.front import front_of_run, is_feasible, objective_values
from kdtune.runs.jsonl import read_backwards, read_records
from kdtune.runs.lock import driver_seems_alive
from kdtune.runs.measures.objectives import (
    Objective,
    front_hypervolume,
    hypervolume_added,
    objective_of,
)
from kdtune.runs.model_tables import row_of, table_of
from kdtune.runs.paths import RunFiles
from kdtune.runs.plotting import RunPlots, plots_of
from kdtune.runs.predictions import Validation, read_answers, read_validation
from kdtune.runs.records import Report, RunRecord
from kdtune.runs.shown import html_of
from kdtune.runs.state import ModelState, RunState
from kdtune.runs.time_left import seconds_left

if TYPE_CHECKING:
    import pandas

    from kdtune.runs.front_frame import Front


@dataclass(frozen=True)
class Status:
    """A run at one moment, as `kdtune status` shows it.

    Attributes:
        state: as recorded, or `lost` if the driver died without recording an end.
        trials: number of trials in each state.
        hypervolume: of the front so far, as a share of the objectives' box; NaN of a study, which has none.
        added: how much of it lies beyond what teachers and non-distilled students dominate; NaN without any.
        front: ids of the trials on it.
        seconds_left: estimate from the trials so far; None if there is none.
        damage: what is missing of the run's files, a line each, so that these numbers are of a part of it.
    """

    name: str
    path: str
    state: str
    message: str
    started: float | None
    updated: float | None
    trials: Mapping[str, int]
    budget: int | None
    front: tuple[str, ...]
    hypervolume: float
    added: float
    seconds_left: float | None
    damage: tuple[str, ...] = ()

    @property
    def tally(self) -> str:
        """How many trials are in each state, in words; those that are done even if there is none."""
        return ", ".join(f"{n} {state}" for state, n in self.trials.items() if n or state == "done")


class Run:
    """One run directory: each call reads what is known at that time.

    Args:
        raw: its front is that of the values on validation alone (see `kdtune.runs.choosing`).
    """

    def __init__(self, files: RunFiles, *, raw: bool = False) -> None:
        self.files = files
        self.raw = raw

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.files.root

    @property
    def name(self) -> str:
        """The run's name."""
        return self.files.name

    @property
    def resuming(self) -> str:
        """The command that goes on with the run."""
        return self.record.resuming(self.files.argument)

    @cached_property
    def record(self) -> RunRecord:
        """What the run was asked for."""
        return RunRecord.read(self.files.record)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What the run optimises, in order."""
        return tuple(objective_of(self.record, name) for name in self.record.objectives)

    def state(self) -> RunState:
        """Return the state that the events describe now."""
        return read_state(self.files.events)

    def reports(self, model_id: str) -> list[Report]:
        """Return the full reports of a trial or baseline, by epoch.

        Raises:
            RunError: the run has no such trial or baseline.
        """
        return [Report.from_dict(record) for record in read_records(self._reports_file(model_id))]

    def report(self, model_id: str, epoch: int | None = None) -> Report | None:
        """Return the full report of an epoch, by default the last one; None if there is no such report.

        The file is searched from its end, so that late reports cost the same however many there are.

        Raises:
            RunError: the run has no such trial or baseline.
        """
        for record in read_backwards(self._reports_file(model_id)):
            if epoch is None or record.get("epoch") == epoch:
                return Report.from_dict(record)
        return None

    def first_report(self, model_id: str) -> Report | None:
        """Return the full report of a model's first epoch; None if there is none yet."""
        record = next(read_records(self._reports_file(model_id)), None)
        return None if record is None else Report.from_dict(record)

    def weights_digest(self, model_id: str) -> str:
        """Return the SHA-256 (hex) that the run recorded of a model's file of weights; empty if it recorded none."""
        model = self._followed.update().model(model_id)
        return "" if model is None else model.weights

    def validation(self) -> Validation:
        """Return labels and groups of the validation examples.

        Raises:
            RunError: the run did not record them, or they are damaged.
        """
        digest = str(self.record.dataset.get("validation_sha256", ""))
        if not digest:
            raise RunError(
                f"{self.path}: an earlier kdtune made this run, and did not keep its validation examples"
            )
        return read_validation(self.files.validation, digest)

    def predictions(self, model: ModelState) -> "np.ndarray":
        """Return the classes that a finished model answers on validation, int64 [n], in the order of `validation`.

        Raises:
            RunError: the run did not record them, or they are damaged.
        """
        if not model.predictions:
            raise RunError(f"{self.path}: no predictions of {model.id} on validation are recorded")
        return read_answers(self.files.predictions(model.id), model.predictions, model.epoch)

    @cached_property
    def _followed(self) -> StateReader:
        return StateReader(self.files.events)

    def _reports_file(self, model_id: str) -> Path:
        if not self.files.model(model_id).is_dir():
            raise RunError(f"{self.path}: no trial or baseline {model_id!r}")
        return self.files.reports(model_id)

    def trials(self, state: RunState | None = None) -> "pandas.DataFrame":
        """Return the trials, one per row: id, state, epoch, what was searched, measures, feasible, front.

        Args:
            state: that was read earlier; the state now by default.
        """
        state = self.state() if state is None else state
        self._warn_of_damage(state, self.front_states(state))
        return self._table(state)

    def front(self) -> "Front":
        """Return the trials on the Pareto front, the best on the first objective first.

        Columns are ordered by what matters: objectives, settings that vary, other measures, settings that never vary.
        """
        from kdtune.runs.front_frame import front_frame

        state = self.state()
        front = self.front_states(state)
        self._warn_of_damage(state, front)
        trials = self._table(state)
        return front_frame(self, trials.loc[[trial.id for trial in front]], trials)

    @property
    def plot(self) -> RunPlots:
        """Figures: `run.plot.front()`, `.curves()`, `.gaps()`; each returns matplotlib axes."""
        return plots_of(self)

    def __repr__(self) -> str:
        return f"<Run {self.name}: {self.path}>"

    def _repr_html_(self) -> str:
        return html_of("run", self)

    def baselines(self) -> "pandas.DataFrame":
        """Return teachers and non-distilled students, one per row."""
        return table_of([row_of(model) for model in self.state().baselines.values()], self.record.objectives)

    def status(self, state: RunState | None = None) -> Status:
        """Return the run's progress and front: now, or in a state that was read earlier."""
        state = self.state() if state is None else state
        done, on_front = self.front_of(state)
        front = [trial for trial, on in zip(done, on_front, strict=True) if on]
        values, has_front = objective_values(done, self.record.objectives), self.record.has_front
        liveness = self._liveness(state)
        counts = dict.fromkeys(("running", "done", "stopped", "failed", "interrupted"), 0)
        for trial in state.trials.values():
            now = trial.state_now(lost=liveness == "lost")
            counts[now] = counts.get(now, 0) + 1
        return Status(
            name=self.name,
            path=str(self.path),
            state=liveness,
            message="its driver is gone" if liveness == "lost" else state.message,
            started=state.started,
            updated=state.updated,
            trials=counts,
            budget=self.record.trials,
            front=tuple(trial.id for trial in front),
            hypervolume=front_hypervolume(values[on_front], self.objectives) if has_front else float("nan"),
            added=self._added(state, values[on_front]) if has_front else float("nan"),
            seconds_left=None if liveness == "lost" else seconds_left(state, self.record, time.time()),
            damage=self._damage(state, self._best_first(front)),
        )

    def damage(self, state: RunState | None = None) -> tuple[str, ...]:
        """Return what is missing of the run's files, a line each: then its numbers are those of a part of it."""
        state = self.state() if state is None else state
        return self._damage(state, self.front_states(state))

    def _damage(self, state: RunState, front: Sequence[ModelState]) -> tuple[str, ...]:
        shown = [*front, *state.baselines.values()]
        return damage_of(self.files, state, shown, at_work=driver_seems_alive(self.files))

    def _warn_of_damage(self, state: RunState, front: Sequence[ModelState]) -> None:
        if damage := self._damage(state, front):
            warnings.warn("; ".join(damage), stacklevel=3)

    def _added(self, state: RunState, values: np.ndarray) -> float:
        baselines = [model for model in state.baselines.values() if model.state == "done"]
        others = objective_values(baselines, self.record.objectives)
        others = others[~np.isnan(others).any(axis=1)]
        return hypervolume_added(values, others, self.objectives) if len(others) else float("nan")

    def front_of(self, state: RunState) -> tuple[list[ModelState], np.ndarray]:
        """Return the trials done in a state, and which of them are on the front (bool [n])."""
        return front_of_run(state, self.record, self.objectives, raw=self.raw)

    def chosen_by(self, state: RunState) -> dict[str, dict[str, float]]:
        """Return, for each trial done, the objectives that the front is computed from (see `kdtune.runs.choosing`)."""
        done = [trial for trial in state.trials.values() if trial.state == "done"]
        feasible = np.array([is_feasible(trial, self.record.constraints) for trial in done], dtype=bool)
        values = values_to_choose_by(done, self.record.objectives, feasible)
        return {
            trial.id: dict(zip(self.record.objectives, row.tolist(), strict=True))
            for trial, row in zip(done, values, strict=True)
        }

    def front_states(self, state: RunState) -> list[ModelState]:
        """Return the members of the front in a state, the best in the first objective first."""
        done, on_front = self.front_of(state)
        return self._best_first([trial for trial, on in zip(done, on_front, strict=True) if on])

    def _best_first(self, front: Sequence[ModelState]) -> list[ModelState]:
        first = self.objectives[0]
        return sorted(front, key=lambda trial: first.measure.badness(trial.values[first.name]))

    def _liveness(self, state: RunState) -> str:
        if state.state not in ("preparing", "running"):
            return state.state
        return state.state if driver_seems_alive(self.files) else "lost"

    def _table(self, state: RunState) -> "pandas.DataFrame":
        done, on_front = self.front_of(state)
        front = {trial.id for trial, on in zip(done, on_front, strict=True) if on}
        rows = []
        for trial in state.trials.values():
            row = row_of(trial)
            row["feasible"] = trial.state == "done" and is_feasible(trial, self.record.constraints)
            row["front"] = trial.id in front
            rows.append(row)
        table = table_of(rows, self.record.objectives)
        for flag in () if rows else ("feasible", "front"):
            table[flag] = table.index.astype(bool)
        return table


def open_run(run: str | Path | None = None, *, runs_dir: str | Path | None = None, raw: bool = False) -> Run:
    """Open a run by name or path; the newest one where none is named.

    Args:
        raw: with the front of the values on validation alone.

    Raises:
        InputError: `run` is neither a name nor a path.
        RunError: there is no such run, its record is damaged, or a newer kdtune wrote it.
    """
    found = find_run(run, runs_dir)
    opened = Run(RunFiles(found.root.absolute()), raw=raw)  # a program may change its folder
    _ = opened.record
    return opened
