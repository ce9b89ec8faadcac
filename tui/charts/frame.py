"""The one argument of every chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kdtune.runs.records import Report
from kdtune.runs.state import ModelState
from kdtune.runs.summary import Doubt

from ..drawing.canvas import Canvas
from ..drawing.glyphs import Glyphs
from ..drawing.plot import message
from ..state.importance import Importance
from ..state.store import Store
from ..state.view import View

Reports = Mapping[str, Sequence[Report]]
Doubts = Mapping[tuple[str, int, str], Doubt]
Rankings = Mapping[str, Sequence[Importance]]
REFERENCES = {"teacher": "teacher", "nds": "NDS"}
"""What a trial is compared with -> its name in charts; its style has the name of the key."""


@dataclass(frozen=True)
class Frame:
    """What a chart is drawn from: the store, the view, and a size.

    Attributes:
        ids: the trials that the filter lets through, in the order of the table.
        ids_revision: grows when they change.
        reports: the full reports by epoch of the models that the screen needs.
        doubts: intervals and chance floors by (model, epoch, gap), as far as they are known.
        rankings: settings by importance for each measure, as far as they are known.
        log: lines of the driver's log, if a chart shows it.
        loading: the share of the run that has been read so far, None once all of it has.
        error: why the run can't be read.
        now: seconds since 1970, by the clock of the view (a replay has its own).
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
    log: Sequence[str] = ()
    loading: float | None = None
    error: str = ""
    now: float = 0.0

    def canvas(self) -> Canvas:
        """Return an empty canvas of this size."""
        return Canvas(self.width, self.height, ascii_only=self.glyphs.ascii)

    def name_reference(self, canvas: Canvas, x: int, y: int, kind: str) -> int:
        """Name a reference and its line in a legend; return the next free column, `x` if there was no room."""
        label = f"{self.glyphs.glyph('dotted')} {REFERENCES[kind]}"
        return canvas.text(x, y, label, kind) + 3 if x + len(label) <= canvas.width else x

    def scrolled(self, name: str, last: int) -> int:
        """Return the first row to show of a list that scrolls up to `last`, and correct the view if it is beyond."""
        self.view.last[name] = max(0, last)
        self.view.scroll[name] = max(0, min(self.view.scroll.get(name, 0), last))
        return self.view.scroll[name]

    @property
    def cursor(self) -> ModelState | None:
        """The model under the cursor."""
        return self.store.model(self.view.cursor)

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

    def no_trials(self, title: str, hint: str = "") -> Canvas:
        """Return the canvas of a chart that has no trial to draw; if the filter lets none through, it says so."""
        if self.view.filter and self.store.state.trials and not self.ids:
            title, hint = "no trial passes the filter", "esc clears it"
        return self.nothing(title, hint)
