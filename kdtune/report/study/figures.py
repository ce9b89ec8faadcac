"""The figures of a study: quantities against T, affected classes, disagreement with the teacher."""

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kdtune.report.figures import Picture, picture
from kdtune.report.study import groups
from kdtune.report.study.class_tables import disagreements
from kdtune.report.study.gather import Series, Study, Tested
from kdtune.report.study.groups import Value, spread
from kdtune.report.study.significance import NULLS, Null, expected_floor, measured_floor, tally
from kdtune.report.style import COLOURS, GRID, INK, MARKERS, MUTED, NDS, PAPER, TEACHER, WIDE, new_figure
from kdtune.runs.summary import GAPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMS = {False: (COLOURS[0], MARKERS[0], "without T²"), True: (COLOURS[2], MARKERS[1], "with T²")}
_BETTER, _WORSE = COLOURS[5], COLOURS[4]
_MOST_NAMED = 12
_ASIDE = 0.97
"""Where the loss was taken in both forms, their points stand so far to either side of T: bars must not hide bars."""


def draw_all(study: Study, null: Null) -> list[Picture]:
    """Draw the figures that the study gives, in the order of the page."""
    found = []
    for pair, series in study.by_pair.items():
        arrow, key = pair.replace("->", " → "), pair.replace("->", "-")
        found.append(
            _lines(
                f"accuracy-{key}",
                f"Accuracy against T, {arrow}",
                series,
                [("accuracy, %", groups.accuracy, math.nan, math.nan)],
                100,
                "",
            )
        )
        for attribute in study.attributes:
            panels = []
            for gap in GAPS:
                floor = groups.chance(series[0].nds, attribute, gap)
                labels = groups.label_gap(study, attribute) if gap == "dpd" else math.nan
                panels.append(
                    (f"{gap.upper()}, percentage points", groups.gap_value(attribute, gap), floor, labels)
                )
            name = f"gaps-{study.attribute_keys[attribute]}-{key}"
            words = (
                " Dotted: what NDS would show by chance if it ignored the group. Dash-dotted: the difference of the "
                "labels themselves, below which a DPD is bought with wrong answers."
            )
            found.append(
                _lines(name, f"EOD and DPD over {attribute} against T, {arrow}", series, panels, 100, words)
            )
        if groups.has_individual(series[0]):
            value = groups.individual_value(series[0])
            found.append(
                _lines(
                    f"individual-{key}",
                    f"Individual fairness against T, {arrow}",
                    series,
                    [("I(f), change of output over distance", value, math.nan, math.nan)],
                    1,
                    " Lower: similar examples get more similar answers.",
                )
            )
    for one in study.series:
        found.append(_affected(study, one, null))
        found.append(_disagreement(study, one))
    return found


Panel = tuple[str, Value, float, float]


def _lines(
    name: str, title: str, series: Sequence[Series], panels: Sequence[Panel], scale: float, more: str
) -> Picture:
    n = max(len(m) for s in series for _, m in s.rows)
    caption = (
        f"Test split; points and bars: mean and standard deviation over {n} seed{'' if n == 1 else 's'}. Lines with "
        f"bands: the teacher, and the student without one (NDS), which have no T.{more}"
    )
    return picture(name, title, caption, partial(_draw_lines, series, panels, scale))


def _draw_lines(series: Sequence[Series], panels: Sequence[Panel], scale: float, width: float) -> "Figure":
    wide = width >= WIDE
    columns = len(panels) if wide else 1
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(width, 3.1 * rows + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (label, value, floor, labels) in zip(axes, panels, strict=True):
        _references(ax, series[0], value, scale)
        for k, one in enumerate(series):
            colour, marker, name = _FORMS[one.scaled]
            found = [spread(one.students[t], value) for t in one.temperatures]
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
        if not math.isnan(floor):
            ax.axhline(scale * floor, color=MUTED, linestyle=":", label="by chance", zorder=1)
        if not math.isnan(labels):
            ax.axhline(scale * labels, color=MUTED, linestyle="-.", label="labels", zorder=1)
        _temperatures(ax, series)
        ax.set_ylabel(label)
        if ax.get_ylim()[0] < 0:  # nothing here is ever negative; a mean less its deviation can be
            ax.set_ylim(bottom=0)
    handles: dict[str, Any] = {}
    for ax in axes:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(list(handles.values()), list(handles), loc="outside upper left", ncols=6 if wide else 2)
    return figure


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


def _affected(study: Study, series: Series, null: Null) -> Picture:
    caption = (
        f"Of {len(study.record.classes)}, the classes that differ significantly (Welch's t-test over seeds, level "
        f"{study.spec.level:g}, null: equal {NULLS[null]}) from NDS (#SC) and from the teacher (#TC). Bars: raw, "
        "split by whether that quantity is higher or lower in the student. Diamonds: after Benjamini–Hochberg. "
        "Dashed: what identical models give on average (simulated); dotted: NDS seeds against other NDS seeds."
    )
    title = f"Affected classes against T, {series.title}"
    return picture(f"affected-{series.key}", title, caption, partial(_draw_affected, study, series, null))


def _draw_affected(study: Study, series: Series, null: Null, width: float) -> "Figure":
    wide, level = width >= WIDE, study.spec.level
    figure = new_figure(width, 3.3 if wide else 6.2)
    axes = figure.subplots(1, 2, sharey=True) if wide else figure.subplots(2, 1, sharey=True)
    sizes = max((len(m) for m in series.students.values()), default=0)
    measured = measured_floor(series.nds, null=null, level=level)
    places = np.arange(len(series.temperatures))
    tops: list[float] = []
    for ax, name, reference in zip(
        axes,
        ("#SC: NDS against distilled", "#TC: teacher against distilled"),
        (series.nds, series.teachers),
        strict=True,
    ):
        found = [tally(reference, series.students[t], null=null, level=level) for t in series.temperatures]
        better = np.array([f.better or 0 for f in found])
        worse = np.array([f.worse or 0 for f in found])
        ax.bar(places, better, color=_BETTER, width=0.62, label="better")
        ax.bar(places, worse, bottom=better, color=_WORSE, width=0.62, label="worse")
        ax.plot(
            places,
            [math.nan if f.n_bh is None else f.n_bh for f in found],
            linestyle="",
            marker="D",
            markersize=5,
            color=INK,
            markeredgecolor=PAPER,
            label="Benjamini–Hochberg",
        )
        expected = expected_floor(len(study.record.classes), len(reference), sizes, level)
        if expected is None:
            ax.text(0.5, 0.5, "no test with one seed", transform=ax.transAxes, ha="center", color=MUTED)
        else:
            ax.axhline(expected.raw, color=INK, linestyle="--", linewidth=0.9, label="identical models")
        if measured is not None:
            ax.axhline(measured.raw, color=INK, linestyle=":", linewidth=0.9, label="NDS against NDS")
        ax.set_title(name)
        ax.set_xticks(places, [f"{t:g}" for t in series.temperatures])
        ax.set_xlabel("temperature T")
        ax.grid(axis="x", visible=False)
        ax.yaxis.get_major_locator().set_params(integer=True)
        tops.append(max(1, *(better + worse)))
    # Once both panels are known, for they share the axis; a little below 0, so that marks there are whole.
    axes[0].set_ylim(-0.04 * max(tops), 1.15 * max(tops))
    axes[0].set_ylabel("classes")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=5 if wide else 2)
    return figure


def best_temperature(series: Series) -> float:
    """Return the T whose students are most accurate."""
    return max(series.temperatures, key=lambda t: spread(series.students[t], groups.accuracy).mean)


def _disagreement(study: Study, series: Series) -> Picture:
    t = best_temperature(series)
    caption = (
        "Test images on which teacher and student give different classes, mean over seeds: rows what the teacher says, "
        f"columns what the student says; agreement is left out. Left the student without a teacher, right the one "
        f"distilled at T = {t:g}, the most accurate one on test: an example, chosen by what it shows."
    )
    title = f"Disagreement with the teacher, {series.title}"
    return picture(
        f"disagreement-{series.key}", title, caption, partial(_draw_disagreement, study, series, t)
    )


def _draw_disagreement(study: Study, series: Series, t: float, width: float) -> "Figure":
    wide, classes = width >= WIDE, list(study.record.classes)
    figure = new_figure(width, 3.8 if wide else 7.2)
    axes = figure.subplots(1, 2) if wide else figure.subplots(2, 1)
    shown: list[tuple[str, Sequence[Tested]]] = [
        ("NDS", series.nds),
        (f"distilled, T = {t:g}", series.students[t]),
    ]
    cells = [disagreements(series, models, len(classes)) for _, models in shown]
    top = max(1.0, *(float(c.max()) for c in cells))
    for ax, (name, _), matrix in zip(axes, shown, cells, strict=True):
        masked = np.ma.masked_array(matrix, np.eye(len(classes), dtype=bool))
        ax.pcolormesh(
            masked,
            cmap="Blues",
            vmin=0,
            vmax=top,
            edgecolors=GRID if len(classes) <= 30 else "none",
            linewidth=0.4,
        )
        ax.set_aspect("equal")
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.set_title(f"{name}: {matrix.sum():,.0f} of {study.n_test:,}")
        ax.set_xlabel("student says")
        ax.set_ylabel("teacher says")
        if len(classes) <= _MOST_NAMED:
            places = np.arange(len(classes)) + 0.5
            turn = {"rotation": 45, "ha": "right"} if max(map(len, classes)) > 4 else {}
            ax.set_xticks(places, classes, **turn)
            ax.set_yticks(places, classes)
            for i, j in np.ndindex(matrix.shape):
                if i != j:
                    ax.text(
                        j + 0.5,
                        i + 0.5,
                        f"{matrix[i, j]:.0f}",
                        ha="center",
                        va="center",
                        fontsize=7,
                        color="white" if matrix[i, j] > 0.6 * top else "#1c2128",
                    )
    return figure
