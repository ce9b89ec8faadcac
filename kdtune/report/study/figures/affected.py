"""How many classes distillation affects, against T."""

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kdtune.report.drawing.picture import Picture, picture
from kdtune.report.drawing.style import COLOURS, INK, MUTED, PAPER, WIDE, new_figure
from kdtune.report.study import published
from kdtune.report.study.figures.curves import CROSSES, published_points
from kdtune.report.study.results.reading import Series, Study
from kdtune.report.study.statistics.significance import (
    FEW_CLASSES,
    FEW_CLASSES_WARNING,
    NULLS,
    Null,
    expected_floor,
    measured_floor,
    tally,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BETTER, _WORSE = COLOURS[5], COLOURS[4]


def affected(study: Study, series: Series, null: Null) -> Picture:
    """Draw how many classes differ at each T."""
    caption = (
        f"The number of classes, of {len(study.record.classes)}, that differ significantly (Welch's t-test over seeds, "
        f"level {study.spec.level:g}, null: equal {NULLS[null]}) from NDS (#SC) and from the teacher (#TC). Bars: "
        "uncorrected, split by whether that quantity is higher or lower in the student. Diamonds: after "
        "Benjamini–Hochberg. Dashed: what identical models give on average (simulated)."
    )
    if measured_floor(series.nds, null=null, level=study.spec.level) is not None:
        caption += " Dotted: NDS seeds against other NDS seeds."
    if null == "ratio" and len(study.record.classes) < FEW_CLASSES:
        caption += f" {FEW_CLASSES_WARNING}"
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
    # Set once both panels are drawn, because they share the axis; from a little below 0, so that marks there are whole.
    axes[0].set_ylim(-0.04 * max(tops), 1.15 * max(tops))
    axes[0].set_ylabel("classes")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=5 if wide else 2)
    return figure
