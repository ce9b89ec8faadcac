"""Groups at one epoch, the last one or that under the cross-hair.

The gaps between them with intervals and chance floors, their sizes and accuracies.
"""

import math

import numpy as np

from kdtune.fairness import wilson
from kdtune.runs.records import Report
from kdtune.runs.state import ModelState
from kdtune.text import counted, plain

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.plot import LegendItem, legend
from ...drawing.text import fit, number, short, width
from ..frame import REFERENCES, Frame
from .gaps import gap_names, shown_model

_NUMBERS = 20
"""Columns for a value with its interval."""

_LEAST_BAR = 8
"""Bars are drawn from so many columns on."""


def groups(frame: Frame) -> Canvas:
    """Draw a report's gaps with their intervals, and each group's size and accuracy."""
    shown = shown_model(frame)
    if isinstance(shown, Canvas):
        return shown
    model, reports = shown
    canvas = frame.canvas()
    report = frame.at_cross(reports)[-1]
    y = 0
    label = _label(frame)
    names = gap_names(frame)
    values = [v for name in names for v in _extent(frame, model, report.epoch, name)]
    top = max([0.05, *(v for v in values if not math.isnan(v))])
    canvas.text(0, y, fit(f"epoch {report.epoch}", label), "accent" if frame.view.crosshair else "dim")
    if canvas.width - label - _NUMBERS - 1 >= _LEAST_BAR:
        legend(canvas, label, y, _signs(frame))
    y += 1
    for name in names:
        if y >= canvas.height:
            return canvas
        _gap_row(frame, canvas, y, label, model, report.epoch, name, top)
        y += 1
    for attribute, group_names in frame.store.record.attributes.items():
        y += 1
        y = _group_rows(frame, canvas, y, label, attribute, group_names, report)
    for attribute in frame.store.record.attributes:
        y += 1
        y = _class_rows(frame, canvas, y, label, attribute, report)
    return canvas


def _label(frame: Frame) -> int:
    """Return the columns for the names of gaps and groups."""
    groups = [plain(name) for names in frame.store.record.attributes.values() for name in names]
    longest = max([8, *map(width, groups), *(width(short(name)) for name in gap_names(frame))])
    return min(longest + 1, max(9, frame.width // 4))


def _signs(frame: Frame) -> list[LegendItem]:
    sign = frame.glyphs.glyph
    interval = f"{sign('cap_low')}{sign('hline')}{sign('point')}{sign('hline')}{sign('cap_high')}"
    baselines = [(sign(kind), name, kind) for kind, name in REFERENCES.items()]
    return [(interval, "95 %", "dim"), (sign("vdotted"), "equal rates", "warn"), *baselines]


def _value(frame: Frame, model: ModelState, epoch: int, name: str) -> float:
    """Return a measure at an epoch; NaN where it is undefined or was not reported."""
    line = frame.store.series(model.id, name)
    return float(line[epoch - 1]) if 0 < epoch <= len(line) else math.nan


def _extent(frame: Frame, model: ModelState, epoch: int, name: str) -> list[float]:
    found = [_value(frame, model, epoch, name)]
    doubt = frame.doubts.get((model.id, epoch, name))
    if doubt is not None:
        found += [doubt.high, doubt.chance_high]
    for kind in ("teacher", "nds"):
        reference = frame.store.reference(model, kind)
        if reference is not None:
            found.append(frame.store.value(reference.id, name))
    return found


def _gap_row(
    frame: Frame, canvas: Canvas, y: int, left: int, model: ModelState, epoch: int, name: str, top: float
) -> None:
    glyphs, store = frame.glyphs, frame.store
    value = _value(frame, model, epoch, name)
    doubt = frame.doubts.get((model.id, epoch, name))
    text = number(value)
    if doubt is not None:
        text += f" [{number(doubt.low, 2)}, {number(doubt.high, 2)}]"
    elif not math.isnan(value):
        text += " [ …computing ]" if not glyphs.ascii else " [ ... ]"
    canvas.text(
        0, y, fit(glyphs.text(short(name)), left - 1), "strong" if name in store.record.objectives else "text"
    )
    room = canvas.width - left - _NUMBERS - 1
    if room >= _LEAST_BAR:
        _interval(
            frame,
            canvas,
            left,
            y,
            room,
            *((math.nan, math.nan) if doubt is None else (doubt.low / top, doubt.high / top)),
        )
        for bound in () if doubt is None else (doubt.chance, doubt.chance_high):
            if not math.isnan(bound):
                _mark(canvas, left, y, room, bound / top, glyphs.glyph("vdotted"), "warn", only_free=True)
        for kind in ("nds", "teacher"):
            reference = store.reference(model, kind)
            if reference is not None and reference.id != model.id:
                _mark(
                    canvas,
                    left,
                    y,
                    room,
                    store.value(reference.id, name) / top,
                    glyphs.glyph(kind),
                    kind,
                    only_free=False,
                )
        _mark(canvas, left, y, room, value / top, glyphs.glyph("point"), "series0", only_free=False)
    # As in a report: beyond what a model with equal rates shows in 95 of 100 data sets of these sizes.
    sure = doubt is not None and value > doubt.chance_high
    canvas.text(canvas.width - _NUMBERS, y, fit(glyphs.text(text), _NUMBERS), "loss" if sure else "text")


def _interval(frame: Frame, canvas: Canvas, x: int, y: int, room: int, low: float, high: float) -> None:
    glyphs = frame.glyphs
    for k in range(room):
        canvas.put(x + k, y, "·" if not glyphs.ascii else " ", "faint")
    if not math.isnan(low) and not math.isnan(high):
        a, b = (int(raster.pixel([min(1.0, v)], room)[0]) for v in (low, high))
        for k in range(a, b + 1):
            canvas.put(x + k, y, glyphs.glyph("hline"), "cloud")
        canvas.put(x + a, y, glyphs.glyph("cap_low"), "cloud")
        canvas.put(x + b, y, glyphs.glyph("cap_high"), "cloud")


def _mark(
    canvas: Canvas, x: int, y: int, room: int, place: float, glyph: str, style: str, *, only_free: bool
) -> None:
    at = int(raster.pixel([place], room)[0])
    if at >= 0 and not (only_free and canvas.chars[y, x + at] not in (" ", "·", "─", "-")):
        canvas.put(x + at, y, glyph, style)


def _class_rows(frame: Frame, canvas: Canvas, y: int, left: int, attribute: str, report: Report) -> int:
    """Draw the classes with the largest EOD, each one against the rest."""
    counts = report.counts.get(attribute)
    if counts is None or y + 1 >= canvas.height or counts.n_classes < 3:
        return y
    glyphs = frame.glyphs
    canvas.text(0, y, fit(glyphs.text(f"EOD by class, {plain(attribute)}"), canvas.width), "dim")
    values = counts.eod_by_class
    order = np.argsort(-np.nan_to_num(values, nan=-1.0), kind="stable")
    peak = max(0.05, float(np.nanmax(values, initial=0.0, where=np.isfinite(values))))
    room = canvas.width - left - _NUMBERS - 1
    for k in order.tolist()[: max(0, canvas.height - y - 1)]:
        y += 1
        value = float(values[k])
        canvas.text(0, y, fit(glyphs.text(plain(frame.store.record.classes[k])), left - 1), "text")
        if room >= _LEAST_BAR:
            canvas.text(left, y, raster.bar(value / peak * room, room, ascii_only=glyphs.ascii), "loss")
        text = number(value) if not math.isnan(value) else "undefined"
        canvas.text(canvas.width - _NUMBERS, y, fit(glyphs.text(text), _NUMBERS), "text")
    return y + 1


def _group_rows(
    frame: Frame, canvas: Canvas, y: int, left: int, attribute: str, names: tuple[str, ...], report: Report
) -> int:
    counts = report.counts.get(attribute)
    if counts is None or y >= canvas.height:
        return y
    glyphs = frame.glyphs
    undefined = f"  {counted(counts.n_undefined, 'rate')} undefined" if counts.n_undefined else ""
    missing = f"  {counts.n_missing:,} without a group" if counts.n_missing else ""
    canvas.text(
        0, y, fit(glyphs.text(f"accuracy by {plain(attribute)}{undefined}{missing}"), canvas.width), "dim"
    )
    low, high = wilson(counts.hits.sum(axis=1), counts.group_sizes)
    order = np.argsort(np.nan_to_num(counts.group_accuracy, nan=2.0), kind="stable")
    for k in order.tolist()[: max(0, canvas.height - y - 1)]:
        y += 1
        value = float(counts.group_accuracy[k])
        canvas.text(0, y, fit(glyphs.text(plain(names[k])), left - 1), "text")
        room = canvas.width - left - _NUMBERS - 1
        if room >= _LEAST_BAR:
            _interval(frame, canvas, left, y, room, float(low[k]), float(high[k]))
            _mark(canvas, left, y, room, value, glyphs.glyph("point"), "series0", only_free=False)
        canvas.text(
            canvas.width - _NUMBERS,
            y,
            fit(glyphs.text(f"{number(value)}  n {int(counts.group_sizes[k]):,}"), _NUMBERS),
            "text",
        )
    return y + 1
