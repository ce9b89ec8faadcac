"""The one argument of every chart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kdtune.runs.comparison.resolution import Resolution
from kdtune.runs.empty_front import why_empty
from kdtune.runs.records import ALL, Report
from kdtune.runs.state import ModelState
from kdtune.runs.summary import Doubt
from kdtune.text import plain

from ..drawing.canvas import Canvas
from ..drawing.glyphs import Glyphs
from ..drawing.plot import message
from ..drawing.raster import Scale
from ..state.importance import Importance
from ..state.machine import Machine
from ..state.store import Store
from ..state.view import CENTRE, EPOCH, View

Reports = Mapping[str, Sequence[Report]]
Doubts = Mapping[tuple[str, int, str], Doubt]
Rankings = Mapping[str, Sequence[Importance]]
REFERENCES = {"teacher": "teacher", "nds": "NDS"}
"""What a trial is compared with -> its name in charts; its style has the name of the key."""


_ENDED = {
    "finished": "the run has finished",
    "stopped": "the run was stopped",
    "failed": "the run has failed",
}
"""State of a run -> what is said of it where something is missing."""


@dataclass(frozen=True)
class Frame:
    """What a chart is drawn from: the store, the view, and a size.

    Attributes:
        ids: the trials that the filter lets through, in the order of the table.
        ids_revision: grows when they change.
        reports: the full reports by epoch of the models that the screen needs.
        doubts: intervals and chance floors by (model, epoch, gap), as far as they are known.
        rankings: settings by importance for each measure, as far as they are known.
        resolution: what of the front is beyond noise, None while that is not known.
        run: the run directory, None for a made-up run.
        log: lines of the driver's log, if a chart shows it.
        loading: the share of the run that has been read so far, None once all of it has.
        error: why the run can't be read.
        lost: whether the run's driver is gone without a word.
        now: seconds since 1970, by the clock of the view (a replay has its own).
        machine: what this machine does; None if that says nothing about the run.
        elsewhere: the name of the machine that the driver is on, if it is another.
        subject: the model that is drawn, if it is not the one under the cursor.
        pair: the two models that are drawn side by side, which share their axes.
    """

    store: Store
    view: View
    width: int
    height: int
    glyphs: Glyphs = field(default_factory=Glyphs)
    ids: Sequence[str] = ()
    ids_revision: int = 0
    reports: Reports = field(default_factory=dict)
    doubts: Doubts = field(default_factory=dict)
    rankings: Rankings = field(default_factory=dict)
    resolution: Resolution | None = None
    run: Path | None = None
    log: Sequence[str] = ()
    loading: float | None = None
    error: str = ""
    lost: bool = False
    now: float = 0.0
    machine: Machine | None = None
    elsewhere: str = ""
    subject: str | None = None
    pair: tuple[str, ...] = ()

    @property
    def examples(self) -> int:
        """The number of validation examples; 0 while it is not known."""
        splits = self.store.record.dataset.get("splits", {})
        if "validation" in splits:
            return int(splits["validation"]["n"])
        known = (self.reports.get(i) for i in (*self.view.compared, *self.store.state.baselines))
        return next((found[-1].counts[ALL].n for found in known if found), 0)

    def canvas(self) -> Canvas:
        """Return an empty canvas of this size."""
        return Canvas(self.width, self.height, ascii_only=self.glyphs.ascii)

    def scrolled(self, name: str, rows: int, room: int) -> int:
        """Return the first of so many rows to show where there is room for some, and correct the view's."""
        last = rows - max(0, room)
        self.view.last[name] = max(0, last)
        self.view.rows[name] = rows
        self.view.scroll[name] = max(0, min(self.view.scroll.get(name, 0), last))
        return self.view.scroll[name]

    def named(self, model_id: str) -> str:
        """Return a model's name; a sign behind it says that the model knows nothing of the single example."""
        mark = f" {self.glyphs.glyph('trivial')}" if model_id in self.store.trivial else ""
        return self.glyphs.text(plain(model_id)) + mark

    @property
    def pairs(self) -> tuple[str, dict[str, str]]:
        """What tells the pairs of the run apart, as the head of a column, and how each pair is shown under it."""
        parts = {pair: pair.partition("->")[::2] for pair in self.store.pairs}
        teachers, students = (len({part[k] for part in parts.values()}) for k in (0, 1))
        if len(parts) > 1 and teachers == 1:
            return "student", {pair: plain(student) for pair, (_, student) in parts.items()}
        if len(parts) > 1 and students == 1:
            return "teacher", {pair: plain(teacher) for pair, (teacher, _) in parts.items()}
        return "pair", {pair: plain(pair) for pair in parts}

    @property
    def cursor(self) -> ModelState | None:
        """The model that is drawn: the one under the cursor, or its neighbour beside it."""
        return self.store.model(self.subject or self.view.cursor)

    def references(self) -> list[ModelState]:
        """Return the teacher and the NDS of the model that is drawn, as far as it has them."""
        model = self.cursor
        found = [None if model is None else self.store.reference(model, kind) for kind in REFERENCES]
        return [item for item in found if item is not None and item is not model]

    @property
    def second(self) -> str | None:
        """The model to draw beside the one under the cursor: the one that was selected or pinned last."""
        chosen = [i for i in (*self.view.pinned, *self.view.selected) if i != self.view.cursor]
        return next((i for i in reversed(chosen) if self.store.model(i) is not None), None)

    @property
    def attribute(self) -> str:
        """The sensitive attribute that charts of one attribute show."""
        names = list(self.store.record.attributes)
        return names[self.view.attribute % len(names)]

    def chosen_class(self, attribute: str) -> int:
        """Return the class whose rates are shown: the one chosen, else the one with the largest EOD."""
        classes = len(self.store.record.classes)
        if self.view.chosen_class is not None:
            return self.view.chosen_class % classes
        model = self.store.model(self.view.cursor)
        found = () if model is None else self.reports_of(model.id)
        if classes == 2 or not found or attribute not in found[-1].counts:
            return classes - 1 if classes == 2 else 0
        return int(np.argmax(np.nan_to_num(found[-1].counts[attribute].eod_by_class, nan=-1.0)))

    @property
    def done(self) -> list[ModelState]:
        """The trials that the filter lets through and that are done, in the order of the table."""
        trials = (self.store.model(model_id) for model_id in self.ids)
        return [trial for trial in trials if trial is not None and trial.state == "done"]

    def reports_of(self, model_id: str) -> Sequence[Report]:
        """Return a model's full reports up to its last event, because a replay must not see ahead."""
        model = self.store.model(model_id)
        found = self.reports.get(model_id, ())
        return found if model is None else found[: model.epoch]

    @property
    def axis_epochs(self) -> int:
        """How many epochs the axes of charts over epochs have: enough for all models that are compared."""
        compared = [self.store.model(i) for i in {*self.view.compared, self.subject}]
        return max(2, self.store.record.epochs, *(m.epoch for m in compared if m is not None))

    def cross_epoch(self) -> int | None:
        """Return the epoch that the cross-hair of charts over epochs points at; None without a cross-hair."""
        if not self.view.crosshair:
            return None
        axis, zoom = Scale(1.0, float(self.axis_epochs)), self.view.zoom.get(EPOCH)
        if zoom is not None:
            axis = axis.zoomed(zoom.x, zoom.factor)
        # In the middle between two epochs it is the earlier one, whichever they are.
        place = axis.inverse(self.view.cross.get(EPOCH, CENTRE)[0])
        return min(self.axis_epochs, max(1, math.ceil(place - 0.5 - 1e-9)))

    def at_cross(self, reports: Sequence[Report]) -> Sequence[Report]:
        """Return reports up to the epoch under the cross-hair, one at least, so that all panes show that epoch."""
        epoch = self.cross_epoch()
        return reports if epoch is None else reports[: max(1, epoch)]

    def nothing(self, title: str, hint: str = "") -> Canvas:
        """Return the canvas of a pane that has nothing to show: it says why, and what will change that."""
        canvas = self.canvas()
        if self.error:
            return message(
                canvas,
                self.glyphs,
                self.error,
                "the monitor goes on when the run is back; q leaves",
                style="bad",
            )
        if self.loading is not None:
            return message(canvas, self.glyphs, f"reading the run: {self.loading:.0%}")
        return message(canvas, self.glyphs, title, hint)

    @property
    def ended(self) -> str:
        """How the run has ended, in words; empty while something may still come of it."""
        state = self.store.state.state
        return "the run's driver is gone" if self.lost and state not in _ENDED else _ENDED.get(state, "")

    def state_of(self, model: ModelState) -> str:
        """Return a model's state, also of a run that is lost."""
        return model.state_now(lost=self.lost)

    def why_no_front(self) -> str:
        """Return why none of the trials done is on the front; empty while none is done."""
        done = [trial for trial in self.store.trials if trial.state == "done"]
        return plain(why_empty(self.store.record, done)) if done else ""

    def not_yet(self, what: str, hint: str) -> Canvas:
        """Return the canvas of a pane that waits for something; a run that has ended brings no more."""
        return self.no_trials(what, self.ended) if self.ended else self.no_trials(f"{what} yet", hint)

    def no_done(self, hint: str) -> Canvas:
        """Return the canvas of a chart of trials that are done, where there are none; it says why."""
        counts, hint = self.store.counts(), self.ended or hint
        if counts["done"] and not self.view.filter:
            return self.nothing("no trial to draw", hint)
        if not self.store.state.trials:
            return self.no_trials("no trial has started", hint)
        ended = {name: counts[name] for name in ("failed", "stopped") if counts[name]}
        said = "".join(f", {count} {name}" for name, count in ended.items())
        return self.no_trials(f"no trial is done{said}", hint)

    def no_trials(self, title: str, hint: str = "") -> Canvas:
        """Return the canvas of a chart that has no trial to draw; if the filter lets none through, it says so."""
        if self.view.filter and self.store.state.trials and not self.ids:
            title, hint = "no trial passes the filter", "esc clears it"
        return self.nothing(title, hint)
