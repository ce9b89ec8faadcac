"""Pure functions from arrays to cells: braille lines and points, bars, heat maps.

A cell holds 2 × 4 pixels, the dots of braille; x grows to the right, y downwards. A NaN is a gap.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Dots = npt.NDArray[np.bool_]
Chars = npt.NDArray[np.str_]

DOTS_X, DOTS_Y = 2, 4

_ROBUST_FROM = 6
"""Of fewer values none is far off."""

_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
_BRAILLE = np.array([" ", *(chr(0x2800 + k) for k in range(1, 256))], "<U1")


def _ascii_dots() -> Chars:
    """Return for each set of dots an ASCII character of a similar place and weight."""
    table = [" "]
    for mask in range(1, 256):
        lit = [(mask & int(_BITS[y, x])) != 0 for y in range(4) for x in range(2)]
        rows = [y for y in range(4) if lit[2 * y] or lit[2 * y + 1]]
        if sum(lit) >= 5:
            table.append("#")
        elif max(rows) - min(rows) >= 2:
            table.append("|" if lit[0::2].count(True) == 0 or lit[1::2].count(True) == 0 else "/")
        else:
            table.append("'" if max(rows) <= 1 else "." if min(rows) >= 2 else "-")
    return np.array(table, "<U1")


_ASCII = _ascii_dots()


@dataclass(frozen=True)
class Scale:
    """Maps values to places on [0, 1]: `low` to 0 and `high` to 1, linearly or by their logarithm."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def over(cls, values: npt.ArrayLike, *, log: bool = False, margin: float = 0.04) -> "Scale":
        """Return a scale for all finite values (with log: all above 0), with a margin on both sides."""
        array = np.asarray(values, np.float64).ravel()
        array = array[np.isfinite(array)]
        if log:
            positive = array[array > 0]
            if not positive.size:
                return cls(0.1, 1.0, log=True)
            low, high = math.log10(positive.min()), math.log10(positive.max())
            pad = margin * (high - low) or 0.5
            return cls(max(10 ** (low - pad), math.ulp(0.0)), 10 ** (high + pad), log=True)
        if not array.size:
            return cls(0.0, 1.0)
        low, high = float(array.min()), float(array.max())
        pad = margin * (high - low) or max(abs(high) * 0.1, 0.05)
        return cls(low - pad, high + pad)

    @classmethod
    def robust(cls, values: npt.ArrayLike, *, log: bool = False, margin: float = 0.04) -> tuple["Scale", int]:
        """Return a scale that far-off values do not stretch, and how many lie beyond it.

        Far off is more than 1.5 times the distance of the 10 % and 90 % quantiles beyond them, as in a box plot; so
        the first epochs do not squeeze the others.
        """
        array = np.asarray(values, np.float64).ravel()
        array = array[np.isfinite(array)]
        if array.size < _ROBUST_FROM or log:
            return cls.over(array, log=log, margin=margin), 0
        low, high = np.quantile(array, (0.1, 0.9))
        reach = 1.5 * (high - low)
        near = (array >= low - reach) & (array <= high + reach)
        if not reach:
            near[:] = True
        return cls.over(array[near], margin=margin), int((~near).sum())

    def clamp(self, low: float, high: float) -> "Scale":
        """Return the part of the scale in which values can lie."""
        return Scale(max(self.low, low), min(self.high, high), self.log)

    def __call__(self, values: npt.ArrayLike) -> Floats:
        """Return the places of values; NaN for NaN and, with log, for values that are not above 0."""
        array = np.asarray(values, np.float64)
        low, high = self.low, self.high
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                array = np.where(array > 0, np.log10(array), np.nan)
            low, high = math.log10(low), math.log10(high)
        span = high - low
        return np.asarray((array - low) / span if span > 0 else array * 0 + 0.5)

    def place(self, value: float) -> float:
        """Return the place of one value: the same as `self([value])`, without an array."""
        low, high = self.low, self.high
        if self.log:
            if not value > 0:
                return math.nan
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return (value - low) / (high - low) if high > low else value * 0 + 0.5

    def inverse(self, place: float) -> float:
        """Return the value at a place."""
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return float(10 ** (low + place * (high - low)))
        return self.low + place * (self.high - self.low)

    def zoomed(self, centre: float, factor: float) -> "Scale":
        """Return a scale `factor` times smaller, centred on a place."""
        half = 0.5 / factor
        return Scale(self.inverse(centre - half), self.inverse(centre + half), self.log)


def pixel(places: npt.ArrayLike, size: int) -> npt.NDArray[np.int64]:
    """Return the pixels of places on [0, 1], both ends included; -1 for NaN and for places outside."""
    array = np.asarray(places, np.float64)
    inside = (array >= -1e-9) & (array <= 1 + 1e-9)
    safe = np.where(inside, array, 0.0)
    return np.where(inside, np.clip(np.rint(safe * (size - 1)), 0, size - 1), -1).astype(np.int64)


def dot(place: float, size: int) -> int:
    """Return the pixel of one place: the same as `pixel` gives."""
    if not -1e-9 <= place <= 1 + 1e-9:
        return -1
    return max(0, min(size - 1, round(place * (size - 1))))


def points(x: npt.ArrayLike, y: npt.ArrayLike, width: int, height: int) -> Dots:
    """Return dots [4 height, 2 width], lit at places on [0, 1] (x to the right, y upwards)."""
    dots = np.zeros((DOTS_Y * height, DOTS_X * width), bool)
    if width < 1 or height < 1:
        return dots
    px, py = pixel(x, DOTS_X * width), pixel(1 - np.asarray(y, np.float64), DOTS_Y * height)
    ok = (px >= 0) & (py >= 0)
    dots[py[ok], px[ok]] = True
    return dots


def line(x: npt.ArrayLike, y: npt.ArrayLike, width: int, height: int) -> Dots:
    """Return dots [4 height, 2 width], lit along the lines between successive places; a NaN breaks the line.

    A line to a place outside [0, 1] is drawn up to the border.
    """
    dots = np.zeros((DOTS_Y * height, DOTS_X * width), bool)
    if width < 1 or height < 1:
        return dots
    columns, rows = DOTS_X * width, DOTS_Y * height
    px = np.asarray(x, np.float64) * (columns - 1)
    py = (1 - np.asarray(y, np.float64)) * (rows - 1)
    known = np.isfinite(px) & np.isfinite(py)
    if px.size > 1:
        joined = known[1:] & known[:-1]
        ax, bx, ay, by = px[:-1][joined], px[1:][joined], py[:-1][joined], py[1:][joined]
        if ax.size:
            reach = 4 * max(columns, rows)
            steps = np.ceil(np.maximum(np.abs(bx - ax), np.abs(by - ay))).clip(1, reach).astype(np.int64) + 1
            which = np.repeat(np.arange(len(steps)), steps)
            first = np.cumsum(steps) - steps
            share = (np.arange(len(which)) - first[which]) / (steps[which] - 1)
            _light(dots, ax[which] + share * (bx - ax)[which], ay[which] + share * (by - ay)[which])
    _light(dots, px[known], py[known])
    return dots


def _light(dots: Dots, x: Floats, y: Floats) -> None:
    column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    ok = (column >= 0) & (column < dots.shape[1]) & (row >= 0) & (row < dots.shape[0])
    dots[row[ok], column[ok]] = True


def masks(dots: Dots) -> npt.NDArray[np.uint8]:
    """Return the dots of each cell as bits of its braille pattern: [4 h, 2 w] -> [h, w]."""
    bits = dots.view(np.uint8)
    found = np.zeros((dots.shape[0] // DOTS_Y, dots.shape[1] // DOTS_X), np.uint8)
    for y in range(DOTS_Y):
        for x in range(DOTS_X):
            found |= bits[y::DOTS_Y, x::DOTS_X] * _BITS[y, x]
    return found


def characters(mask: npt.NDArray[np.uint8], *, ascii_only: bool = False) -> Chars:
    """Return the characters of braille patterns, a blank where no dot is lit."""
    table: Chars = _ASCII if ascii_only else _BRAILLE
    return np.asarray(table[mask])


def staircase(x: Floats, y: Floats, x_end: float, y_end: float) -> tuple[Floats, Floats]:
    """Return the corners of the border of the region that points dominate, both coordinates minimised.

    The points must be a front sorted by x, so that y falls. The border runs from (x[0], y_end) through the points to
    (x_end, y[-1]).
    """
    if not len(x):
        return np.zeros(0), np.zeros(0)
    xs = np.concatenate([np.repeat(x, 2), [x_end]])
    ys = np.concatenate([[y_end], np.repeat(y, 2)])
    return xs, ys


def levels(values: npt.ArrayLike, low: float, high: float, count: int = 16) -> npt.NDArray[np.int64]:
    """Return the levels of values between low and high, 0 to count - 1; -1 for NaN."""
    array = np.asarray(values, np.float64)
    share = (array - low) / (high - low) if high > low else np.where(np.isnan(array), np.nan, 0.5)
    known = np.isfinite(share)
    return np.where(known, np.clip(np.floor(np.where(known, share, 0) * count), 0, count - 1), -1).astype(
        np.int64
    )


def bar(cells: float, width: int, *, ascii_only: bool = False) -> str:
    """Return a thin bar that is so many cells long, to half a cell."""
    halves = max(0, min(round(2 * cells), 2 * width)) if math.isfinite(cells) else 0
    if ascii_only:
        return "=" * ((halves + 1) // 2)
    return "━" * (halves // 2) + ("╸" if halves % 2 else "")


def bar_left(cells: float, width: int, *, ascii_only: bool = False) -> str:
    """Return a thin bar that grows to the left, padded to the width."""
    halves = max(0, min(round(2 * cells), 2 * width)) if math.isfinite(cells) else 0
    if ascii_only:
        return ("=" * ((halves + 1) // 2)).rjust(width)
    return (("╺" if halves % 2 else "") + "━" * (halves // 2)).rjust(width)


_SPARKS = "▁▂▃▄▅▆▇"  # not the full block: rows would run into each other


def spark(values: Floats, width: int, *, ascii_only: bool = False) -> str:
    """Return values as a row of small bars between their own extremes; blanks for NaN.

    Of more values than cells, evenly spaced ones are chosen.
    """
    if not len(values) or width < 1:
        return " " * width
    if len(values) > width:
        values = values[np.linspace(0, len(values) - 1, width).round().astype(int)]
    table = "_.-=oO#" if ascii_only else _SPARKS
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return "".join(" " if k < 0 else table[k] for k in levels(values, low, high, len(table))).ljust(width)


_STEPS = (1, 2, 2.5, 5, 10, 20, 25, 50)


def ticks(low: float, high: float, most: int, *, log: bool = False) -> list[float]:
    """Return at most `most` round values inside [low, high], but two if the range has two.

    They are evenly spaced; with log they are powers of ten or, if these are too few, 1, 2, 5 of each decade.
    """
    if most < 1 or not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return []
    if log and len(found := _log_ticks(low, high, most)) >= 2:
        return found[:most]
    least = min(2, most)
    raw = (high - low) / most
    power = 10 ** math.floor(math.log10(raw))
    found = []
    for factor in reversed((0.1, 0.2, 0.25, 0.5, *_STEPS)):
        step = factor * power
        first = math.ceil(low / step - 1e-9)
        last = math.floor(high / step + 1e-9)
        if last - first + 1 > most and len(found) >= least:
            return found
        found = [k * step for k in range(first, last + 1)]
        if len(found) > most:
            return found[:: len(found) - 1][:most]
    return found


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    if last - first > 1_000:
        return []

    def inside(steps: Sequence[int]) -> list[float]:
        marks = [step * 10.0**k for k in range(first, last + 1) for step in steps]
        return [mark for mark in marks if low * (1 - 1e-9) <= mark <= high * (1 + 1e-9)]

    powers, thirds, all_ = inside((1,)), inside((1, 2, 5)), inside(range(1, 10))
    if 3 <= len(thirds) <= most:
        return thirds
    if len(thirds) < 3 and 2 <= len(all_) <= most:
        return all_
    if len(powers) >= 2:
        return powers[:: math.ceil(len(powers) / most)]
    return thirds if len(thirds) <= most else [thirds[0], thirds[-1]]


def tick_labels(marks: Sequence[float], *, log: bool = False) -> list[str]:
    """Return the labels of ticks; those of a linear axis have as many digits as their values need."""
    if log:
        return [tick_label(mark, 0) for mark in marks]
    digits = next((d for d in range(5) if all(abs(v * 10**d - round(v * 10**d)) < 1e-6 for v in marks)), 4)
    return [tick_label(mark, 10.0**-digits) for mark in marks]


def tick_label(value: float, step: float) -> str:
    """Return a tick's label, with as many digits as tell it from its neighbours."""
    if value == 0:
        return "0"
    if not step:
        return f"{value:g}"
    if abs(value) >= 1e5 or abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    digits = max(0, min(4, math.ceil(-math.log10(abs(step)) - 1e-9)))
    if abs(step * 10**digits - round(step * 10**digits)) > 1e-6:
        digits += 1
    return f"{value:.{digits}f}"
