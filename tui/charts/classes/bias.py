"""Per-class bias: how each class's relative accuracy changed from the teacher, or from the NDS, to the student."""

import numpy as np
import numpy.typing as npt

from kdtune.errors import KdtuneError
from kdtune.fairness import Counts, class_bias
from kdtune.runs.records import ALL
from kdtune.runs.state import ModelState
from kdtune.text import counted, number, plain, signed

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit, width
from ...state.noise import class_bias_margin
from ..frame import Frame

_BOTH_FROM = 50
"""Columns from which both references are shown side by side."""

_MARGIN_FROM = 26
"""Columns from which a bar has its 95 % interval beside its value."""

_TITLES = {"teacher": "student − teacher", "nds": "student − NDS"}
_OF_WHAT = "accuracy of the class ÷ of all"


def no_bias(frame: Frame) -> Canvas | None:
    """Return a canvas that says why there is no class bias to draw, None if there may be."""
    model = frame.cursor
    if model is None:
        return frame.not_yet("no trial", "class bias appears with the first report")
    if not frame.reports_of(model.id):
        waiting = "reading its reports" if model.epoch else "its first epoch is still running"
        return frame.nothing(f"{plain(model.id)}: no report yet", waiting)
    return None


def bias(frame: Frame) -> Canvas:
    """Draw class bias as ranked bars, the extremes first: losers from the top, winners from the bottom."""
    empty = no_bias(frame)
    if empty is not None:
        return empty
    model = frame.cursor
    assert model is not None
    report = frame.at_cross(frame.reports_of(model.id))[-1]
    values = {kind: bias_of(frame, model, report.counts[ALL], kind) for kind in ("teacher", "nds")}
    known = [kind for kind, found in values.items() if found is not None]
    if not known:
        return frame.nothing("nothing to compare with", "neither teacher nor NDS has reported")
    canvas = frame.canvas()
    first = frame.view.reference if frame.view.reference in known else known[0]
    shown = known if canvas.width >= _BOTH_FROM else [first]
    order = ranked(values[first])
    names = [plain(name) for name in frame.store.record.classes]
    label = min(max((width(name) for name in names), default=4), max(6, canvas.width // 6), 18)
    head = _heading(frame, canvas, report.epoch, label, shown)
    rows = canvas.height - head
    if rows < 1:
        return canvas
    columns = {kind: column for kind in shown if (column := values[kind]) is not None}
    margins = {kind: _margin(frame, model, report.counts[ALL], kind) for kind in columns}
    visible, more = window(len(order), rows, frame.scrolled("bias", len(order), rows))
    sizes = np.abs(np.concatenate(list(columns.values())))
    peak = max(0.05, float(np.nanmax(sizes, initial=0.0, where=np.isfinite(sizes))))
    tall = 2 if 2 * len(visible) <= rows else 1
    for k, place in enumerate(visible):
        y = head + k * tall
        if place < 0:
            hidden = f"{frame.glyphs.glyph('more')} {counted(more, 'class')} between"
            canvas.text(0, y, fit(frame.glyphs.text(hidden), canvas.width), "dim")
            continue
        index = int(order[place])
        canvas.text(0, y, fit(frame.glyphs.text(names[index]), label), "text")
        left = label + 1
        share = (canvas.width - left) // len(shown)
        for n, (kind, column) in enumerate(columns.items()):
            cells = share - (3 if n + 1 < len(shown) else 0)
            place_ = (left + n * share, y, cells)
            _bar(frame, canvas, place_, float(column[index]), float(margins[kind][index]), peak)
    return canvas


def _margin(frame: Frame, model: ModelState, counts: Counts, kind: str) -> npt.NDArray[np.float64]:
    reference = frame.store.reference(model, kind)
    assert reference is not None
    return class_bias_margin(counts, frame.reports_of(reference.id)[-1].counts[ALL])


def bias_rows(classes: int) -> int:
    """Return how many rows the chart can use: a heading, then each class with a blank row below it."""
    return 1 + 2 * classes


def _heading(frame: Frame, canvas: Canvas, epoch: int, label: int, shown: list[str]) -> int:
    if canvas.height < 4:
        return 0
    left = label + 1
    share = (canvas.width - left) // len(shown)
    said = next((text for text in (f"epoch {epoch}", f"e{epoch}") if len(text) <= label), "")
    canvas.text(0, 0, said, "accent" if frame.view.crosshair else "dim")
    for n, kind in enumerate(shown):
        title = f"{_OF_WHAT}, {_TITLES[kind]}"
        if width(title) > share - 1:
            title = _TITLES[kind]
        canvas.text(left + n * share, 0, fit(frame.glyphs.text(title), share - 1, align="center"), kind)
    return 1


def bias_of(frame: Frame, model: ModelState, counts: Counts, kind: str) -> npt.NDArray[np.float64] | None:
    """Return class bias [C] against a reference's last report; None if there is nothing to compare with."""
    reference = frame.store.reference(model, kind)
    if reference is None or reference.id == model.id:
        return None
    reports = frame.reports_of(reference.id)
    if not reports:
        return None
    try:
        return np.asarray(class_bias(counts, reports[-1].counts[ALL]))
    except KdtuneError:
        return None


def ranked(values: npt.NDArray[np.float64] | None) -> npt.NDArray[np.int64]:
    """Return the classes from the largest loss to the largest gain; undefined ones stand in the middle, as zeros."""
    assert values is not None
    return np.argsort(np.nan_to_num(values), kind="stable").astype(np.int64)


def window(count: int, rows: int, offset: int) -> tuple[list[int], int]:
    """Return which of `count` ranked things fill the rows, and how many are left out.

    Without an offset, both ends are shown and -1 marks the gap between them; with one, a plain window starts there.
    """
    if count <= rows:
        return list(range(count)), 0
    if offset > 0:
        start = min(offset, count - rows)
        return list(range(start, start + rows)), count - rows
    upper = max(1, rows // 2)
    lower = max(0, rows - upper - 1)
    hidden = count - upper - lower
    return [*range(upper), -1, *range(count - lower, count)][:rows], hidden


def _bar(
    frame: Frame, canvas: Canvas, place: tuple[int, int, int], value: float, margin: float, peak: float
) -> None:
    """Draw a bar from the middle of some cells and its value; within its margin it is drawn as no bias."""
    glyphs, (x, y, cells) = frame.glyphs, place
    text = signed(value, 2)
    if cells >= _MARGIN_FROM and np.isfinite(margin):
        text += f" ±{number(margin, 2).lstrip('0')}"
    sure = np.isfinite(value) and abs(value) > margin
    style = "dim" if not sure else "gain" if value > 0 else "loss"
    half = (cells - width(text) - 2) // 2
    if half < 2:
        canvas.text(x, y, fit(glyphs.text(text), cells, align="right"), style)
        return
    middle = x + half
    canvas.put(middle, y, glyphs.glyph("zero"), "axis")
    if np.isfinite(value):
        size = abs(value) / peak * half
        if value < 0:
            left = raster.bar_left(size, half, ascii_only=glyphs.ascii)
            canvas.stamp(x, y, np.array([list(left)], "<U1"), style)
        else:
            canvas.text(middle + 1, y, raster.bar(size, half, ascii_only=glyphs.ascii), style)
    canvas.right(x + cells, y, glyphs.text(text), style)
