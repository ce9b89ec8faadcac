"""What the person has chosen to see, in one dataclass; charts are functions of the store and of this."""

from dataclasses import dataclass, field

COMPARED = 8
"""Models that can be compared at once, because the palette has so many colours."""

MOST_ZOOM = 64.0

CENTRE = (0.5, 0.5)
"""Where a cross-hair begins."""

EPOCH = "epoch"
"""The name under which all charts over epochs share one cross-hair and one zoom."""


@dataclass
class Zoom:
    """The part of a chart that is shown: its centre on [0, 1]², and how much larger it is drawn."""

    x: float = 0.5
    y: float = 0.5
    factor: float = 1.0

    def hold(self) -> None:
        """Move the part back inside the whole."""
        half = 0.5 / self.factor
        self.x, self.y = min(1 - half, max(half, self.x)), min(1 - half, max(half, self.y))


@dataclass
class View:
    """What is selected, shown and hidden, and where the cursor is.

    Attributes:
        cursor: id of the model under the cursor.
        follow: whether the cursor goes to the model that reported last.
        selected: models to compare, in the order in which they were chosen, which sets their colours.
        pinned: like selected, but they stay when the selection is cleared, and stand at the top of the table.
        filter: text of the filter.
        sort: column to sort by, with `descending`.
        measure: index into `Store.measures` of the measure that charts of one measure show.
        parameter: index of the setting that the slice shows.
        attribute: index of the sensitive attribute that charts of one attribute show.
        rate: index of the rate by group that is shown first.
        chosen_class: index of the class whose rates are shown; None for the one with the largest gap.
        reference: what class bias is ranked against, `teacher` or `nds`.
        smoothing: strength of the smoothing of curves, 0 to 3.
        log: names of the panes, or of the measures, that have a logarithmic axis.
        crosshair: whether charts show a cross-hair.
        cross: the cross-hair of each chart, as a place on [0, 1]².
        zoom: the part shown of each chart that is zoomed.
        scroll: the first row shown in each pane that holds more than fits.
        last: how far each of those panes can scroll; 0 if everything fits.
        rows: how many rows each of them has in all.
        revision: grows with every change.
    """

    cursor: str | None = None
    follow: bool = True
    selected: list[str] = field(default_factory=list)
    pinned: list[str] = field(default_factory=list)
    filter: str = ""
    sort: str = "id"
    descending: bool = False
    measure: int = 0
    parameter: int = 0
    attribute: int = 0
    rate: int = 0
    chosen_class: int | None = None
    reference: str = "teacher"
    smoothing: int = 0
    log: set[str] = field(default_factory=set)
    crosshair: bool = False
    cross: dict[str, tuple[float, float]] = field(default_factory=dict)
    zoom: dict[str, Zoom] = field(default_factory=dict)
    scroll: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    revision: int = 0

    def changed(self) -> None:
        """Note that something here has changed."""
        self.revision += 1

    @property
    def compared(self) -> list[str]:
        """The models drawn in colour: the pinned, the selected, then the one under the cursor."""
        found = list(dict.fromkeys([*self.pinned, *self.selected]))
        if self.cursor is not None and self.cursor not in found:
            found.append(self.cursor)
        return found[: COMPARED + 1]

    def slot(self, model_id: str) -> int:
        """Return the number of a compared model's colour and glyph; 0 for any other model."""
        fixed = list(dict.fromkeys([*self.pinned, *self.selected]))
        return fixed.index(model_id) + 1 if model_id in fixed else 0

    def toggle_selected(self, model_id: str) -> bool:
        """Select or unselect a model; return False if eight are compared already."""
        if model_id in self.selected:
            self.selected.remove(model_id)
        elif len(set(self.selected) | set(self.pinned)) >= COMPARED:
            return False
        else:
            self.selected.append(model_id)
        self.changed()
        return True

    def toggle_pinned(self, model_id: str) -> bool:
        """Pin or unpin a model; return False if eight are compared already."""
        if model_id in self.pinned:
            self.pinned.remove(model_id)
        elif len((set(self.selected) | set(self.pinned)) - {model_id}) >= COMPARED:
            return False
        else:
            self.pinned.append(model_id)
        self.changed()
        return True

    def nudge(self, place: str, size: tuple[int, int], dx: int, dy: int) -> None:
        """Move a pane's cross-hair by cells; without one, move a zoomed chart by a tenth of what is in sight."""
        if self.crosshair:
            self.nudge_by(place, dx / max(1, size[0] - 8), dy / max(1, size[1] - 4))
        elif place in self.zoom:
            zoom = self.zoom[place]
            zoom.x += dx * 0.1 / zoom.factor
            zoom.y += dy * 0.1 / zoom.factor
            zoom.hold()
        self.changed()

    def nudge_by(self, place: str, dx: float, dy: float) -> None:
        """Move a pane's cross-hair by shares of the chart."""
        x, y = self.cross.get(place, CENTRE)
        self.cross[place] = (min(1.0, max(0.0, x + dx)), min(1.0, max(0.0, y + dy)))
        self.changed()

    def factor(self, place: str) -> float:
        """Return how much larger a chart is drawn."""
        return self.zoom[place].factor if place in self.zoom else 1.0

    def zoom_by(self, place: str, factor: float) -> None:
        """Draw a chart larger by a factor, around its cross-hair if it has one."""
        zoom = self.zoom.setdefault(place, Zoom())
        if factor > 1 and self.crosshair:
            x, y = self.cross.get(place, CENTRE)
            zoom.x += (x - 0.5) / zoom.factor
            zoom.y += (y - 0.5) / zoom.factor
            self.cross[place] = (0.5, 0.5)
        zoom.factor = min(MOST_ZOOM, max(1.0, zoom.factor * factor))
        zoom.hold()
        if zoom.factor == 1.0:
            del self.zoom[place]
        self.changed()
