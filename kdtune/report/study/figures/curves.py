"""Quantities against T: distilled students as a curve, the teacher and the student without one as lines."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from kdtune.fairness import ChanceFloor
from kdtune.report.drawing.picture import Picture, picture
from kdtune.report.drawing.style import COLOURS, INK, MARKERS, MUTED, NDS, TEACHER, WIDE, new_figure
from kdtune.report.study.results.reading import Series
from kdtune.report.study.statistics.quantities import Value, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMS = {False: (COLOURS[0], MARKERS[0], "without T²"), True: (COLOURS[2], MARKERS[1], "with T²")}
CROSSES = "the paper's distilled students as published, under another protocol (see 'Beside the paper')"
_ASIDE = 0.97
"""If both forms of the loss were used, their points are moved aside by this factor, so that bars do not hide bars."""


@dataclass(frozen=True)
class Panel:
    """One quantity against T.

    Attributes:
        chance: what a model with equal true and false positive rates in all groups shows; None if that makes no sense.
        labels: what the labels themselves give; NaN for none.
        published: the paper's values of its distilled students by T, in the unit of the axis.
    """

    label: str
    value: Value
    chance: ChanceFloor | None = None
    labels: float = math.nan
    published: Mapping[float, float] = field(default_factory=dict)


def lines(
    name: str, title: str, series: Sequence[Series], panels: Sequence[Panel], scale: float, more: str
) -> Picture:
    """Draw quantities of one pair against T, one panel each; our values are multiplied by `scale`."""
    n = max(len(m) for s in series for _, m in s.rows)
    if any(set(panel.published) & set(s.temperatures) for panel in panels for s in series):
        more += f" Crosses: {CROSSES}."
    caption = (
        f"Test split; points and bars: mean and standard deviation over {n} seed{'' if n == 1 else 's'}. Lines with "
        f"bands: the teacher, and the student without one (NDS), which have no T.{more}"
    )
    return picture(name, title, caption, partial(_draw, series, panels, scale))


def _draw(series: Sequence[Series], panels: Sequence[Panel], scale: float, width: float) -> "Figure":
    wide = width >= WIDE
    columns = len(panels) if wide else 1
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(width, 3.1 * rows + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, panel in zip(axes, panels, strict=True):
        _references(ax, series[0], panel.value, scale)
        for k, one in enumerate(series):
            colour, marker, name = _FORMS[one.scaled]
            found = [spread(one.students[t], panel.value) for t in one.temperatures]
            aside = 1 if len(series) == 1 else (_ASIDE, 1 / _ASIDE)[k]
            ax.errorbar(
                [t * aside for t in one.temperatures],
                [scale * s.mean for s in found],
                yerr=[0 if math.isnan(s.std) else scale * s.std for s in found],
                color=colour,
                marker=marker,
                markersize=4.5,
                capsize=2,
                elinewidth=0.8,
                label=f"distilled, {name}",
                zorder=3,
            )
        if panel.chance is not None and not math.isnan(panel.chance.mean):
            for level, dash, name in (
                (panel.chance.mean, ":", "equal rates, mean"),
                (panel.chance.high, (0, (1, 4)), "equal rates, 95 of 100"),
            ):
                ax.axhline(scale * level, color=MUTED, linestyle=dash, label=name, zorder=1)
        if not math.isnan(panel.labels):
            ax.axhline(scale * panel.labels, color=MUTED, linestyle="-.", label="labels", zorder=1)
        published_points(
            ax, {t: v for t, v in panel.published.items() if any(t in s.temperatures for s in series)}
        )
        _temperatures(ax, series)
        ax.set_ylabel(panel.label)
        if ax.get_ylim()[0] < 0:  # no quantity is ever negative, but a mean minus its deviation can be
            ax.set_ylim(bottom=0)
    handles: dict[str, Any] = {}
    for ax in axes:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(list(handles.values()), list(handles), loc="outside upper left", ncols=4 if wide else 2)
    return figure


def published_points(ax: "Axes", values: Mapping[float, float]) -> None:
    """Mark the paper's values, if there are any."""
    if values:
        ax.plot(list(values), list(values.values()), linestyle="", marker="x", color=INK, label="published")


def _references(ax: "Axes", series: Series, value: Value, scale: float) -> None:
    for models, colour, name, dash in (
        (series.teachers, TEACHER, "teacher", "--"),
        (series.nds, NDS, "NDS", "-"),
    ):
        found = spread(models, value)
        if math.isnan(found.mean):
            continue
        ax.axhline(scale * found.mean, color=colour, linestyle=dash, label=name, zorder=2)
        if not math.isnan(found.std):
            low, high = found.mean - found.std, found.mean + found.std
            ax.axhspan(scale * low, scale * high, color=colour, alpha=0.13, linewidth=0, zorder=0)


def _temperatures(ax: "Axes", series: Sequence[Series]) -> None:
    values = sorted({t for one in series for t in one.temperatures})
    ax.set_xscale("log")
    shown = [t for t in values if t not in (6, 7, 8, 9) or len(values) < 9]
    ax.set_xticks(shown, [f"{t:g}" for t in shown])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("temperature T (log)")
    ax.grid(axis="x", visible=False)
