"""Figures of a run for a notebook or a script: `run.plot.front()`, `.curves()`, `.gaps()`.

They show validation, with the marks of an export's figures, which show test.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kdtune.fairness import GAP_QUANTITIES, wilson
from kdtune.report.drawing.label_points import label_points
from kdtune.report.drawing.marks import (
    Interval,
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
from kdtune.report.drawing.style import INK, MUTED, look, percent_label
from kdtune.report.export.labels import axis_label, is_share
from kdtune.runs.jsonl import read_records
from kdtune.runs.measures.objectives import Objective, objective_of
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL
from kdtune.runs.summary import Doubt, Member, Summary, doubt, summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (6.4, 4.0)
_ROW = 0.34
_MOST_CURVES = 200


class Plots:
    """Draws a run as it is now. Each method returns matplotlib axes, and draws into `ax` where one is given."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def front(self, x: str | None = None, y: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the front among all trials on validation, with 95 % intervals, and the baselines.

        Args:
            x, y: measures; by default the second and the first objective.
            ax: where to draw.

        Raises:
            InputError: there is no such measure.
        """
        names = self._run.record.objectives
        along = self._objective(x or (names[1] if len(names) > 1 else "accuracy"))
        up = self._objective(y or names[0])
        return _drawn(ax, _SIZE, lambda axes: self._front(axes, along, up))

    def gaps(self, measure: str = "eod", *, ax: "Axes | None" = None) -> "Axes":
        """Draw a gap between groups (`eod`, `dpd`, `eod@race`), or another measure, a row for each model of the front.

        Whiskers are 95 % intervals on validation; the band is what equal rates in all groups would show.

        Raises:
            InputError: there is no such measure, or the data have no groups.
        """
        objective = self._objective(measure)
        summary = summarise(self._run)
        models = [*summary.front, *summary.baselines]
        size = (_SIZE[0], 1.0 + _ROW * len(models))
        return _drawn(ax, size, lambda axes: self._rows(axes, objective, models[::-1]))

    def curves(self, measure: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Draw a measure by epoch on validation, by default the first objective: the front and baselines in colour.

        Raises:
            InputError: there is no such measure.
        """
        objective = self._objective(measure or self._run.record.objectives[0])
        return _drawn(ax, _SIZE, lambda axes: self._curves(axes, objective))

    def _objective(self, name: str) -> Objective:
        return objective_of(self._run.record, name)

    def _front(self, ax: "Axes", x: Objective, y: Objective) -> None:
        summary = summarise(self._run)
        label_axes(ax, x, y, ticks=7)
        on_front = {member.id for member in summary.front}
        others = [m for m in summary.trials if m.state == "done" and m.id not in on_front]
        draw_others(ax, [_value(m, x) for m in others], [_value(m, y) for m in others])
        models = [*summary.front, *summary.baselines]
        draw_chance(ax, x, self._chance(summary, x))
        if {x.name, y.name} == set(summary.objectives):  # elsewhere the front has no staircase
            draw_staircase(ax, x, [(_value(m, x), _value(m, y)) for m in summary.front])
        for model in models:
            draw_model(
                ax,
                model.role,
                _value(model, x),
                _value(model, y),
                x_interval=self._interval(model, x),
                y_interval=self._interval(model, y),
            )
        settle_limits(ax, x, y, ticks=7)
        say_undefined(ax, (x, y), [(_value(m, x), _value(m, y)) for m in (*others, *models)])
        _key(ax, models, others=bool(others))
        points = [
            (_value(m, x), _value(m, y), _name(m), INK if m.role == "student" else mark_of(m.role)[0])
            for m in models
            if not math.isnan(_value(m, x) + _value(m, y))
        ]
        if hasattr(ax.figure.canvas, "get_renderer"):  # not every backend measures text
            label_points(ax, points)

    def _rows(self, ax: "Axes", objective: Objective, models: Sequence[Member]) -> None:
        for row, model in enumerate(models):
            draw_model(
                ax, model.role, _value(model, objective), row, x_interval=self._interval(model, objective)
            )
        name_rows(ax, objective, [_name(model) for model in models])
        say_undefined(ax, [objective], [(_value(model, objective),) for model in models])
        draw_chance(ax, objective, self._chance_of(models[-1], objective) if models else None)
        ax.set_ylim(-0.6, len(models) - 0.4)

    def _curves(self, ax: "Axes", objective: Objective) -> None:
        run = self._run
        state = run.state()
        front = [trial.id for trial in run.front_states(state)]
        curves: dict[str, dict[int, float]] = {}
        for event in read_records(run.files.events):
            if event.get("kind") == "report" and objective.name in (event.get("values") or {}):
                value = event["values"][objective.name]
                curves.setdefault(str(event["id"]), {})[int(event["epoch"])] = (
                    math.nan if value is None else value
                )
        grey = [model for model in curves if model in state.trials and model not in front]
        for model in grey[:_MOST_CURVES]:
            ax.plot(
                list(curves[model]), list(curves[model].values()), color=MUTED, lw=0.7, alpha=0.35, zorder=1
            )
        coloured = [*front, *state.baselines]
        for model in [name for name in coloured if name in curves]:
            role = "student" if model in front else state.baselines[model].kind
            colour, marker = mark_of(role)
            ax.plot(
                list(curves[model]),
                list(curves[model].values()),
                color=colour,
                marker=marker,
                ms=3,
                lw=1.2,
                zorder=2,
            )
        say_undefined(ax, [objective], [(value,) for curve in curves.values() for value in curve.values()])
        ax.set_xlabel("epoch")
        ax.set_ylabel(axis_label(objective))
        if is_share(objective):
            ax.yaxis.set_major_formatter(percent_label)
        _key(ax, summarise(run).baselines, front=bool(front), others=bool(grey))

    def _interval(self, model: Member, objective: Objective) -> Interval | None:
        if objective.measure.name == "accuracy" and model.epoch:
            report = self._run.report(model.id, model.epoch)
            counts = None if report is None else report.counts.get(objective.attribute or ALL)
            if counts is None:
                return None
            rows = slice(None) if objective.group is None else slice(objective.group, objective.group + 1)
            low, high = wilson(counts.hits[rows].sum(), counts.examples[rows].sum())
            return float(low), float(high)
        found = self._doubt(model, objective)
        return None if found is None or math.isnan(found.low) else (found.low, found.high)

    def _doubt(self, model: Member, objective: Objective) -> Doubt | None:
        if objective.name in model.doubts:
            return model.doubts[objective.name]
        if objective.measure.name not in GAP_QUANTITIES or not model.epoch:
            return None
        report = self._run.report(model.id, model.epoch)
        return None if report is None else doubt(report, objective)

    def _chance(self, summary: Summary, objective: Objective) -> Interval | None:
        return self._chance_of(summary.front[0], objective) if summary.front else None

    def _chance_of(self, model: Member, objective: Objective) -> Interval | None:
        found = self._doubt(model, objective) if objective.measure.name in GAP_QUANTITIES else None
        return None if found is None or math.isnan(found.chance) else (found.chance, found.chance_high)


def _drawn(ax: "Axes | None", size: tuple[float, float], draw: Callable[["Axes"], None]) -> "Axes":
    """Draw into axes, or into those of a new figure, which a notebook shows below its cell."""
    figure: Figure | None = None
    if ax is None:
        from matplotlib import pyplot

        figure = pyplot.figure(
            figsize=size, layout="constrained"
        )  # outside of `look`, which knows no backend
    with look():
        axes = figure.subplots() if ax is None and figure is not None else ax
        assert axes is not None
        draw(axes)
    return axes


def _value(model: Member, objective: Objective) -> float:
    return float(model.values.get(objective.name, math.nan))


def _name(model: Member) -> str:
    architecture = model.config.get("architecture", model.id)
    names = {"teacher": f"teacher {architecture}", "nds": f"{architecture} without teacher"}
    return names.get(model.role, model.id)


def _key(ax: "Axes", models: Sequence[Member], *, front: bool = False, others: bool) -> None:
    words = {"student": "front", "teacher": "teacher", "nds": "student without teacher"}
    roles = [*(["student"] if front else []), *dict.fromkeys(model.role for model in models)]
    handles = []
    for role in roles:
        colour, marker = mark_of(role)
        handles.append(
            Line2D([], [], linestyle="", marker=marker, color=colour, ms=5, label=words.get(role, role))
        )
    if others:
        handles.append(
            Line2D([], [], linestyle="", marker="o", color=MUTED, ms=3.5, alpha=0.5, label="other trials")
        )
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(handles))
