"""Gaps between groups by epoch: EOD and DPD with their intervals and chance floors."""

import math

import numpy as np

from kdtune.runs.summary import GAPS
from kdtune.text import plain

from ..background.questions import DoubtOf, Wish
from ..drawing.canvas import Canvas
from ..drawing.plot import Plot
from ..drawing.raster import Scale
from ..drawing.text import fit, number, short, width
from ..state.view import EPOCH
from .frame import REFERENCES, Frame

MOST_DOUBTS = 200
"""Intervals are computed for so many of a trial's latest epochs."""


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


def no_gaps(frame: Frame) -> Canvas | None:
    """Return a canvas that says why there are no gaps to draw, None if there are."""
    if not frame.store.record.attributes:
        return frame.nothing(
            "these data have no groups", "declare a sensitive attribute to see gaps between groups"
        )
    model = frame.cursor
    if model is None or not model.epoch:
        return frame.nothing("no report yet", "gaps appear with the first report")
    return None


def gap_curve(frame: Frame) -> Canvas:
    """Draw gaps over the epochs: each value with its interval, and what chance alone would show."""
    empty = no_gaps(frame)
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
        # The name stands in the legend if there is room, because points would cover it on the line itself.
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
