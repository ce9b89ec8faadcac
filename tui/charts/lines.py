"""Lines over epochs with their names at the right, one panel above the other: groups, classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..drawing.canvas import Canvas
from ..drawing.plot import Plot, off_axis
from ..drawing.raster import Scale
from ..drawing.text import fit, number, width
from ..state.view import CENTRE, EPOCH
from .frame import Frame

Floats = npt.NDArray[np.float64]

NAMED = 8
"""So many lines have a colour, a sign and a name; the others are drawn faintly."""

_NAMES_FROM = 44
"""Names stand to the right of the lines from so many columns on."""


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        slot: number of its colour and sign; 0 for a line without a name.
        values: by epoch, from 1; NaN is a gap.
        said: its last value in words.
    """

    name: str
    slot: int
    values: Floats
    said: str


@dataclass(frozen=True)
class Panel:
    """What a panel shows: lines, and guides with their names and styles."""

    title: str
    lines: Sequence[Line]
    guides: Sequence[tuple[float, str, str]] = ()
    bounds: tuple[float, float] = (-math.inf, math.inf)


def draw_panel(frame: Frame, canvas: Canvas, panel: Panel, top: int, height: int, pool: Floats) -> None:
    """Draw a panel into some rows.

    Args:
        pool: the values that the axis must hold: those of both students where two are shown side by side.
    """
    scale, beyond = Scale.robust(pool, margin=0.06)
    note = f"   {off_axis(beyond)}" if beyond else ""
    names = [line for line in panel.lines if line.slot]
    right = _right(canvas.width, names)
    plot = Plot(
        canvas,
        frame.glyphs,
        Scale(1.0, float(frame.axis_epochs)),
        scale.clamp(*panel.bounds),
        box=(0, top, canvas.width - right, height),
        x_label="epoch",
        y_label=" ",
        whole_x=True,
        zoom=frame.view.zoom.get(EPOCH),
    )
    if not plot.usable:
        return
    canvas.text(0, top, fit(frame.glyphs.text(panel.title + note), canvas.width), "label")
    if panel.lines and not any(np.isfinite(line.values).any() for line in panel.lines):
        plot.say("undefined in every epoch")
    for value, label, style in panel.guides:
        plot.horizontal(value, style, label)
    plot.many([(_epochs(line), line.values) for line in panel.lines if not line.slot], "axis")
    for line in reversed(names):
        plot.curve(_epochs(line), line.values, f"series{line.slot}")
    _write_names(frame, plot, names, right)
    if frame.view.crosshair:
        _read_out(frame, canvas, plot, names, top)


def _epochs(line: Line) -> Floats:
    return np.arange(1, len(line.values) + 1, dtype=np.float64)


def _right(cells: int, names: Sequence[Line]) -> int:
    """Return how many columns the names get."""
    if cells < _NAMES_FROM or not names:
        return 2
    longest = max(width(line.name) + 1 + width(line.said) for line in names)
    return min(longest + 4, cells // 2)


def _write_names(frame: Frame, plot: Plot, names: Sequence[Line], right: int) -> None:
    """Write each line's sign and name at the height of its end; names never share a row."""
    ends: list[tuple[int, Line]] = []
    for line in names:
        known = line.values[np.isfinite(line.values)]
        row = plot.row(float(known[-1])) if known.size else None
        ends.append((plot.top + plot.height - 1 if row is None else row, line))
    ends.sort(key=lambda end: end[0])
    last = plot.top - 1
    rows: list[int] = []
    for row, _ in ends:
        last = max(row, last + 1)
        rows.append(last)
    over = max(0, last - (plot.top + plot.height - 1))
    limit = plot.top + plot.height
    for k in range(len(rows) - 1, -1, -1):
        rows[k] = min(rows[k], limit - 1) if over else rows[k]
        limit = rows[k]
    x = plot.left + plot.width
    for row, (_, line) in zip(rows, ends, strict=True):
        if row < plot.top:
            continue
        plot.canvas.text(x, row, frame.glyphs.series(line.slot), f"series{line.slot}")
        room = right - 3 - width(line.said)
        if room >= 3:
            plot.canvas.text(x + 2, row, fit(frame.glyphs.text(line.name), room), f"series{line.slot}")
            plot.canvas.right(plot.canvas.width, row, frame.glyphs.text(line.said), "text")


def _read_out(frame: Frame, canvas: Canvas, plot: Plot, names: Sequence[Line], top: int) -> None:
    plot.cross(frame.view.cross.get(EPOCH, CENTRE))
    epoch = frame.cross_epoch() or 1
    parts = [f"epoch {epoch}"]
    for line in names:
        value = float(line.values[epoch - 1]) if epoch <= len(line.values) else math.nan
        parts.append(f"{line.name} {number(value)}")
    text = frame.glyphs.text("  ".join(parts))
    canvas.text(0, top, fit(text, canvas.width), "accent")
