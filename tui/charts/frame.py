"""What every chart is given."""

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
"""What a trial is held against -> how charts name it; the styles have the names of the keys."""


@dataclass(frozen=True)
class Frame:
    """The store, the view, and a size.

    Attributes:
        ids: the trials that the filter lets through, in the order of the table.
        ids_revision: grows when they change.
        reports: full reports by epoch, of the models that are looked at.
        doubts: intervals and chance floors by (model, epoch, objective), as far as they are known.
        rankings: settings by importance for a measure, as far as they are known.
        log: lines of the driver's log, as far as it was asked for.
        loading: share of the run that has been read, None when all has.
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
        """Name a reference and its line in a legend; return where the legend goes on: at `x`, if there is no room."""
        label = f"{self.glyphs.glyph('dotted')} {REFERENCES[kind]}"
        return canvas.text(x, y, label, kind) + 3 if x + len(label) <= canvas.width else x

    def scrolled(self, name: str, last: int) -> int:
        """Return the first row shown of a list that scrolls up to `last`; what was asked for beyond is forgotten."""
        self.view.last[name] = max(0, last)
        self.view.scroll[name] = max(0, min(self.view.scroll.get(name, 0), last))
        return self.view.scroll[name]

    @property
    def cursor(self) -> ModelState | None:
        """The model under the cursor."""
        return self.store.model(self.view.cursor)

    def reports_of(self, model_id: str) -> Sequence[Report]:
        """Return a model's full reports as far as its events go: a replay does not see ahead."""
        model = self.store.model(model_id)
        found = self.reports.get(model_id, ())
        return found if model is None else found[: model.epoch]

    def nothing(self, title: str, hint: str = "") -> Canvas:
        """Return the canvas of a pane without anything to show: why, and what will bring something."""
        canvas = self.canvas()
        if self.error:
            return message(
                canvas,
                self.glyphs,
                self.error,
                "the monitor goes on when it comes back; q leaves",
                style="bad",
            )
        if self.loading is not None:
            return message(canvas, self.glyphs, f"reading the run: {self.loading:.0%}")
        return message(canvas, self.glyphs, title, hint)

    def no_trials(self, title: str, hint: str = "") -> Canvas:
        """Return the canvas of a chart without any trial to draw; where the filter left none, it says that."""
        if self.view.filter and self.store.state.trials and not self.ids:
            title, hint = "no trial passes the filter", "esc clears it"
        return self.nothing(title, hint)
