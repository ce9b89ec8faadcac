"""All that the monitor knows about a run, in columns: events go in, and charts read it.

`kdtune.runs` folds the events and computes front and hypervolume, so that the monitor shows what `kdtune status`
prints.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kdtune.errors import KdtuneError
from kdtune.runs.front import front_of_run, is_feasible, objective_values
from kdtune.runs.jsonl import Record
from kdtune.runs.measures.objectives import MEASURES, Objective, front_hypervolume, objective_of, why_trivial
from kdtune.runs.records import TRIAL_STATES, RunRecord
from kdtune.runs.state import ModelState, RunState
from kdtune.text import setting

from .journal import Journal

Floats = npt.NDArray[np.float64]

IGNORED_SETTINGS = ("seed", "view_seed", "teacher", "student")
"""Settings that differ between trials without being searched, or that `pair` includes."""

_FIRST_EPOCHS = 256
"""So many epochs of a trial have room from the start; more get it as they are reported."""

ENDED = ("done", "stopped", "failed")


class Store:
    """What is known about one run.

    Attributes:
        revision: grows with every change; equal revisions mean equal contents.
        done_revision: grows when a trial starts or ends; what depends on ended trials alone is valid until then.
        reports: number of report events applied.
        last_report: time of the last one, seconds since 1970.
        newest: id of the model that reported last.
        dirty: ids of the models that changed since `pop_dirty`.
        journal: what happened, and for how long drivers have worked.
        raw: whether the front is that of the values on validation alone, as `--raw` has it.
        widest: characters of each setting's longest value.
    """

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.objectives: tuple[Objective, ...] = tuple(
            objective_of(record, name) for name in record.objectives
        )
        self.state = RunState()
        self.journal = Journal()
        self.revision = 0
        self.done_revision = 0
        self.reports = 0
        self.dirty: set[str] = set()
        self.last_report: float | None = None
        self.newest: str | None = None
        self.raw = False
        self.widest: dict[str, int] = {}
        self._series: dict[str, Floats] = {}
        self._row: dict[str, int] = {}
        self._last: Floats = np.full((64, 12), np.nan)
        self._states = np.zeros(64, np.int8)
        self._columns: dict[str, int] = {}
        self._front_at = -1
        self._front: tuple[list[ModelState], npt.NDArray[np.bool_]] = ([], np.zeros(0, bool))
        self._hypervolume = 0.0
        self._front_ids: frozenset[str] = frozenset()
        self._infeasible: frozenset[str] = frozenset()
        self._trivial: frozenset[str] = frozenset()
        self._other: frozenset[str] = frozenset()
        self._other_at = (-1, False)
        self._earlier: dict[tuple[int, float], list[ModelState]] = {}
        self._counts_at = -1
        self._counts: dict[str, int] = {}
        self._settings_at = -1
        self._settings: list[str] = []
        self._pairs: list[str] = []

    def renew(self, record: RunRecord) -> None:
        """Take over a record that was written again, as `--resume` does with a new budget."""
        self.record = record
        self.revision += 1
        self.done_revision += 1

    # ---- events ----

    def apply(self, events: Iterable[Record]) -> None:
        """Apply events; the state counts and skips those that are damaged or unknown."""
        for event in events:
            self._apply(event)
        self.revision += 1

    def _apply(self, event: Record) -> None:
        known, before, updated = self.state.unknown, self.state.state, self.state.updated
        self.state.apply(event)
        kind = event.get("kind")
        if kind != "report" and self.state.unknown == known:
            self.journal.apply(event, self.state, before, updated)
        if kind == "report":
            if self.state.unknown == known:
                self._report(event)
        elif kind == "away":
            if self.state.unknown == known and self.last_report is not None:
                self.last_report += float(event["seconds"])
        elif kind == "values":
            if (model := self.state.model(str(event.get("id")))) is not None and model.epoch:
                self._fill(model)
        elif kind in ("trial", "baseline", "front"):
            self.done_revision += 1
            model_id = event.get("id")
            model = self.state.model(model_id) if isinstance(model_id, str) else None
            if model is not None:
                self.dirty.add(model.id)
                for name, value in event["config"].items() if "config" in event else ():
                    self.widest[name] = max(self.widest.get(name, 0), len(setting(value)))
                place = self._place(model.id)
                self._states[place] = TRIAL_STATES.index(model.state) if model.state in TRIAL_STATES else -1

    def _report(self, event: Record) -> None:
        model_id = event["id"]
        model = self.state.model(model_id)
        assert model is not None
        if model.epoch < 1:
            return
        self._fill(model)
        self.reports += 1
        self.last_report = self.state.updated
        self.newest = model_id
        if model.state in ENDED:
            self.done_revision += 1

    def _fill(self, model: ModelState) -> None:
        """Take a model's measures into the columns."""
        series, epoch = self._series.get(model.id), model.epoch
        for name in model.values:
            if name not in self._columns:
                self._columns[name] = len(self._columns)
        width = len(self._columns)
        if series is None or epoch > len(series) or width > series.shape[1]:
            rows = min(model.epochs, _FIRST_EPOCHS) if series is None else len(series)
            if epoch > rows:
                rows = max(epoch, min(2 * rows, model.epochs))
            grown = np.full((rows, max(width, 12)), np.nan)
            if series is not None:
                grown[: len(series), : series.shape[1]] = series
            self._series[model.id] = series = grown
        columns = self._columns
        row = series[epoch - 1]
        for name, value in model.values.items():
            row[columns[name]] = value
        place = self._place(model.id)
        if width > self._last.shape[1]:
            self._last = np.pad(self._last, ((0, 0), (0, width)), constant_values=np.nan)
        self._last[place, :width] = row[:width]
        self.dirty.add(model.id)

    def _place(self, model_id: str) -> int:
        place = self._row.get(model_id)
        if place is None:
            place = self._row[model_id] = len(self._row)
            if place >= len(self._last):
                self._last = np.pad(self._last, ((0, place), (0, 0)), constant_values=np.nan)
                self._states = np.pad(self._states, (0, place))
        return place

    def rows(self, ids: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the rows of models in the columns: the argument of `column`, `in_state` and `on_front`."""
        return np.array([row for row in map(self._row.get, ids) if row is not None], np.int64)

    def column(self, rows: npt.NDArray[np.int64], measure: str) -> Floats:
        """Return a measure's last values, [len(rows)]; NaN where it is undefined."""
        place = self._columns.get(measure)
        if place is None or place >= self._last.shape[1]:
            return np.full(len(rows), np.nan)
        return np.asarray(self._last[rows, place])

    def in_state(self, rows: npt.NDArray[np.int64], state: str) -> npt.NDArray[np.bool_]:
        """Return which models are in a state, [len(rows)]."""
        return np.asarray(self._states[rows] == TRIAL_STATES.index(state))

    def on_front(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return which models are on the front, [len(rows)]."""
        return np.isin(rows, self.rows(list(self.front)))

    def pop_dirty(self) -> set[str]:
        """Return the ids of the models that changed since the last call."""
        dirty, self.dirty = self.dirty, set()
        return dirty

    # ---- models ----

    def model(self, model_id: str | None) -> ModelState | None:
        """Return the trial or baseline with this id."""
        return None if model_id is None else self.state.model(model_id)

    @property
    def trials(self) -> Sequence[ModelState]:
        """All trials, in the order in which they started."""
        return list(self.state.trials.values())

    @property
    def baselines(self) -> Sequence[ModelState]:
        """Teachers and non-distilled students."""
        return list(self.state.baselines.values())

    def series(self, model_id: str, measure: str) -> Floats:
        """Return a measure by epoch, [epochs reported]; NaN where it is undefined or was not reported."""
        model = self.state.model(model_id)
        series = self._series.get(model_id)
        column = self._columns.get(measure)
        if model is None or series is None or column is None or column >= series.shape[1]:
            return np.full(0 if model is None else model.epoch, np.nan)
        return series[: model.epoch, column]

    def value(self, model_id: str, measure: str) -> float:
        """Return a measure at the last epoch; NaN where it is undefined."""
        model = self.state.model(model_id)
        return math.nan if model is None else model.values.get(measure, math.nan)

    @property
    def measures(self) -> list[str]:
        """Names of the reported measures: the objectives first, then the others in the order of the registry."""
        first = list(self.record.objectives)
        known = [name for name in self._columns if name not in first]
        order = {name: k for k, name in enumerate(MEASURES)}
        known.sort(key=lambda name: (order.get(name.partition("@")[0], len(order)), name))
        return first + known

    def direction(self, measure: str) -> str:
        """Return `max` or `min`: the direction in which the measure is better."""
        try:
            return objective_of(self.record, measure).measure.direction
        except KdtuneError:
            return "min"

    def reference(self, model: ModelState, kind: str) -> ModelState | None:
        """Return the teacher (`teacher`) or non-distilled twin (`nds`) that a trial is compared with."""
        return self.state.reference(model, kind)

    # ---- the front ----

    def _refresh_front(self) -> None:
        if self._front_at == self.done_revision:
            return
        self._front_at = self.done_revision
        try:
            done, mask = front_of_run(self.state, self.record, self.objectives, raw=self.raw)
        except KdtuneError:
            done, mask = [], np.zeros(0, bool)
        self._front = (done, mask)
        self._infeasible = frozenset(trial.id for trial in done if not self.feasible(trial))
        ended = [*done, *(model for model in self.baselines if model.state == "done")]
        self._trivial = frozenset(m.id for m in ended if why_trivial(m.values, self.record.objectives))
        self._front_ids = frozenset(trial.id for trial, on in zip(done, mask, strict=True) if on)
        values = objective_values(done, self.record.objectives)
        self._hypervolume = front_hypervolume(values[mask], self.objectives) if done else 0.0

    @property
    def front(self) -> frozenset[str]:
        """The ids of the trials on the front."""
        self._refresh_front()
        return self._front_ids

    @property
    def other_front(self) -> frozenset[str]:
        """The ids of the trials on the front that `raw` would show, or that it hides."""
        if self._other_at != (self.done_revision, self.raw):
            self._other_at = self.done_revision, self.raw
            try:
                done, mask = front_of_run(self.state, self.record, self.objectives, raw=not self.raw)
            except KdtuneError:
                done, mask = [], np.zeros(0, bool)
            self._other = frozenset(trial.id for trial, on in zip(done, mask, strict=True) if on)
        return self._other

    def set_raw(self, raw: bool) -> None:
        """Show the front of the values on validation alone, or the chosen one."""
        self.raw = raw
        self.revision += 1
        self.done_revision += 1

    @property
    def hypervolume(self) -> float:
        """The hypervolume of the front, as a share of the objectives' box."""
        self._refresh_front()
        return self._hypervolume

    def front_after(self, share: float) -> list[ModelState]:
        """Return the front as it was after this share of the trials that are done now."""
        self._refresh_front()
        if (self._front_at, share) in self._earlier:
            return self._earlier[self._front_at, share]
        done = sorted(self._front[0], key=lambda trial: trial.ended or 0.0)
        early = RunState()
        early.trials = {trial.id: trial for trial in done[: round(share * len(done))]}
        members, mask = front_of_run(early, self.record, self.objectives, raw=self.raw)
        self._earlier = {
            (self._front_at, share): [trial for trial, on in zip(members, mask, strict=True) if on]
        }
        return self._earlier[self._front_at, share]

    @property
    def infeasible(self) -> frozenset[str]:
        """The ids of the trials that are done and break a constraint."""
        self._refresh_front()
        return self._infeasible

    @property
    def trivial(self) -> frozenset[str]:
        """The ids of the models that are done and know nothing of the single example (`why_trivial`)."""
        self._refresh_front()
        return self._trivial

    def feasible(self, model: ModelState) -> bool:
        """Return whether a model meets the constraints."""
        return is_feasible(model, self.record.constraints)

    # ---- settings ----

    @property
    def settings(self) -> list[str]:
        """The settings that differ between trials: pair, temperature and alpha first; pair also with one value."""
        if self._settings_at != self.done_revision:
            self._settings_at = self.done_revision
            seen: dict[str, set[str]] = {}
            for trial in self.state.trials.values():
                for name, value in trial.config.items():
                    if name not in IGNORED_SETTINGS and not isinstance(value, dict | list):
                        seen.setdefault(name, set()).add(str(value))
            first = [name for name in ("pair", "temperature", "alpha") if name in seen]
            rest = [name for name, values in seen.items() if len(values) > 1 and name not in first]
            self._pairs = sorted(seen.get("pair", ()))
            self._settings = [name for name in first if len(seen[name]) > 1 or name == "pair"] + rest
        return self._settings

    @property
    def pairs(self) -> list[str]:
        """The architecture pairs that trials have."""
        _ = self.settings
        return self._pairs

    @property
    def varied(self) -> list[str]:
        """Settings with more than one value."""
        return [name for name in self.settings if name != "pair" or len(self._pairs) > 1]

    def counts(self) -> dict[str, int]:
        """Return the number of trials in each state."""
        if self._counts_at == self.done_revision:
            return dict(self._counts)
        counts = dict.fromkeys(("running", "done", "stopped", "failed", "interrupted"), 0)
        for trial in self.state.trials.values():
            counts[trial.state] = counts.get(trial.state, 0) + 1
        self._counts_at, self._counts = self.done_revision, counts
        return dict(counts)


def numeric(value: object) -> float:
    """Return a setting as a number, NaN if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value)


def config_value(model: ModelState, name: str) -> object:
    """Return one of a model's settings, None if it has no such setting."""
    config: Mapping[str, object] = model.config
    return config.get(name)
