"""The front as it was searched on validation, and as it is on test."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kdtune.fairness import EQUAL_RATES
from kdtune.report.drawing.label_points import label_points
from kdtune.report.drawing.marks import (
    draw_chance,
    draw_model,
    draw_others,
    draw_staircase,
    label_axes,
    mark_of,
    name_rows,
    say_undefined,
    settle_limits,
)
from kdtune.report.drawing.style import INK, MUTED, PAPER, STUDENT, WIDE, new_figure
from kdtune.report.export.labels import chance_of, interval_of, short
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.model import ModelFindings
from kdtune.runs.measures.objectives import Objective
from kdtune.text import listed, without_middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def caption(findings: Findings) -> str:
    """Say what the figure shows."""
    reseeded = (
        "; crosses, joined to their model by a dotted line, are means ± one standard deviation over other seeds (one "
        "that lies far off is outside)"
        if findings.seeds
        else ""
    )
    n = len(findings.objectives)
    line = " The line joins the members that no other dominates on test." if n == 2 else ""
    plane = " Grey dots: the other trials, on validation." if n > 1 else ""
    unnamed = " A model that has no room for its name stands in the table below." if n > 1 else ""
    return (
        f"Hollow: values on the {findings.n['validation']:,} validation examples, where the search chose the members. "
        f"Filled: the same students on {findings.n['test']:,} test examples, with 95 % intervals"
        f"{reseeded if n > 1 else ''}.{line}{plane}{_shaded(findings)}{unnamed}"
    )


def _shaded(findings: Findings) -> str:
    """Say what the shaded area is, if there is one."""
    gaps = [o.measure.name for o in findings.objectives if chance_of(findings.advised, o) is not None]
    equal = listed(dict.fromkeys(EQUAL_RATES[gap] for gap in gaps), "or")
    return f" Shaded: what a model with {equal} in all groups shows at these sizes." if gaps else ""


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
    label_axes(ax, x, y, ticks=ticks)
    others = findings.trials
    others = others[(others["state"] == "done") & ~others["front"]] if len(others) else others
    drawn: list[tuple[float, float]] = []
    if len(others) and {x.name, y.name} <= set(others.columns):
        draw_others(ax, others[x.name], others[y.name])
        drawn += zip(others[x.name], others[y.name], strict=True)
    draw_chance(ax, x, chance_of(findings.advised, x))
    if len(findings.objectives) == 2:
        front = [m for m, on in zip(findings.members, findings.optimistic, strict=True) if on]
        draw_staircase(ax, x, [(m.value(x.name), m.value(y.name)) for m in front])
    for model in (*findings.models, *findings.points):
        colour, marker = mark_of(model.role)
        then = (model.searched.get(x.name, np.nan), model.searched.get(y.name, np.nan))
        now = (model.value(x.name), model.value(y.name))
        drawn += [then, now]
        ax.plot([then[0], now[0]], [then[1], now[1]], color=colour, linewidth=0.9, alpha=0.6, zorder=3)
        ax.plot(*then, marker=marker, ms=5.5, mfc=PAPER, mec=colour, mew=1.1, zorder=4)
        draw_model(ax, model.role, *now, x_interval=interval_of(model, x), y_interval=interval_of(model, y))
    reseeded = [model for model in findings.models if model.replicates is not None and model.replicates["n"]]
    near = [model for model in reseeded if not _far_off(ax, model, x, y)]
    for model in near:
        _draw_seeds(ax, model, x, y)
    settle_limits(ax, x, y, ticks=ticks)
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())
    for model in reseeded:
        if model not in near:
            _draw_seeds(ax, model, x, y)
    say_undefined(ax, (x, y), drawn)


def _far_off(ax: "Axes", model: ModelFindings, x: Objective, y: Objective) -> bool:
    """Return whether a mean of other seeds would leave little room for all that is drawn already."""
    low, high, mean = np.array(ax.dataLim.min), np.array(ax.dataLim.max), _of_seeds(model, x, y, "mean")
    beyond = np.maximum(low - mean, mean - high)
    return bool((beyond > high - low).any())


def _of_seeds(model: ModelFindings, x: Objective, y: Objective, statistic: str) -> np.ndarray:
    test = (model.replicates or {}).get("test", {})
    return np.array([test.get(o.name, {}).get(statistic, np.nan) for o in (x, y)])


def _draw_seeds(ax: "Axes", model: ModelFindings, x: Objective, y: Objective) -> None:
    """Draw the mean of a model's other seeds, and join it to the model."""
    colour, _ = mark_of(model.role)
    (mx, my), (dx, dy) = (_of_seeds(model, x, y, statistic) for statistic in ("mean", "std"))
    now = (model.value(x.name), model.value(y.name))
    ax.plot([now[0], mx], [now[1], my], color=colour, linewidth=1.0, linestyle=":", zorder=3)
    ax.errorbar(
        mx,
        my,
        xerr=_known(dx),
        yerr=_known(dy),
        fmt="x",
        ms=6,
        mew=1.8,
        color=colour,
        elinewidth=0.8,
        alpha=0.85,
        zorder=6,
    )


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
            colour = mark_of(model.role)[0] if model.role != "student" else INK
            at.setdefault((*now, colour), []).append(without_middle(short(model), 40))
        then = (model.searched.get(x.name, np.nan), model.searched.get(y.name, np.nan))
        if not np.isnan(then).any():
            avoid.append(then)
    # Members in one place share a label: "t0003, t0007".
    points = [(px, py, _joined(names), colour) for (px, py, colour), names in at.items()]
    label_points(ax, points, avoid=avoid)


def _joined(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _single(findings: Findings, width: float) -> Figure:
    objective = findings.objectives[0]
    models = findings.models[::-1]
    figure = new_figure(width, 1.3 + 0.34 * len(models))
    ax = figure.subplots()
    for row, model in enumerate(models):
        colour, marker = mark_of(model.role)
        then = model.searched.get(objective.name, np.nan)
        ax.plot(then, row, marker=marker, ms=5.5, mfc=PAPER, mec=colour, zorder=4)
        draw_model(ax, model.role, model.value(objective.name), row, x_interval=interval_of(model, objective))
    drawn = [
        (value,)
        for m in models
        for value in (m.value(objective.name), m.searched.get(objective.name, np.nan))
    ]
    say_undefined(ax, [objective], drawn)
    name_rows(ax, objective, [without_middle(short(model), 40) for model in models])
    draw_chance(ax, objective, chance_of(findings.advised, objective))
    handles = _key(findings)[:2]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles) if width >= WIDE else 1)
    return figure
