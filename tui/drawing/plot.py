"""A plot: its axes, ticks, guides and cross-hair; and the message of a pane that has nothing to show."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..state.view import Zoom
from . import raster
from .canvas import Canvas
from .glyphs import Glyphs
from .raster import Dots, Scale
from .text import fit, width, wrapped

_SIGN_EVERY = 12
"""Columns from one sign on a guide to the next."""

LegendItem = tuple[str, str, str]
"""A sign, what it means, and the sign's style."""


def off_axis(count: int) -> str:
    """Return the words for values that a robust axis leaves out; nothing where it leaves out none."""
    return f"({count:,} value{'' if count == 1 else 's'} off the axis)" if count else ""


def legend(canvas: Canvas, x: int, y: int, items: Sequence[LegendItem]) -> int:
    """Write what signs mean, as many as there is room for; return the next free column."""
    for sign, meaning, style in items:
        if x + width(sign) + 1 + width(meaning) > canvas.width:
            break
        x = canvas.text(x, y, sign, style)
        x = canvas.text(x + 1, y, meaning, "dim") + 2
    return x


def message(
    canvas: Canvas, glyphs: Glyphs, title: str, hint: str = "", *, glyph: str = "empty", style: str = "dim"
) -> Canvas:
    """Write in the middle of a pane why it shows nothing, and what will change that."""
    height = canvas.height
    if height < 1 or canvas.width < 1:
        return canvas
    rows = [(glyphs.glyph(glyph), "faint")] if height >= 5 else []
    rows.append((glyphs.text(title), "text" if style == "dim" else style))
    rows.extend((line, "dim") for line in wrapped(glyphs.text(hint), max(10, canvas.width - 4)))
    top = max(0, (height - len(rows)) // 2)
    for k, (text, name) in enumerate(rows[:height]):
        canvas.centred(top + k, text, name)
    return canvas


class Plot:
    """A rectangle of a canvas with two scales; everything drawn on it is given in the units of the data."""

    def __init__(
        self,
        canvas: Canvas,
        glyphs: Glyphs,
        x: Scale,
        y: Scale,
        *,
        box: tuple[int, int, int, int] | None = None,
        x_label: str = "",
        y_label: str = "",
        whole_x: bool = False,
        zoom: Zoom | None = None,
    ) -> None:
        self.canvas = canvas
        self.glyphs = glyphs
        if zoom is not None and zoom.factor != 1.0:
            x, y = x.zoomed(zoom.x, zoom.factor), y.zoomed(zoom.y, zoom.factor)
        self.x, self.y = x, y
        left, top, wide, high = box or (0, 0, canvas.width, canvas.height)
        label_rows = 1 if y_label else 0
        inner = high - label_rows - (2 if high >= 6 else 1)
        marks = raster.ticks(y.low, y.high, max(2, inner // 3), log=y.log)
        labels = raster.tick_labels(marks, log=y.log)
        gutter = min(max((len(text) for text in labels), default=0), max(0, wide - 8))
        self.left = left + gutter + 1
        self.top = top + label_rows
        self.width = max(0, wide - gutter - 1)
        self.height = max(0, inner)
        if self.width < 2 or self.height < 1:
            return
        canvas.plots.append((self.left, self.top, self.width, self.height))
        self._y_axis(left, top, gutter, marks, labels, y_label)
        self._x_axis(wide, x_label, whole=whole_x, with_labels=high >= 6)

    @property
    def usable(self) -> bool:
        """Whether there is room to draw."""
        return self.width >= 2 and self.height >= 1

    def _y_axis(
        self, left: int, top: int, gutter: int, marks: Sequence[float], labels: Sequence[str], label: str
    ) -> None:
        canvas, glyphs = self.canvas, self.glyphs
        for row in range(self.height):
            canvas.put(self.left - 1, self.top + row, glyphs.glyph("vline"), "axis")
        for value, text in zip(marks, labels, strict=True):
            place = self.row(value)
            if place is not None:
                canvas.right(left + gutter, place, text, "label")
                canvas.put(self.left - 1, place, glyphs.glyph("ltick"), "axis")
        if label:
            canvas.text(left, top, fit(glyphs.text(label), gutter + 1 + self.width), "label")

    def _x_axis(self, wide: int, label: str, *, whole: bool, with_labels: bool) -> None:
        canvas, glyphs = self.canvas, self.glyphs
        row = self.top + self.height
        canvas.put(self.left - 1, row, glyphs.glyph("corner"), "axis")
        for k in range(self.width):
            canvas.put(self.left + k, row, glyphs.glyph("hline"), "axis")
        if not with_labels:
            return
        marks = raster.ticks(self.x.low, self.x.high, max(2, self.width // 9), log=self.x.log)
        if whole:
            marks = [v for v in marks if abs(v - round(v)) < 1e-6]
        labels = raster.tick_labels(marks, log=self.x.log)
        first, end = self.left - 1, self.left + self.width  # the columns that are free for labels
        if (
            whole and (last := math.floor(self.x.high + 1e-9)) >= self.x.low
        ):  # the last epoch always has its number
            start = self._tick(float(last), str(last), row, first, end)
            end = end if start is None else start - 1
        label = glyphs.text(label)
        if label and width(label) <= end - first:
            canvas.right(end, row + 1, label, "label")
            end -= width(label) + 1
        for value, text in zip(marks, labels, strict=True):
            start = self._tick(value, text, row, first, end)
            first = first if start is None else start + len(text) + 1

    def _tick(self, value: float, text: str, row: int, first: int, end: int) -> int | None:
        """Draw a tick and its label if they fit between two columns; return where the label starts."""
        column = self.column(value)
        if column is None:
            return None
        start = max(self.left - 1, min(column - len(text) // 2, self.left + self.width - len(text)))
        if start < first or start + len(text) > end:
            return None
        self.canvas.put(column, row, self.glyphs.glyph("tick"), "axis")
        self.canvas.text(start, row + 1, text, "label")
        return start

    # ---- places ----

    def column(self, value: float) -> int | None:
        """Return the canvas column of an x value, None if it is off the plot."""
        dot = raster.dot(self.x.place(value), raster.DOTS_X * self.width)
        return None if dot < 0 else self.left + dot // raster.DOTS_X

    def row(self, value: float) -> int | None:
        """Return the canvas row of a y value, None if it is off the plot."""
        dot = raster.dot(1 - self.y.place(value), raster.DOTS_Y * self.height)
        return None if dot < 0 else self.top + dot // raster.DOTS_Y

    # ---- drawing ----

    def _stamp(self, dots: Dots, style: str) -> None:
        self.canvas.stamp(
            self.left, self.top, raster.characters(raster.masks(dots), ascii_only=self.glyphs.ascii), style
        )

    def say(self, text: str) -> None:
        """Write in the middle, cut to the plot's width: why nothing is drawn there."""
        shown = fit(self.glyphs.text(text), self.width)
        row = self.top + (self.height - 1) // 2
        self.canvas.text(self.left + (self.width - width(shown)) // 2, row, shown, "dim")

    def curve(self, x: object, y: object, style: str) -> None:
        """Draw a line; a NaN breaks it."""
        self._stamp(raster.line(self.x(x), self.y(y), self.width, self.height), style)  # type: ignore[arg-type]

    def cloud(self, x: object, y: object, style: str = "cloud") -> None:
        """Draw points as single dots."""
        self._stamp(raster.points(self.x(x), self.y(y), self.width, self.height), style)  # type: ignore[arg-type]

    def many(self, curves: Sequence[tuple[object, object]], style: str) -> None:
        """Draw many lines in one style at once."""
        gap = np.array([np.nan])
        xs = [part for x, _ in curves for part in (np.asarray(x, np.float64), gap)]
        ys = [part for _, y in curves for part in (np.asarray(y, np.float64), gap)]
        if xs:
            self.curve(np.concatenate(xs), np.concatenate(ys), style)

    def marker(self, x: float, y: float, char: str, style: str) -> tuple[int, int] | None:
        """Put one marker, a cell large; return its column and row, None if it is off the plot."""
        column, row = self.column(x), self.row(y)
        if column is None or row is None:
            return None
        self.canvas.put(column, row, char, style)
        return column, row

    def spots(self, x: npt.ArrayLike, y: npt.ArrayLike, ids: Sequence[str]) -> None:
        """Note where models are drawn, so that they can be clicked."""
        columns = raster.pixel(self.x(x), raster.DOTS_X * self.width)
        rows = raster.pixel(1 - self.y(y), raster.DOTS_Y * self.height)
        off = (columns < 0) | (rows < 0)
        self.canvas.spots.append(
            (
                np.where(off, -1, self.left + columns // raster.DOTS_X),
                np.where(off, -1, self.top + rows // raster.DOTS_Y),
                ids,
            )
        )

    def end(self, x: float, y: float, char: str, style: str) -> None:
        """Put a curve's sign beside its last point: on it, the sign would stand up to half a row off the curve.

        Where another curve's sign stands, it goes to the row above or below.
        """
        column, row = self.column(x), self.row(y)
        if column is None or row is None:
            return
        column = min(column + 1, self.canvas.width - 1)
        for off in (0, -1, 1):
            if self.top <= row + off < self.top + self.height and self.canvas.free(column, row + off, 1):
                self.canvas.put(column, row + off, char, style)
                self.canvas.hold(column, row + off, 1)
                return

    def bar(self, x: tuple[float, float], y: tuple[float, float], style: str) -> None:
        """Draw a line between two points, up to the border of the plot: an interval."""
        if not any(map(math.isnan, (*x, *y))):
            self.curve(list(x), list(y), style)

    def dashes(self, x: Sequence[float], y: npt.ArrayLike, char: str, style: str) -> None:
        """Draw a dotted curve, one character a column, where nothing else is."""
        values = np.asarray(y, np.float64)
        if not len(values) or not np.isfinite(values).any():
            return
        for column in range(self.left, self.left + self.width):
            place = (column - self.left) / max(1, self.width - 1)
            value = float(np.interp(self.x.inverse(place), x, values, left=np.nan, right=np.nan))
            row = self.row(value)
            if row is not None and self.canvas.chars[row, column] == " ":
                self.canvas.put(column, row, char, style)

    def horizontal(self, y: float, style: str, label: str = "", *, sign: str = "") -> None:
        """Draw a dotted guide at a y value, with its label at the right end, and its sign between the dots."""
        row = self.row(y)
        if row is None:
            return
        canvas = self.canvas
        for column in range(self.left, self.left + self.width, 2):
            # A guide is drawn over the curves in the background.
            if canvas.free(column, row, 1) and (
                canvas.chars[row, column] == " " or canvas.style_at(column, row) == "axis"
            ):
                signed = sign and (column - self.left) % _SIGN_EVERY == _SIGN_EVERY // 2
                canvas.put(column, row, sign if signed else self.glyphs.glyph("dotted"), style)
        label = self.glyphs.text(label)
        start = self.left + self.width - width(label)
        if label and width(label) < self.width - 4:
            while start > self.left and not self._clear(start, row, width(label)):
                start -= 1  # another label stands there, or a point
            if start > self.left:
                canvas.text(start, row, label, style)
                canvas.hold(start, row, width(label))

    def _clear(self, start: int, row: int, cells: int) -> bool:
        """Return whether a label would hide nothing but a guide and curves in the background."""
        canvas = self.canvas
        ground = (" ", self.glyphs.glyph("dotted"), self.glyphs.glyph("vdotted"))
        return canvas.free(start - 1, row, cells + 2) and all(
            canvas.chars[row, x] in ground
            or canvas.style_at(x, row) in ("axis", "faint", "teacher", "nds", "warn")
            for x in range(start, start + cells)
        )

    def vertical(self, x: float, style: str, label: str = "") -> None:
        """Draw a dotted guide at an x value, with its label beside it, as high as there is room."""
        column = self.column(x)
        if column is None:
            return
        canvas = self.canvas
        for row in range(self.top, self.top + self.height):
            if canvas.chars[row, column] == " ":
                canvas.put(column, row, self.glyphs.glyph("vdotted"), style)
        label = self.glyphs.text(label)
        if not label or width(label) >= self.width - 2:
            return
        fits = column + 1 + width(label) <= self.left + self.width
        start = column + 1 if fits else column - width(label)
        for row in range(self.top, self.top + self.height):
            if canvas.free(start, row, width(label)):
                canvas.text(start, row, label, style)
                canvas.hold(start, row, width(label))
                return

    def cross(self, place: tuple[float, float]) -> tuple[float, float]:
        """Draw a cross-hair at a place on [0, 1]²; return the x and y values there."""
        column = self.left + int(raster.pixel([place[0]], self.width)[0])
        row = self.top + int(raster.pixel([1 - place[1]], self.height)[0])
        for k in range(self.left, self.left + self.width):
            if self.canvas.chars[row, k] == " ":
                self.canvas.put(k, row, self.glyphs.glyph("hline"), "faint")
        for k in range(self.top, self.top + self.height):
            if self.canvas.chars[k, column] == " ":
                self.canvas.put(column, k, self.glyphs.glyph("vline"), "faint")
        if self.canvas.chars[row, column] in (self.glyphs.glyph("hline"), self.glyphs.glyph("vline"), " "):
            self.canvas.put(column, row, "+" if self.glyphs.ascii else "┼", "accent")
        return self.x.inverse(place[0]), self.y.inverse(place[1])
