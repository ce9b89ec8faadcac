"""Gaps between groups by epoch: EOD and DPD with their intervals, and what equal rates in all groups show."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kdtune.fairness import GAPS
from kdtune.runs.records import Report
from kdtune.runs.state import ModelState

from ...background.questions import DoubtOf, Wish
from ...drawing.canvas import Canvas
from ...drawing.plot import Plot, legend, off_axis
from ...drawing.raster import Scale
from ...drawing.text import fit, number, short, width
from ...state.view import CENTRE, EPOCH
from ..frame import REFERENCES, Frame

Floats = npt.NDArray[np.float64]

MOST_DOUBTS = 200
"""Intervals are computed for so many of a trial's latest epochs."""


def interval_wish(frame: Frame) -> Wish | None:
    """Return the wish for the intervals of the models that are drawn: those of their last epochs first."""
    model = frame.cursor
    if model is None or not frame.store.record.attributes:
        return None
    second = frame.store.model(frame.second)
    models = [model] if second is None else [model, second]
    reports = {item.id: frame.reports_of(item.id) for item in models}

    def questions() -> list[DoubtOf]:
        names = gap_names(frame)
        last = [DoubtOf((i, r[-1].epoch, name), r[-1]) for i, r in reports.items() if r for name in names]
        earlier = [
            DoubtOf((i, report.epoch, name), report)
            for i, found in reports.items()
            for report in found[-2 : -MOST_DOUBTS - 1 : -1]
            for name in names
        ]
        return [*last, *earlier]

    return Wish(("intervals", *((i, len(found)) for i, found in reports.items())), questions)


def gap_names(frame: Frame) -> list[str]:
    """Return the gaps of every attribute: `eod`, `dpd`, `eod@race`, …; the objectives first."""
    attributes = list(frame.store.record.attributes)
    names = [
        name if k == 0 else f"{name}@{attribute}" for k, attribute in enumerate(attributes) for name in GAPS
    ]
    chosen = [name for name in frame.store.record.objectives if name.partition("@")[0] in GAPS]
    return list(dict.fromkeys([*chosen, *names]))


def no_gaps(frame: Frame) -> Canvas | None:
    """Return a canvas that says why there are no gaps to draw, None if there are."""
    if not frame.store.record.attributes:
        return frame.nothing(
            "these data have no groups", "declare a sensitive attribute to see gaps between groups"
        )
    model = frame.cursor
    if model is None or not model.epoch:
        return frame.not_yet("no report", "gaps appear with the first report")
    return None


def shown_model(frame: Frame) -> Canvas | tuple[ModelState, Sequence[Report]]:
    """Return the cursor's model and its reports, one at least; where there are none, a canvas that says why."""
    empty = no_gaps(frame)
    if empty is not None:
        return empty
    assert frame.cursor is not None
    reports = frame.reports_of(frame.cursor.id)
    return (frame.cursor, reports) if reports else frame.nothing("reading its reports")


def gap_curve(frame: Frame) -> Canvas:
    """Draw gaps over the epochs: each value with its interval, and what equal rates in all groups show."""
    empty = no_gaps(frame)
    if empty is not None:
        return empty
    canvas = frame.canvas()
    first_attribute = next(iter(frame.store.record.attributes))
    names = [
        name for name in gap_names(frame) if (name.partition("@")[2] or first_attribute) == frame.attribute
    ][:2]
    since = {name: beyond_equal_rates_since(frame, name) for name in names}
    told = [f"{short(name)} above equal rates since epoch {epoch}" for name, epoch in since.items() if epoch]
    canvas.note = frame.glyphs.text(", ".join(told))
    if canvas.height >= 16 and len(names) == 2:
        upper = (canvas.height + 1) // 2
        _curve(frame, canvas, names[0], 0, upper)
        _curve(frame, canvas, names[1], upper, canvas.height - upper)
    else:
        chosen = frame.store.measures[frame.view.measure % len(frame.store.measures)]
        _curve(frame, canvas, chosen if chosen in names else names[0], 0, canvas.height)
    return canvas


def beyond_equal_rates_since(frame: Frame, name: str) -> int | None:
    """Return the epoch from which on a gap is beyond what equal rates show in 95 of 100 data sets of these sizes.

    None if it is not at the last epoch, or while that is not known.
    """
    model = frame.cursor
    assert model is not None
    line = frame.store.series(model.id, name)
    *_, most = _doubts(frame, model.id, name, len(line))
    known, beyond = np.isfinite(most), line > most
    first = len(line)
    while first and known[first - 1] and beyond[first - 1]:
        first -= 1
    return first + 1 if first < len(line) and (not first or known[first - 1]) else None


def _curve(frame: Frame, canvas: Canvas, name: str, top: int, height: int) -> None:
    model = frame.cursor
    assert model is not None
    store, glyphs = frame.store, frame.glyphs
    line = store.series(model.id, name)
    epochs = np.arange(1, len(line) + 1)
    low, high, *rates = _doubts(frame, model.id, name, len(line))
    references = [
        r for kind in REFERENCES if (r := store.reference(model, kind)) is not None and r.id != model.id
    ]
    guides = [(reference.kind, store.value(reference.id, name)) for reference in references]
    beside: list[Floats] = []
    for other in frame.pair:
        if other != model.id:
            values = store.series(other, name)
            beside += [values, *_doubts(frame, other, name, len(values))]
    pool = np.concatenate([line, low, high, *rates, *beside, np.array([value for _, value in guides])])
    log = "gap_curve" in frame.view.log
    scale, beyond = Scale.robust(pool, log=log, margin=0.05)
    label = f"{short(name)}  ↓ better" + (f"  {off_axis(beyond)}" if beyond else "")
    plot = Plot(
        canvas,
        glyphs,
        Scale(1.0, float(frame.axis_epochs)),
        scale if log else scale.clamp(0.0, 1.0),
        box=(0, top, canvas.width, height),
        x_label="epoch",
        y_label=label,
        whole_x=True,
        zoom=frame.view.zoom.get(EPOCH),
    )
    if not plot.usable:
        return
    signs = [
        (glyphs.glyph("vline"), "95 %", "cloud"),
        (glyphs.glyph("chance") * 2, "equal rates", "warn"),
        *((glyphs.glyph(kind) + glyphs.glyph("dotted"), REFERENCES[kind], kind) for kind, _ in guides),
    ]
    legend(canvas, width(glyphs.text(label)) + 2, top, signs)
    for kind, value in guides:
        plot.horizontal(value, kind, sign=glyphs.glyph(kind))
    plot.many(
        [([e, e], [a, b]) for e, a, b in zip(epochs, low, high, strict=True) if not math.isnan(a)], "cloud"
    )
    if not np.isfinite(line).any():
        plot.say(f"{short(name)} is undefined in every epoch")
    plot.curve(epochs, line, "series0")
    for level in rates:
        plot.dashes(epochs.tolist(), level, glyphs.glyph("chance"), "warn")
    if frame.view.crosshair:
        plot.cross(frame.view.cross.get(EPOCH, CENTRE))
        k = min(len(line), frame.cross_epoch() or 1) - 1
        text = f"epoch {k + 1}  {number(line[k])} [{number(low[k])}, {number(high[k])}]  equal rates "
        text += ", ".join(number(level[k]) for level in rates)
        canvas.text(0, top, fit(glyphs.text(text), canvas.width), "accent")


def _doubts(frame: Frame, model_id: str, name: str, epochs: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return both ends of the intervals, and both values of equal rates, by epoch; NaN where they are not known."""
    doubts = [frame.doubts.get((model_id, epoch, name)) for epoch in range(1, epochs + 1)]
    rows = [(math.nan,) * 4 if d is None else (d.low, d.high, d.chance, d.chance_high) for d in doubts]
    low, high, mean, most = np.array(rows, np.float64).reshape(-1, 4).T
    return low, high, mean, most
