"""What the figures of an export and those of a run's notebook share: axes of objectives, models, chance, the staircase.

A model is a filled mark with 95 % whiskers, blue dots for students, squares for teachers, diamonds for students without
one.
"""

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import FuncFormatter, LogFormatter, MaxNLocator

from kdtune.fairness import GAP_QUANTITIES
from kdtune.report.drawing.style import (
    GRID,
    MUTED,
    NDS,
    PAPER,
    STUDENT,
    TEACHER,
    number_label,
    percent_label,
)
from kdtune.report.export.labels import axis_label, bare, is_share, measure_name
from kdtune.runs.measures.objectives import Objective
from kdtune.text import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOGARITHMIC = ("parameters", "latency")

Interval = tuple[float, float]


def mark_of(role: str) -> tuple[str, str]:
    """Return colour and marker of a model."""
    marks = {"teacher": (TEACHER, "s"), "nds": (NDS, "D"), "thresholds": (MUTED, "P")}
    return marks.get(role, (STUDENT, "o"))


def label_axes(ax: "Axes", x: Objective, y: Objective, *, ticks: int) -> None:
    """Name both axes, and write shares in percent and sizes on a logarithmic scale."""
    ax.set_xlabel(axis_label(x, two_lines=ticks < 7))
    ax.set_ylabel(axis_label(y, two_lines=ticks < 7))
    for axis, objective in (("x", x), ("y", y)):
        if is_share(objective):
            getattr(ax, f"{axis}axis").set_major_formatter(percent_label)
        if objective.measure.name in LOGARITHMIC:
            getattr(ax, f"set_{axis}scale")("log")
            scale = getattr(ax, f"{axis}axis")
            # Their own labels are mathematics, and text is shown as it stands (see `style`).
            scale.set_major_formatter(FuncFormatter(lambda value, _: number_label(value)))
            scale.set_minor_formatter(LogFormatter(labelOnlyBase=False))


def draw_others(ax: "Axes", x: Any, y: Any) -> None:
    """Draw the trials that are not on the front."""
    ax.scatter(x, y, s=9, color=MUTED, alpha=0.45, linewidths=0, zorder=2)


def draw_model(
    ax: "Axes",
    role: str,
    x: float,
    y: float,
    *,
    x_interval: Interval | None = None,
    y_interval: Interval | None = None,
) -> None:
    """Draw a model with its intervals."""
    colour, marker = mark_of(role)
    ax.errorbar(
        x,
        y,
        xerr=_whiskers(x, x_interval),
        yerr=_whiskers(y, y_interval),
        fmt=marker,
        ms=6.5,
        mfc=colour,
        mec=PAPER,
        mew=0.8,
        ecolor=colour,
        elinewidth=0.8,
        alpha=1,
        zorder=5,
    )


def _whiskers(value: float, interval: Interval | None) -> np.ndarray | None:
    if interval is None:
        return None
    return np.array([[max(value - interval[0], 0.0)], [max(interval[1] - value, 0.0)]])


def draw_chance(ax: "Axes", x: Objective, chance: tuple[float, float] | None) -> None:
    """Shade what equal rates in all groups give (see `EQUAL_RATES`): (mean, value of 95 in 100 data sets).

    The words stand below the name of the axis, where no mark can cover them.
    """
    if chance is None:
        return
    mean, high = chance
    ax.axvspan(0, high, color=GRID, alpha=0.4, linewidth=0, zorder=0)
    ax.axvline(mean, color=GRID, linewidth=1.0, zorder=0)
    low = f"shaded: equal rates, {bare(mean, x)} on average,"
    ax.set_xlabel(f"{ax.get_xlabel()}\n{low}\nup to {bare(high, x)} in 95 of 100 data sets")


def draw_staircase(ax: "Axes", x: Objective, front: Sequence[tuple[float, float]]) -> None:
    """Join the members that no other dominates."""
    points = sorted(front)
    style = "steps-post" if x.measure.direction == "min" else "steps-pre"
    if len(points) > 1:
        ax.plot(
            *zip(*points, strict=True), drawstyle=style, color=STUDENT, linewidth=1.0, alpha=0.35, zorder=1
        )


def settle_limits(ax: "Axes", x: Objective, y: Objective, *, ticks: int) -> None:
    """Leave room around the marks; a gap's axis begins at 0 where that is near."""
    ax.margins(0.09)
    if x.measure.name not in LOGARITHMIC:
        ax.xaxis.set_major_locator(MaxNLocator(ticks))
    for axis, objective in (("x", x), ("y", y)):
        if objective.measure.name in GAP_QUANTITIES:
            low, _ = getattr(ax, f"get_{axis}lim")()
            getattr(ax, f"set_{axis}lim")(max(low, -0.004) if low > 0.04 else -0.004)


def say_undefined(ax: "Axes", objectives: Sequence[Objective], points: Iterable[Sequence[float]]) -> None:
    """Say in the middle of axes why nothing is drawn there, if nothing is.

    Args:
        objectives: what the axes show.
        points: the values of all that is drawn, one for each objective; NaN where undefined.
    """
    rows = np.array(list(points), dtype=float).reshape(-1, len(objectives))
    if np.isfinite(rows).all(axis=1).any():
        return
    never = [
        measure_name(o) for o, column in zip(objectives, rows.T, strict=True) if not np.isfinite(column).any()
    ]
    if not len(rows):
        words = f"{listed(list(map(measure_name, objectives)))}: nothing was measured"
    elif never:
        words = f"{listed(never)}: undefined for all models"
    else:
        words = f"{listed(list(map(measure_name, objectives)))}: never defined together"
    ax.text(0.5, 0.5, fill(words, 36), transform=ax.transAxes, ha="center", va="center", color=MUTED)


def name_rows(ax: "Axes", objective: Objective, names: Sequence[str]) -> None:
    """Name the rows of a figure that has a model a row, and its axis."""
    if is_share(objective):
        ax.xaxis.set_major_formatter(percent_label)
    ax.set_yticks(range(len(names)), list(names))
    ax.set_xlabel(axis_label(objective))
    ax.grid(axis="y", visible=False)
