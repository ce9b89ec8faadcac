"""Who gets which class wrong: of each class, the share of each group's examples that the student misses."""

import math
from dataclasses import dataclass

import numpy as np

from kdtune.fairness import Counts, wilson
from kdtune.text import plain, signed

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit, number, width
from ...state.noise import difference
from ..frame import Frame
from .gaps import shown_model

_CELL, _BARE = 11, 6
"""Columns for a rate with its interval, and without: the intervals go where all groups fit only without them."""

_GAP = 18
"""Columns for the largest difference and its interval."""

_WORST = 12
"""Most columns for the name of the group that misses most."""

_LEVELS = 16


@dataclass(frozen=True)
class _Layout:
    """Columns of the table.

    Attributes:
        label: columns of a class's name.
        cell: columns of a group.
        shown: number of groups that fit.
        worst: columns for the name of the group that misses most; 0 where two groups show it themselves.
    """

    label: int
    cell: int
    shown: int
    worst: int

    @classmethod
    def of(cls, cells: int, classes: list[str], groups: list[str]) -> "_Layout":
        longest = max(map(width, groups))
        label = min(max([5, *map(width, classes)]), max(6, cells // 5), 16)
        worst = min(max(5, longest), _WORST) if len(groups) > 2 else 0
        room = max(0, cells - label - 1 - _GAP - (worst + 1 if worst else 0))
        least = _CELL if _CELL * len(groups) <= room else _BARE
        cell = max(least, min(longest + 1, room // len(groups)))
        return cls(label, cell, min(len(groups), room // cell), worst)

    @property
    def with_intervals(self) -> bool:
        """Whether each rate has room for its interval."""
        return self.cell >= _CELL


def group_classes(frame: Frame) -> Canvas:
    """Draw a table: classes in rows, the largest sure difference between groups first; groups in columns."""
    shown = shown_model(frame)
    if isinstance(shown, Canvas):
        return shown
    report = frame.at_cross(shown[1])[-1]
    attribute, canvas, glyphs = frame.attribute, frame.canvas(), frame.glyphs
    counts = report.counts.get(attribute)
    if counts is None:
        return frame.nothing(f"no counts by {attribute}", "the run's reports do not hold them")
    title = f"epoch {report.epoch}   missed share of each class, by {plain(attribute)}"
    canvas.text(0, 0, fit(glyphs.text(title), canvas.width), "accent" if frame.view.crosshair else "dim")
    names = [plain(name) for name in frame.store.record.classes]
    groups = [plain(name) for name in frame.store.record.attributes[attribute]]
    plan = _Layout.of(canvas.width, names, groups)
    _heading(frame, canvas, groups, counts, plan)
    missed, low, high = _missed(counts)
    shades = raster.levels(missed, 0.0, 1.0, _LEVELS)
    differences = [_largest(missed[:, c], low[:, c], high[:, c]) for c in range(counts.n_classes)]
    order = sorted(range(counts.n_classes), key=lambda c: _rank(differences[c]))
    rows = max(0, canvas.height - 3)
    start = frame.scrolled("group_classes", len(order), rows)
    for y, c in enumerate(order[start : start + rows], 3):
        canvas.text(0, y, fit(glyphs.text(names[c]), plan.label), "text")
        for g in range(plan.shown):
            reach = max(missed[g, c] - low[g, c], high[g, c] - missed[g, c])
            text = number(float(missed[g, c]), 2)
            if plan.with_intervals and not math.isnan(reach):
                text += f" ±{number(float(reach), 2).lstrip('0')}"
            plain_style = "text" if glyphs.mono or glyphs.ascii else f"heat{int(shades[g, c])}"
            style = "dim" if shades[g, c] < 0 else plain_style
            x = plan.label + 1 + g * plan.cell
            canvas.text(x, y, fit(glyphs.text(text), plan.cell - 1, align="right"), style)
        _difference(frame, canvas, y, differences[c], groups, plan)
    return canvas


def _heading(frame: Frame, canvas: Canvas, groups: list[str], counts: Counts, plan: _Layout) -> None:
    glyphs = frame.glyphs
    canvas.text(0, 1, fit("class", plan.label), "heading")
    canvas.text(0, 2, fit("n", plan.label), "dim")
    for g in range(plan.shown):
        x = plan.label + 1 + g * plan.cell
        canvas.text(x, 1, fit(glyphs.text(groups[g]), plan.cell - 1, align="right"), "heading")
        canvas.text(x, 2, fit(f"{int(counts.group_sizes[g]):,}", plan.cell - 1, align="right"), "dim")
    canvas.right(canvas.width, 1, "difference", "heading")
    if plan.worst:
        canvas.text(canvas.width - _GAP - 1 - plan.worst, 1, fit("worst", plan.worst), "heading")
    hidden = len(groups) - plan.shown
    if hidden:
        canvas.right(canvas.width, 2, f"{hidden} more group{'' if hidden == 1 else 's'}", "dim")


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


def _difference(
    frame: Frame, canvas: Canvas, y: int, found: Difference, groups: list[str], plan: _Layout
) -> None:
    value, low, high, worst = found
    if worst < 0:
        canvas.right(canvas.width, y, "undefined", "dim")
        return
    style = "loss" if low > 0 else "dim"
    ends = ", ".join(number(end, 2).replace("0.", ".", 1) for end in (low, high))
    canvas.right(canvas.width, y, frame.glyphs.text(f"{signed(value, 2)} [{ends}]"), style)
    if plan.worst and value > 0:
        x = canvas.width - _GAP - 1 - plan.worst
        canvas.text(x, y, fit(frame.glyphs.text(groups[worst]), plan.worst), style)
