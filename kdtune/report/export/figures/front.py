"""The front as it was searched on validation, and as it is on test."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogFormatter, MaxNLocator

from kdtune.fairness import GAP_QUANTITIES
from kdtune.report.drawing.label_points import label_points
from kdtune.report.drawing.style import (
    GRID,
    INK,
    MUTED,
    NDS,
    PAPER,
    STUDENT,
    TEACHER,
    WIDE,
    new_figure,
    number_label,
    percent_label,
)
from kdtune.report.export.labels import axis_label, bare, chance_of, interval_of, is_share, short
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.model import ModelFindings
from kdtune.runs.objectives import Objective

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOGARITHMIC = ("parameters", "latency")


def caption(findings: Findings) -> str:
    """Say what the figure shows."""
    reseeded = (
        "; crosses, joined to their member by a dotted line, are means ± one standard deviation over other seeds"
        if findings.seeds
        else ""
    )
    return (
        f"Hollow: values on {findings.n['validation']:,} validation examples, by which the search chose the members. "
        f"Filled: the same students on {findings.n['test']:,} test examples, with 95 % intervals{reseeded}. The line "
        "joins the members that no other dominates on test (the optimistic front). Grey dots: the other trials. A "
        "model that has no room for its name stands in the table below."
    )


def draw(findings: Findings, width: float) -> Figure:
    """Draw the first objective against each of the others; a single objective as rows of dots."""
    objectives = findings.objectives
    if len(objectives) == 1:
        return _single(findings, width)
    columns = min(len(objectives) - 1, 2) if width >= WIDE else 1
    rows = -(-(len(objectives) - 1) // columns)
    height = (4.3 if width >= WIDE else 4.0) if columns == 1 else 3.6
    figure = new_figure(width, height * rows + 0.3)
    grid = figure.subplots(rows, columns, squeeze=False)
    for k, ax in enumerate(grid.flat):
        if k + 1 < len(objectives):
            _panel(
                ax,
                findings,
                objectives[k + 1],
                objectives[0],
                ticks=7 if width >= WIDE and columns == 1 else 5,
            )
        else:
            ax.set_axis_off()
    handles = _key(findings)
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles) if width >= WIDE else 2)
    for k, ax in enumerate(grid.flat):
        if k + 1 < len(objectives):
            _labels(ax, findings, objectives[k + 1], objectives[0])
    return figure


def _key(findings: Findings) -> list[Line2D]:
    def dot(label: str, **style: object) -> Line2D:
        return Line2D([], [], linestyle="", label=label, **style)  # type: ignore[arg-type]

    handles = [
        dot("validation, as searched", marker="o", mfc=PAPER, mec=STUDENT, ms=5.5),
        dot("test, 95 % intervals", marker="o", mfc=STUDENT, mec=PAPER, ms=6.5),
        dot("other trials", marker="o", mfc=MUTED, mec="none", alpha=0.45, ms=3.5),
    ]
    if findings.seeds:
        handles.append(dot("mean of other seeds, test", marker="x", mec=INK, ms=5.5, mew=1.8))
    return handles


def _panel(ax: "Axes", findings: Findings, x: Objective, y: Objective, *, ticks: int) -> None:
    ax.set_xlabel(axis_label(x, two_lines=ticks < 7))
    ax.set_ylabel(axis_label(y, two_lines=ticks < 7))
    for axis, objective in (("x", x), ("y", y)):
        if is_share(objective):
            getattr(ax, f"{axis}axis").set_major_formatter(percent_label)
        if objective.measure.name in _LOGARITHMIC:
            getattr(ax, f"set_{axis}scale")("log")
            scale = getattr(ax, f"{axis}axis")
            # Their own labels are mathematics, and text is shown as it stands (see `style`).
            scale.set_major_formatter(FuncFormatter(lambda value, _: number_label(value)))
            scale.set_minor_formatter(LogFormatter(labelOnlyBase=False))
    others = findings.trials
    others = others[(others["state"] == "done") & ~others["front"]] if len(others) else others
    if len(others) and {x.name, y.name} <= set(others.columns):
        ax.scatter(others[x.name], others[y.name], s=9, color=MUTED, alpha=0.45, linewidths=0, zorder=2)
    _chance(ax, findings, x)
    _staircase(ax, findings, x, y)
    for model in (*findings.models, *findings.points):
        colour, marker = _mark(model)
        then = (model.searched.get(x.name, np.nan), model.searched.get(y.name, np.nan))
        now = (model.value(x.name), model.value(y.name))
        ax.plot([then[0], now[0]], [then[1], now[1]], color=colour, linewidth=0.9, alpha=0.6, zorder=3)
        ax.plot(*then, marker=marker, ms=5.5, mfc=PAPER, mec=colour, mew=1.1, zorder=4)
        ax.errorbar(
            *now,
            xerr=_whiskers(model, x),
            yerr=_whiskers(model, y),
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
        if model.replicates is not None and model.replicates["n"]:
            mx, my = (model.replicates["test"].get(o.name, {}) for o in (x, y))
            if mx and my:
                ax.plot(
                    [now[0], mx["mean"]],
                    [now[1], my["mean"]],
                    color=colour,
                    linewidth=1.0,
                    linestyle=":",
                    zorder=3,
                )
                ax.errorbar(
                    mx["mean"],
                    my["mean"],
                    xerr=_known(mx["std"]),
                    yerr=_known(my["std"]),
                    fmt="x",
                    ms=6,
                    mew=1.8,
                    color=colour,
                    elinewidth=0.8,
                    alpha=0.85,
                    zorder=6,
                )
    ax.margins(0.09)
    if x.measure.name not in _LOGARITHMIC:
        ax.xaxis.set_major_locator(MaxNLocator(ticks))
    for axis, objective in (("x", x), ("y", y)):
        if objective.measure.name in GAP_QUANTITIES:
            low, _ = getattr(ax, f"get_{axis}lim")()
            getattr(ax, f"set_{axis}lim")(max(low, -0.004) if low > 0.04 else -0.004)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _labels(ax: "Axes", findings: Findings, x: Objective, y: Objective) -> None:
    at: dict[tuple[float, float, str], list[str]] = {}
    avoid = []
    # The best places go to the student that the page speaks of, and to what it is compared with.
    first = [findings.focus, *findings.baselines, *findings.points]
    for model in [*first, *(m for m in findings.members if m is not findings.focus)]:
        now = (model.value(x.name), model.value(y.name))
        if not np.isnan(now).any():
            colour = _mark(model)[0] if model.role != "student" else INK
            at.setdefault((*now, colour), []).append(short(model))
        then = (model.searched.get(x.name, np.nan), model.searched.get(y.name, np.nan))
        if not np.isnan(then).any():
            avoid.append(then)
    # Members in one place share a label: "t0003, t0007".
    points = [(px, py, _joined(names), colour) for (px, py, colour), names in at.items()]
    label_points(ax, points, avoid=avoid)


def _joined(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _mark(model: ModelFindings) -> tuple[str, str]:
    return {"teacher": (TEACHER, "s"), "nds": (NDS, "D"), "thresholds": (MUTED, "P")}.get(
        model.role, (STUDENT, "o")
    )


def _whiskers(model: ModelFindings, objective: Objective) -> np.ndarray | None:
    interval, value = interval_of(model, objective), model.value(objective.name)
    if interval is None:
        return None
    return np.array([[max(value - interval[0], 0.0)], [max(interval[1] - value, 0.0)]])


def _chance(ax: "Axes", findings: Findings, x: Objective) -> None:
    """Shade what a model with equal true and false positive rates in all groups would show."""
    chance = chance_of(findings.focus, x)
    if chance is None:
        return
    mean, high = chance
    ax.axvspan(0, high, color=GRID, alpha=0.4, linewidth=0, zorder=0)
    ax.axvline(mean, color=GRID, linewidth=1.0, zorder=0)
    ax.annotate(
        f"equal rates: {bare(mean, x)} on average,\nup to {bare(high, x)} in 95 of 100",
        (high, 0),
        xycoords=("data", "axes fraction"),
        xytext=(4, 4),
        textcoords="offset points",
        ha="left",
        va="bottom",
        color=MUTED,
        fontsize=7.5,
    )


def _staircase(ax: "Axes", findings: Findings, x: Objective, y: Objective) -> None:
    if len(findings.objectives) != 2:
        return
    front = [m for m, on in zip(findings.members, findings.optimistic, strict=True) if on]
    points = sorted((m.value(x.name), m.value(y.name)) for m in front)
    style = "steps-post" if x.measure.direction == "min" else "steps-pre"
    if len(points) > 1:
        ax.plot(
            *zip(*points, strict=True), drawstyle=style, color=STUDENT, linewidth=1.0, alpha=0.35, zorder=1
        )


def _single(findings: Findings, width: float) -> Figure:
    objective = findings.objectives[0]
    models = findings.models[::-1]
    figure = new_figure(width, 1.3 + 0.34 * len(models))
    ax = figure.subplots()
    for row, model in enumerate(models):
        colour, marker = _mark(model)
        then = model.searched.get(objective.name, np.nan)
        ax.plot(then, row, marker=marker, ms=5.5, mfc=PAPER, mec=colour, zorder=4)
        ax.errorbar(
            model.value(objective.name),
            row,
            xerr=_whiskers(model, objective),
            fmt=marker,
            ms=6.5,
            mfc=colour,
            mec=PAPER,
            ecolor=colour,
            elinewidth=0.8,
            zorder=5,
        )
    _chance(ax, findings, objective)
    if is_share(objective):
        ax.xaxis.set_major_formatter(percent_label)
    ax.set_yticks(range(len(models)), [short(model) for model in models])
    ax.set_xlabel(axis_label(objective))
    ax.grid(axis="y", visible=False)
    handles = _key(findings)[:2]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles) if width >= WIDE else 1)
    return figure
