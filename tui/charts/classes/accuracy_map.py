"""Single classes: their accuracy by epoch, and where student and teacher disagree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kdtune.runs.records import ALL, LARGEST_CELLS, Report
from kdtune.text import counted, plain

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit, number, width
from ...state.view import CENTRE, EPOCH
from ..frame import Frame
from .bias import window

_MATRIX_CLASSES = 24
"""Disagreement of up to so many classes is drawn as a matrix; of more, its largest cells are drawn as bars."""

_LEVELS = 16

_NUMBER = 6
"""Columns for the last accuracy."""

_AXIS_FROM = 6
"""There is an axis below from so many rows on."""

_TALLEST = 3
"""Most rows that a class is given where there is room."""


@dataclass(frozen=True)
class _Map:
    """The heat map's layout: two classes a row where there are more classes than rows.

    Attributes:
        label, cell: columns of a name, and of an epoch.
        shown: the epochs shown, as indices.
    """

    half: bool
    label: int
    cell: int
    rows: int
    shown: npt.NDArray[np.int64]

    @classmethod
    def of(cls, frame: Frame, names: Sequence[str], reports: int) -> "_Map":
        rows = frame.height - 1 - (1 if frame.height >= _AXIS_FROM else 0)
        half = len(names) > rows and not frame.glyphs.ascii and not frame.glyphs.mono
        longest = max(map(width, names), default=4)
        label = min(longest, max(6, frame.width // 5), 20)
        if half:  # each row names both of its classes
            label = min(2 * longest + 1, max(13, frame.width // 3), 33)
        epochs = frame.axis_epochs
        room = max(1, frame.width - label - 1 - _NUMBER)
        shown = np.arange(reports)
        if epochs > room:
            count = max(1, round(room * reports / epochs))
            shown = np.unique(np.linspace(0, reports - 1, count).round().astype(int))
        return cls(half, label, max(1, min(12, room // epochs)), rows, shown)

    def columns(self, epochs: int) -> int:
        """Return how many cells an axis of so many epochs has."""
        return max(1, round(len(self.shown) * epochs / max(1, int(self.shown[-1]) + 1)))

    def column_of(self, epoch: int) -> int:
        """Return the number of the cell that shows an epoch, or the one nearest to it."""
        return int(np.abs(self.shown + 1 - epoch).argmin())


def class_map(frame: Frame) -> Canvas:
    """Draw each class's accuracy by epoch as a heat map, with the least accurate classes at the top."""
    reports, canvas = _reports(frame)
    if canvas is not None:
        return canvas
    canvas, glyphs = frame.canvas(), frame.glyphs
    table = np.array([report.counts[ALL].class_accuracy for report in reports]).T  # [C, epochs]
    names = [glyphs.text(plain(name)) for name in frame.store.record.classes]
    order = np.argsort(np.nan_to_num(table[:, -1], nan=2.0), kind="stable")
    plan = _Map.of(frame, names, len(reports))
    left = plan.label + 1
    if canvas.width - left - _NUMBER < 2 or canvas.height < 2:
        return canvas
    _ramp(frame, canvas, left, "accuracy 0", "1")
    per_row = 2 if plan.half else 1
    pairs = (len(names) + per_row - 1) // per_row
    visible, hidden = window(pairs, plan.rows, frame.scrolled("class_map", pairs, plan.rows))
    shades = raster.levels(table[:, plan.shown], 0.0, 1.0, _LEVELS)
    tall = max(1, min(_TALLEST, plan.rows // max(1, len(visible)))) if not hidden else 1
    # Its cross-hair goes from the middle of the first epoch's cell to that of the last one's, as in the other charts.
    inset, epochs = (plan.cell - 1) // 2, frame.axis_epochs
    canvas.plots.append((left + inset, 1, plan.cell * (plan.columns(epochs) - 1) + 1, len(visible) * tall))
    epoch = min(frame.cross_epoch() or len(reports), len(reports))
    for k, place in enumerate(visible):
        y = 1 + k * tall
        if place < 0:
            said = f"{glyphs.glyph('more')} {counted(hidden * per_row, 'class')} between"
            canvas.text(0, y, fit(glyphs.text(said), canvas.width), "dim")
            continue
        classes = [int(c) for c in order[place * per_row : (place + 1) * per_row]]
        middle = y + (tall - 1) // 2
        _name_classes(canvas, middle, [names[c] for c in classes], plan)
        canvas.right(canvas.width, middle, glyphs.text(number(float(table[classes[0], epoch - 1]), 2)), "dim")
        if plan.half:
            _half_row(
                canvas, left, y, shades[classes[0]], shades[classes[1]] if classes[1:] else None, plan.cell
            )
        else:
            for extra in range(tall):
                _row(frame, canvas, left, y + extra, shades[classes[0]], plan.cell)
    if canvas.height >= _AXIS_FROM:
        last = int(plan.shown[-1]) + 1
        _epoch_axis(canvas, 1 + len(visible) * tall, left, plan.cell, len(plan.shown), last)
    if frame.view.crosshair:
        at = plan.column_of(epoch)
        canvas.put(
            left + inset + at * plan.cell, 1 + len(visible) * tall, "^" if glyphs.ascii else "▴", "accent"
        )
        place = visible[round((1 - frame.view.cross.get(EPOCH, CENTRE)[1]) * (len(visible) - 1))]
        if place >= 0:
            _map_read_out(frame, canvas, reports[epoch - 1], names, int(order[place * per_row]))
    return canvas


def _name_classes(canvas: Canvas, y: int, names: Sequence[str], plan: _Map) -> None:
    each = (plan.label - 1) // 2 if plan.half else plan.label
    for k, name in enumerate(names):
        canvas.text(k * (each + 1), y, fit(name, each), "dim" if k else "text")


def _reports(frame: Frame) -> tuple[list[Report], Canvas | None]:
    model = frame.cursor
    if model is None:
        return [], frame.not_yet("no trial", "choose one with j and k")
    reports = list(frame.reports_of(model.id))
    if not reports:
        return [], frame.nothing(
            f"{model.id}: no report yet", "its first epoch is still running" if not model.epoch else ""
        )
    return reports, None


def _ramp(frame: Frame, canvas: Canvas, x: int, low: str, high: str) -> None:
    x = canvas.text(x, 0, low + " ", "dim")
    for level in range(_LEVELS):
        if x >= canvas.width:
            return
        _shade(frame, canvas, x, 0, level)
        x += 1
    canvas.text(x + 1, 0, high, "dim")


def _shade(frame: Frame, canvas: Canvas, x: int, y: int, level: int) -> None:
    if level < 0:
        canvas.put(x, y, "·" if not frame.glyphs.ascii else "?", "faint")
    elif frame.glyphs.mono or frame.glyphs.ascii:
        canvas.put(x, y, frame.glyphs.heat(level), "text" if frame.glyphs.mono else f"heat{level}")
    else:
        canvas.put(x, y, " ", f"heat{level}")


def _row(frame: Frame, canvas: Canvas, x: int, y: int, shades: npt.NDArray[np.int64], cell: int) -> None:
    glyphs = frame.glyphs
    wide = np.repeat(shades, cell)
    if glyphs.mono or glyphs.ascii:
        ramp = np.array(
            [*(glyphs.heat(level) for level in range(_LEVELS)), glyphs.glyph("hollow_dot")], "<U1"
        )
        table = np.array(
            [canvas.index("text" if glyphs.mono else f"heat{level}") for level in range(_LEVELS)]
        )
        canvas.paint(x, y, ramp[wide], np.append(table, canvas.index("faint"))[wide])
        return
    table = np.array([*(canvas.index(f"heat{level}") for level in range(_LEVELS)), canvas.index("faint")])
    canvas.paint(x, y, np.where(wide < 0, "·", " "), table[wide])


def _half_row(
    canvas: Canvas,
    x: int,
    y: int,
    upper: npt.NDArray[np.int64],
    lower: npt.NDArray[np.int64] | None,
    cell: int,
) -> None:
    """Draw two classes in one row: the upper half of each cell in the text colour, the lower half in the background."""
    lows = np.full(len(upper), -1) if lower is None else lower
    pairs, inverse = np.unique(np.stack([upper, lows]), axis=1, return_inverse=True)
    numbers = np.array(
        [
            canvas.index(f"heat{max(top, 0)}:{bottom if bottom >= 0 else ''}")
            if top >= 0 or bottom >= 0
            else 0
            for top, bottom in pairs.T.tolist()
        ]
    )
    wide = np.repeat(inverse.ravel(), cell)
    canvas.paint(x, y, np.where(np.repeat(upper, cell) >= 0, "▀", " "), numbers[wide])


def _epoch_axis(canvas: Canvas, y: int, x: int, cell: int, columns: int, last: int) -> None:
    canvas.text(x, y, "1", "label")
    end = x + columns * cell
    text = f"epoch {last}"
    if end - len(text) > x + 1:
        canvas.right(end, y, text, "label")
    elif x + 2 + len(text) < canvas.width:
        canvas.text(x + 2, y, text, "label")


def _map_read_out(frame: Frame, canvas: Canvas, report: Report, names: list[str], index: int) -> None:
    counts = report.counts[ALL]
    hits, examples = int(counts.hits[0, index]), int(counts.examples[0, index])
    share = number(float(counts.class_accuracy[index]))
    text = f"{names[index]}  epoch {report.epoch}: {hits} of {examples} right = {share}"
    canvas.text(0, 0, fit(frame.glyphs.text(text), canvas.width), "accent")


def disagreement(frame: Frame) -> Canvas:
    """Draw the classes on which student and teacher disagree: as a matrix, or the largest cells as bars."""
    reports, canvas = _reports(frame)
    if canvas is not None:
        return canvas
    model = frame.cursor
    report = frame.at_cross(reports)[-1]
    if not report.disagreement:
        baseline = model is not None and model.kind != "student"
        hint = (
            "a baseline has no teacher to disagree with"
            if baseline
            else "student and teacher agree on every example"
        )
        return frame.nothing("no disagreement", hint)
    names = [plain(name) for name in frame.store.record.classes]
    canvas = frame.canvas()
    total = sum(n for _, _, n in report.disagreement)
    n = report.counts[ALL].n
    cells = len(report.disagreement)
    if cells < LARGEST_CELLS or cells == len(names) * (len(names) - 1):
        said = f"{total:,} of {n:,} differ ({total / n:.0%})"
    else:  # a report holds the largest cells only
        said = f"{total:,} of {n:,} differ in the {cells} largest cells alone"
    canvas.text(0, 0, fit(f"{said}  epoch {report.epoch}", canvas.width), "dim")
    longest = max(map(width, names), default=4)
    label = min(max(longest, 7), max(7, canvas.width // 5), 16)
    cell = min(max(8, longest + 2), (canvas.width - label - 1) // max(1, len(names)))
    if len(names) <= _MATRIX_CLASSES and cell >= 4 and canvas.height >= len(names) + 3:
        _matrix(frame, canvas, report, names, label, cell)
    else:
        _largest(frame, canvas, report, names)
    return canvas


def _matrix(frame: Frame, canvas: Canvas, report: Report, names: list[str], label: int, cell: int) -> None:
    glyphs = frame.glyphs
    left = label + 1
    canvas.text(0, 1, fit("teacher", label), "teacher")
    for column, name in enumerate(names):
        canvas.text(left + column * cell, 1, fit(glyphs.text(name), cell - 1, align="right"), "dim")
    table = np.zeros((len(names), len(names)), np.int64)
    for teacher, student, count in report.disagreement:
        if teacher < len(names) and student < len(names):
            table[teacher, student] = count
    shades = raster.levels(table, 0.0, float(table.max()), _LEVELS)
    tall = max(1, min(_TALLEST, (canvas.height - 3) // len(names)))
    for row, name in enumerate(names):
        y = 2 + row * tall
        middle = y + (tall - 1) // 2
        canvas.text(0, middle, fit(glyphs.text(name), label), "text")
        for column in range(len(names)):
            x = left + column * cell
            level = int(shades[row, column])
            style = "faint" if row == column else ("text" if glyphs.mono else f"heat{level}")
            for extra in range(tall):
                canvas.text(x, y + extra, " " * cell, style)
            text = ("·" if not glyphs.ascii else ".") if row == column else str(table[row, column])
            canvas.text(x, middle, fit(text, cell - 1, align="right"), style)
    y = 2 + len(names) * tall
    if y < canvas.height:
        canvas.text(left, y, fit(glyphs.text("student predicts →"), canvas.width - left), "dim")


def _largest(frame: Frame, canvas: Canvas, report: Report, names: list[str]) -> None:
    glyphs = frame.glyphs
    rows = canvas.height - 1
    start = frame.scrolled("disagreement", len(report.disagreement), rows)
    cells = report.disagreement[start : start + rows]
    label = max(6, min(14, (canvas.width - 14) // 2))
    peak = report.disagreement[0][2]
    for k, (teacher, student, count) in enumerate(cells):
        y = 1 + k
        x = canvas.text(0, y, fit(glyphs.text(_name(names, teacher)), label, align="right"), "teacher")
        x = canvas.text(x, y, " → " if not glyphs.ascii else " > ", "faint")
        x = canvas.text(x, y, fit(glyphs.text(_name(names, student)), label), "text") + 1
        x = canvas.text(x, y, fit(str(count), 6, align="right"), "dim") + 1
        canvas.text(
            x,
            y,
            raster.bar((canvas.width - x) * count / peak, canvas.width - x, ascii_only=glyphs.ascii),
            "loss",
        )


def _name(names: list[str], index: int) -> str:
    return names[index] if 0 <= index < len(names) else f"class {index}"
