"""On which examples students and teacher give different classes."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kdtune.report.drawing.picture import Picture, picture
from kdtune.report.drawing.style import GRID, WIDE, new_figure
from kdtune.report.study.results.reading import ModelOnTest, Series, Study
from kdtune.report.study.statistics import quantities
from kdtune.report.study.statistics.quantities import spread
from kdtune.report.study.tables.classes import disagreements

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_NAMED = 12
"""With more classes than this neither the axes name them nor the cells carry numbers."""


def _best_temperature(series: Series) -> float:
    """Return the T whose students are most accurate."""
    return max(series.temperatures, key=lambda t: spread(series.students[t], quantities.accuracy).mean)


def disagreement(study: Study, series: Series) -> Picture:
    """Draw who disagrees with the teacher about what, without a teacher and at the most accurate T."""
    t = _best_temperature(series)
    caption = (
        "Test examples on which teacher and student give different classes, mean over seeds. Rows: the teacher's "
        "class; columns: the student's class; agreement is left out. NDS: the student without a teacher. Distilled: "
        f"the student at T = {t:g}, the most accurate one on test; it is an example that was chosen on test."
    )
    title = f"Disagreement with the teacher, {series.title}"
    return picture(
        f"disagreement-{series.key}", title, caption, partial(_draw_disagreement, study, series, t)
    )


def _draw_disagreement(study: Study, series: Series, t: float, width: float) -> "Figure":
    wide, classes = width >= WIDE, list(study.record.classes)
    figure = new_figure(width, 3.8 if wide else 7.2)
    axes = figure.subplots(1, 2) if wide else figure.subplots(2, 1)
    shown: list[tuple[str, Sequence[ModelOnTest]]] = [
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
