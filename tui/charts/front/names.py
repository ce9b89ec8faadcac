"""Names beside the points of the front's plot."""

from collections.abc import Collection, Mapping

from ...drawing.plot import Plot
from ...drawing.text import width
from ..frame import Frame

_LABELS = 16
"""So many members of the front are named in the plot; more names would hide the points."""

_APART = 4
"""Columns between a name and the next point that it does not belong to."""

_MANY = 250
"""Of more points, none keeps a name from its place: they are single dots."""


def write_names(
    frame: Frame, plot: Plot, places: Mapping[str, tuple[int, int]], names: Mapping[str, str]
) -> None:
    """Write names beside points: on the ground where there is room, else over lines, never over a point.

    Args:
        places: column and row of each point, the most important first.
        names: what is written beside baselines.
    """
    canvas, view = plot.canvas, frame.view
    points = set(places.values())
    taken = set(points)
    for x, y, _ in canvas.spots:
        taken |= set(zip(x.tolist(), y.tolist(), strict=True)) if len(x) <= _MANY else set()
    for model_id, (column, row) in list(places.items())[: _LABELS + len(names)]:
        label = frame.glyphs.text(names.get(model_id) or frame.named(model_id))
        must = model_id in names or model_id in view.compared
        others = points - {(column, row)}
        beside = _beside(column, row, width(label), far=must)
        for over_lines in (must, True):
            free = [
                place
                for place in beside
                if _fits(frame, plot, place, width(label), taken, over_lines=over_lines)
            ]
            clean = [place for place in free if not _misread(place, width(label), others)]
            found = clean or (free if must else [])
            if found:
                start, line = found[0]
                canvas.text(start, line, label, _style(frame, model_id, baseline=model_id in names))
                canvas.hold(start, line, width(label))
                break


def _style(frame: Frame, model_id: str, *, baseline: bool) -> str:
    model = frame.store.model(model_id)
    if baseline and model is not None:
        return model.kind
    return f"series{frame.view.slot(model_id)}" if model_id in frame.view.compared else "front"


def _fits(
    frame: Frame,
    plot: Plot,
    place: tuple[int, int],
    cells: int,
    taken: Collection[tuple[int, int]],
    *,
    over_lines: bool,
) -> bool:
    """Return whether a name would lie in the plot and hide no point and no other name."""
    start, line = place
    inside = plot.left <= start - 1 and start + cells + 1 <= plot.left + plot.width
    if not inside or not plot.top <= line < plot.top + plot.height:
        return False
    if any((x, line) in taken for x in range(start, start + cells)) or not plot.canvas.free(
        start, line, cells
    ):
        return False
    below = plot.canvas.chars[line, start - 1 : start + cells + 1].tolist()
    if over_lines:
        return not any(char.isalnum() for char in below)
    ground = (" ", frame.glyphs.glyph("dotted"), frame.glyphs.glyph("vdotted"))
    return all(char in ground for char in below)


def _beside(column: int, row: int, cells: int, *, far: bool) -> list[tuple[int, int]]:
    """Return where a name of so many cells may begin, the best place first: beside its point, then rows off.

    Args:
        far: more than one row off too, so that the name is written in any case; others would seem to be elsewhere.
    """
    return [
        (start, row + off)
        for off in ((0, -1, 1, -2, 2, -3, 3) if far else (0, -1, 1))
        for start in (column + 2, column - 1 - cells)
    ]


def _misread(place: tuple[int, int], cells: int, others: Collection[tuple[int, int]]) -> bool:
    """Return whether a name of so many cells would stand beside another point that has a name."""
    start, row = place
    return any(y == row and start - _APART <= x < start + cells + _APART for x, y in others)
