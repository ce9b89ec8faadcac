"""The figures of a study: quantities against T, affected classes, disagreement with the teacher."""

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kdtune.report.drawing.style import COLOURS, GRID, INK, MUTED, PAPER, WIDE, new_figure
from kdtune.report.export.figures.figures import Picture, picture
from kdtune.report.study import groups, published
from kdtune.report.study.class_tables import disagreements
from kdtune.report.study.curves import CROSSES, Panel, lines, published_points
from kdtune.report.study.gather import Series, Study, Tested
from kdtune.report.study.groups import spread
from kdtune.report.study.significance import NULLS, Null, expected_floor, measured_floor, tally
from kdtune.runs.summary import GAPS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BETTER, _WORSE = COLOURS[5], COLOURS[4]
_MOST_NAMED = 12


def draw_all(study: Study, null: Null) -> list[Picture]:
    """Draw the figures that the study gives, in the order of the page."""
    found = []
    for pair, series in study.by_pair.items():
        arrow, key = pair.replace("->", " → "), pair.replace("->", "-")
        found.append(
            lines(
                f"accuracy-{key}",
                f"Accuracy against T, {arrow}",
                series,
                [Panel("accuracy, %", groups.accuracy, published=_accuracies(study, pair))],
                100,
                "",
            )
        )
        for attribute in study.attributes:
            panels = []
            for gap in GAPS:
                floor = groups.chance(series[0].nds, attribute, gap)
                labels = groups.label_gap(study, attribute) if gap == "dpd" else math.nan
                theirs = published.gap_of(study.record.dataset, pair, attribute, gap)
                panels.append(
                    Panel(
                        f"{gap.upper()}, percentage points",
                        groups.gap_value(attribute, gap),
                        floor,
                        labels,
                        {} if theirs is None else theirs.students,
                    )
                )
            name = f"gaps-{study.attribute_keys[attribute]}-{key}"
            words = (
                " Dotted: what NDS would show by chance if it ignored the group. Dash-dotted: the difference of the "
                "labels themselves, below which a DPD is bought with wrong answers."
            )
            found.append(
                lines(name, f"EOD and DPD over {attribute} against T, {arrow}", series, panels, 100, words)
            )
        if groups.has_individual(series[0]):
            value = groups.individual_value(series[0])
            paper = published.individual_of(study.record.dataset, pair)
            quotient = {} if paper is None else paper.students
            found.append(
                lines(
                    f"individual-{key}",
                    f"Individual fairness against T, {arrow}",
                    series,
                    [Panel("I(f), change of output over distance", value, published=quotient)],
                    1,
                    " Lower: similar examples get more similar answers.",
                )
            )
    for one in study.series:
        found.append(_affected(study, one, null))
        found.append(_disagreement(study, one))
    return found


def _accuracies(study: Study, pair: str) -> dict[float, float]:
    paper = published.classes_of(study.record.dataset, pair)
    return {} if paper is None else {t: accuracy for t, (accuracy, _, _) in paper.students.items()}


def _affected(study: Study, series: Series, null: Null) -> Picture:
    caption = (
        f"Of {len(study.record.classes)}, the classes that differ significantly (Welch's t-test over seeds, level "
        f"{study.spec.level:g}, null: equal {NULLS[null]}) from NDS (#SC) and from the teacher (#TC). Bars: raw, "
        "split by whether that quantity is higher or lower in the student. Diamonds: after Benjamini–Hochberg. "
        "Dashed: what identical models give on average (simulated); dotted: NDS seeds against other NDS seeds."
    )
    paper = published.classes_of(study.record.dataset, series.pair)
    if paper is not None and set(paper.students) & set(series.temperatures):
        caption += f" Crosses: {CROSSES}."
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
    paper = published.classes_of(study.record.dataset, series.pair)
    for ax, name, reference, column in zip(
        axes,
        ("#SC: NDS against distilled", "#TC: teacher against distilled"),
        (series.nds, series.teachers),
        (1, 2),
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
        counts = {
            float(k): float(paper.students[t][column])
            for k, t in enumerate(series.temperatures)
            if paper is not None and t in paper.students
        }
        published_points(ax, counts)
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
        tops.append(max(1, *(better + worse), *counts.values()))
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
