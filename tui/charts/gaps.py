"""Gaps between groups with their doubt: EOD and DPD by epoch and at the last one, intervals, chance floors."""

import math

import numpy as np

from kdtune.fairness import wilson
from kdtune.runs.records import Report
from kdtune.runs.state import ModelState
from kdtune.runs.summary import GAPS
from kdtune.text import plain

from ..background.questions import DoubtOf, Wish
from ..drawing import raster
from ..drawing.canvas import Canvas
from ..drawing.plot import Plot
from ..drawing.raster import Scale
from ..drawing.text import fit, number, short, width
from ..state.view import EPOCH
from .frame import REFERENCES, Frame

MOST_DOUBTS = 200
"""Epochs of a trial whose intervals are computed, the latest."""


def interval_wish(frame: Frame) -> Wish | None:
    """Return the wish for the intervals of the model under the cursor: those of its last epoch first."""
    model = frame.cursor
    if model is None or not frame.store.record.attributes:
        return None
    reports = frame.reports_of(model.id)

    def questions() -> list[DoubtOf]:
        names = gap_names(frame)
        latest = reports[::-1][:MOST_DOUBTS]
        return [DoubtOf((model.id, report.epoch, name), report) for report in latest for name in names]

    return Wish(("intervals", model.id, len(reports)), questions)


def gap_names(frame: Frame) -> list[str]:
    """Return the gaps of every attribute: `eod`, `dpd`, `eod@race`, …; the objectives first."""
    attributes = list(frame.store.record.attributes)
    names = [
        name if k == 0 else f"{name}@{attribute}" for k, attribute in enumerate(attributes) for name in GAPS
    ]
    chosen = [name for name in frame.store.record.objectives if name.partition("@")[0] in GAPS]
    return list(dict.fromkeys([*chosen, *names]))


def _nothing(frame: Frame) -> Canvas | None:
    if not frame.store.record.attributes:
        return frame.nothing(
            "these data have no groups", "declare a sensitive attribute to see gaps between groups"
        )
    model = frame.cursor
    if model is None or not model.epoch:
        return frame.nothing("no report yet", "gaps are taken from the first report on")
    return None


def gap_curve(frame: Frame) -> Canvas:
    """Draw gaps over the epochs: the value with its interval, and what chance alone would show."""
    empty = _nothing(frame)
    if empty is not None:
        return empty
    canvas = frame.canvas()
    names = gap_names(frame)[:2]
    if canvas.height >= 16 and len(names) == 2:
        upper = (canvas.height + 1) // 2
        _curve(frame, canvas, names[0], 0, upper)
        _curve(frame, canvas, names[1], upper, canvas.height - upper)
    else:
        chosen = frame.store.measures[frame.view.measure % len(frame.store.measures)]
        _curve(frame, canvas, chosen if chosen in names else names[0], 0, canvas.height)
    return canvas


def _curve(frame: Frame, canvas: Canvas, name: str, top: int, height: int) -> None:
    model = frame.cursor
    assert model is not None
    store, glyphs = frame.store, frame.glyphs
    line = store.series(model.id, name)
    epochs = np.arange(1, len(line) + 1)
    doubts = [frame.doubts.get((model.id, int(epoch), name)) for epoch in epochs]
    low = np.array([math.nan if d is None else d.low for d in doubts])
    high = np.array([math.nan if d is None else d.high for d in doubts])
    chance = np.array([math.nan if d is None else d.chance for d in doubts])
    references = [
        r
        for kind in ("teacher", "nds")
        if (r := store.reference(model, kind)) is not None and r.id != model.id
    ]
    guides = [(reference.kind, store.value(reference.id, name)) for reference in references]
    pool = np.concatenate([line, low, high, chance, np.array([value for _, value in guides])])
    log = "gap_curve" in frame.view.log
    scale = Scale.over(pool, log=log, margin=0.05)
    label = f"{short(name)} of {plain(model.id)}  ↓ better   │ 95 %   ┄ chance"
    plot = Plot(
        canvas,
        glyphs,
        Scale(1.0, float(max(model.epochs, len(line), 2))),
        scale if log else scale.clamp(0.0, 1.0),
        box=(0, top, canvas.width, height),
        x_label="epoch",
        y_label=label,
        whole_x=True,
        zoom=frame.view.zoom.get(EPOCH),
    )
    if not plot.usable:
        return
    free = width(glyphs.text(label)) + 3
    for kind, value in guides:
        # Named in the legend, where there is room: on the line itself, points would cover it.
        before, free = free, frame.name_reference(canvas, free, top, kind)
        plot.horizontal(value, kind, "" if free > before else REFERENCES[kind])
    plot.many(
        [([e, e], [a, b]) for e, a, b in zip(epochs, low, high, strict=True) if not math.isnan(a)], "cloud"
    )
    plot.curve(epochs, chance, "warn")
    plot.curve(epochs, line, "series0")
    for epoch, value in zip(epochs.tolist(), line.tolist(), strict=True):
        if len(line) <= plot.width // 2:
            plot.marker(float(epoch), value, glyphs.glyph("point"), "series0")
    if frame.view.crosshair:
        x, _ = plot.cross(frame.view.cross.get(EPOCH, (0.5, 0.5)))
        k = max(1, min(len(line), round(x))) - 1
        text = f"epoch {k + 1}  {number(line[k])} [{number(low[k])}, {number(high[k])}]  chance {number(chance[k])}"
        canvas.right(
            plot.left + plot.width, top, fit(glyphs.text(text), min(width(text), plot.width)), "accent"
        )


def groups(frame: Frame) -> Canvas:
    """Draw the last report's gaps with intervals, and each group's size and accuracy."""
    empty = _nothing(frame)
    if empty is not None:
        return empty
    model = frame.cursor
    assert model is not None
    reports = frame.reports_of(model.id)
    if not reports:
        return frame.nothing("reading its reports")
    canvas = frame.canvas()
    report = reports[-1]
    y = 0
    label = 12
    names = gap_names(frame)
    values = [v for name in names for v in _extent(frame, model, report.epoch, name)]
    top = max([0.05, *(v for v in values if not math.isnan(v))])
    canvas.text(
        label,
        y,
        fit(frame.glyphs.text("├─●─┤ 95 %  ┊ chance  ◆ teacher  ◇ NDS"), canvas.width - label),
        "dim",
    )
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


def _extent(frame: Frame, model: ModelState, epoch: int, name: str) -> list[float]:
    found = [frame.store.value(model.id, name)]
    doubt = frame.doubts.get((model.id, epoch, name))
    if doubt is not None:
        found += [doubt.high, doubt.chance]
    for kind in ("teacher", "nds"):
        reference = frame.store.reference(model, kind)
        if reference is not None:
            found.append(frame.store.value(reference.id, name))
    return found


def _gap_row(
    frame: Frame, canvas: Canvas, y: int, left: int, model: ModelState, epoch: int, name: str, top: float
) -> None:
    glyphs, store = frame.glyphs, frame.store
    value = store.value(model.id, name)
    doubt = frame.doubts.get((model.id, epoch, name))
    text = number(value)
    if doubt is not None:
        text += f" [{number(doubt.low, 2)}, {number(doubt.high, 2)}]"
    elif not math.isnan(value):
        text += " [ …computing ]" if not glyphs.ascii else " [ ... ]"
    canvas.text(
        0, y, fit(glyphs.text(short(name)), left - 1), "strong" if name in store.record.objectives else "text"
    )
    numbers = 20
    room = canvas.width - left - numbers - 1
    if room >= 8:
        _interval(
            frame,
            canvas,
            left,
            y,
            room,
            *((math.nan, math.nan) if doubt is None else (doubt.low / top, doubt.high / top)),
        )
        if doubt is not None and not math.isnan(doubt.chance):
            _mark(canvas, left, y, room, doubt.chance / top, glyphs.glyph("vdotted"), "warn", only_free=True)
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
    canvas.text(canvas.width - numbers, y, fit(glyphs.text(text), numbers), "text")


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
    """Draw the classes with the largest EOD, one-vs-rest."""
    counts = report.counts.get(attribute)
    if counts is None or y + 1 >= canvas.height or counts.n_classes < 3:
        return y
    glyphs = frame.glyphs
    canvas.text(0, y, fit(glyphs.text(f"EOD by class, {plain(attribute)}"), canvas.width), "dim")
    values = counts.eod_by_class
    order = np.argsort(-np.nan_to_num(values, nan=-1.0), kind="stable")
    peak = max(0.05, float(np.nanmax(values, initial=0.0, where=np.isfinite(values))))
    room = canvas.width - left - 21
    for k in order.tolist()[: max(0, canvas.height - y - 1)]:
        y += 1
        value = float(values[k])
        canvas.text(0, y, fit(glyphs.text(plain(frame.store.record.classes[k])), left - 1), "text")
        if room >= 8:
            canvas.text(left, y, raster.bar(value / peak * room, room, ascii_only=glyphs.ascii), "loss")
        text = number(value) if not math.isnan(value) else "undefined"
        canvas.text(canvas.width - 20, y, fit(glyphs.text(text), 20), "text")
    return y + 1


def _group_rows(
    frame: Frame, canvas: Canvas, y: int, left: int, attribute: str, names: tuple[str, ...], report: Report
) -> int:
    counts = report.counts.get(attribute)
    if counts is None or y >= canvas.height:
        return y
    glyphs = frame.glyphs
    undefined = f"  {counts.n_undefined} rates undefined" if counts.n_undefined else ""
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
        numbers = 20
        room = canvas.width - left - numbers - 1
        if room >= 8:
            _interval(frame, canvas, left, y, room, float(low[k]), float(high[k]))
            _mark(canvas, left, y, room, value, glyphs.glyph("point"), "series0", only_free=False)
        canvas.text(
            canvas.width - numbers,
            y,
            fit(glyphs.text(f"{number(value)}  n {int(counts.group_sizes[k]):,}"), numbers),
            "text",
        )
    return y + 1
