"""Who gets which class wrong: of each class, the share of each group's examples that the student misses."""

import math

import numpy as np

from kdtune.fairness import Counts, wilson
from kdtune.text import plain, signed

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit, number, width
from ...state.noise import difference
from ..frame import Frame
from .gaps import shown_model

_CELL = 11
"""Columns for a rate with its interval."""

_GAP = 18
"""Columns for the largest difference and its interval."""

_LEVELS = 16


def group_classes(frame: Frame) -> Canvas:
    """Draw a table: classes in rows, the largest sure difference between groups first; groups in columns."""
    shown = shown_model(frame)
    if isinstance(shown, Canvas):
        return shown
    _, reports = shown
    attribute, canvas, glyphs = frame.attribute, frame.canvas(), frame.glyphs
    counts = reports[-1].counts.get(attribute)
    if counts is None:
        return frame.nothing(f"no counts by {attribute}", "the run's reports do not hold them")
    title = f"share of its examples that are missed, by {plain(attribute)}   epoch {reports[-1].epoch}"
    canvas.text(0, 0, fit(glyphs.text(title), canvas.width), "dim")
    names = [plain(name) for name in frame.store.record.classes]
    groups = [plain(name) for name in frame.store.record.attributes[attribute]]
    label = min(max([5, *map(width, names)]), max(6, canvas.width // 5), 16)
    room = canvas.width - label - 1 - _GAP
    cell = min(max([_CELL, *(width(name) + 1 for name in groups)]), max(_CELL, room // len(groups)))
    columns = max(0, min(len(groups), room // cell))
    _heading(frame, canvas, groups, counts, (label, cell, columns))
    missed, low, high = _missed(counts)
    shades = raster.levels(missed, 0.0, 1.0, _LEVELS)
    differences = [_largest(missed[:, c], low[:, c], high[:, c]) for c in range(counts.n_classes)]
    order = sorted(range(counts.n_classes), key=lambda c: _rank(differences[c]))
    rows = max(0, canvas.height - 3)
    start = frame.scrolled("group_classes", len(order), rows)
    for y, c in enumerate(order[start : start + rows], 3):
        canvas.text(0, y, fit(glyphs.text(names[c]), label), "text")
        for g in range(columns):
            reach = max(missed[g, c] - low[g, c], high[g, c] - missed[g, c])
            text = number(float(missed[g, c]), 2)
            text += "" if math.isnan(reach) else f" ±{number(float(reach), 2).lstrip('0')}"
            plain_style = "text" if glyphs.mono or glyphs.ascii else f"heat{int(shades[g, c])}"
            style = "dim" if shades[g, c] < 0 else plain_style
            canvas.text(label + 1 + g * cell, y, fit(glyphs.text(text), cell - 1, align="right"), style)
        _difference(frame, canvas, y, differences[c])
    return canvas


def _heading(
    frame: Frame, canvas: Canvas, groups: list[str], counts: Counts, layout: tuple[int, int, int]
) -> None:
    label, cell, columns = layout
    canvas.text(0, 1, fit("class", label), "heading")
    canvas.text(0, 2, fit("n", label), "dim")
    for g in range(columns):
        x = label + 1 + g * cell
        canvas.text(x, 1, fit(frame.glyphs.text(groups[g]), cell - 1, align="right"), "heading")
        canvas.text(x, 2, fit(f"{int(counts.group_sizes[g]):,}", cell - 1, align="right"), "dim")
    canvas.right(canvas.width, 1, frame.glyphs.text("difference"), "heading")
    if columns < len(groups):
        canvas.right(canvas.width, 2, f"+{len(groups) - columns} groups", "dim")


def _missed(counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the share missed [G, C] and both ends of its 95 % interval; NaN without examples."""
    wrong = counts.examples - counts.hits
    low, high = wilson(wrong, counts.examples)
    return 1 - counts.tpr, low, high


Difference = tuple[float, float, float, int]
"""The difference between the worst and the best group, both ends of its interval, and the worst group."""


def _largest(missed: np.ndarray, low: np.ndarray, high: np.ndarray) -> Difference:
    if np.isfinite(missed).sum() < 2:
        return math.nan, math.nan, math.nan, -1
    worst, best = int(np.nanargmax(missed)), int(np.nanargmin(missed))
    a, b = float(missed[worst]), float(missed[best])
    ends = difference(a, (float(low[worst]), float(high[worst])), b, (float(low[best]), float(high[best])))
    return a - b, ends[0], ends[1], worst


def _rank(found: Difference) -> tuple[bool, float, float]:
    value, low, _, _ = found
    return math.isnan(value), -low if not math.isnan(low) else 0.0, -value if not math.isnan(value) else 0.0


def _difference(frame: Frame, canvas: Canvas, y: int, found: Difference) -> None:
    value, low, high, worst = found
    if worst < 0:
        canvas.right(canvas.width, y, "undefined", "dim")
        return
    sure = low > 0
    ends = ", ".join(number(end, 2).replace("0.", ".", 1) for end in (low, high))
    text = f"{signed(value, 2)} [{ends}]"
    canvas.right(canvas.width, y, frame.glyphs.text(text), "loss" if sure else "dim")
