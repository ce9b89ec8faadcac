"""Learning curves: measures over epochs, the compared models in colour, the others faint behind them."""

import math

import numpy as np
import numpy.typing as npt

from ...drawing.canvas import Canvas
from ...drawing.plot import Plot, legend, off_axis
from ...drawing.raster import Scale
from ...drawing.text import fit, number, short
from ...state.view import CENTRE, EPOCH
from ..frame import REFERENCES, Frame
from ..front.scatter import OPEN_SCALES

BACKGROUND_CURVES = 60
"""So many curves, of the front and the latest, are drawn behind the compared; more would merge into a grey area."""

_TWO_FROM = 15
"""Two measures are drawn, one above the other, from so many rows on."""


def curves(frame: Frame) -> Canvas:
    """Draw the view's measure over epochs, and the next objective below it where there is room."""
    store = frame.store
    if not store.reports:
        return frame.not_yet("no report", "curves start with the first epoch's report")
    canvas = frame.canvas()
    measures = store.measures
    first = measures[frame.view.measure % len(measures)]
    others = [name for name in store.record.objectives if name != first]
    legend = _legend(frame, canvas)
    height = canvas.height - legend
    if height >= _TWO_FROM and others:
        upper = (height + 1) // 2
        _panel(frame, canvas, first, legend, upper)
        _panel(frame, canvas, others[0], legend + upper, height - upper)
    else:
        _panel(frame, canvas, first, legend, height)
    return canvas


def _legend(frame: Frame, canvas: Canvas) -> int:
    """Name the compared models in one row; return how many rows that took."""
    if canvas.height < 7:
        return 0
    glyphs = frame.glyphs
    items = [
        (glyphs.series(slot := frame.view.slot(model_id)), frame.named(model_id), f"series{slot}")
        for model_id in frame.view.compared
    ]
    cursor = frame.cursor
    items += [
        (glyphs.glyph(kind) + glyphs.glyph("dotted"), name, kind)
        for kind, name in REFERENCES.items()
        if cursor is not None and frame.store.reference(cursor, kind) is not None
    ]
    others = len(set(frame.ids).difference(frame.view.compared))
    if others:
        shown = f"{BACKGROUND_CURVES} of {others:,}" if others > BACKGROUND_CURVES else str(others)
        items.append((glyphs.glyph("hline"), f"{shown} others", "cloud"))
    legend(canvas, 0, 0, items)
    return 1


def _panel(frame: Frame, canvas: Canvas, measure: str, top: int, height: int) -> None:
    store, view = frame.store, frame.view
    if height < 3 or canvas.width < 10:
        return
    compared = [model_id for model_id in view.compared if store.model(model_id)]
    behind = _behind(frame)
    lines = {
        model_id: smoothed(store.series(model_id, measure), view.smoothing)
        for model_id in [*behind, *compared]
    }
    cursor = frame.cursor
    guides: list[tuple[str, float]] = []
    if cursor is not None:
        for kind in ("teacher", "nds"):
            reference = store.reference(cursor, kind)
            if reference is not None:
                guides.append((kind, store.value(reference.id, measure)))
    pool = [np.zeros(0), *lines.values(), np.array([value for _, value in guides])]
    log = measure in view.log or "curves" in view.log
    values = np.concatenate(pool)
    y, beyond = Scale.robust(values, log=log, margin=0.06)
    if not log and not measure.startswith(OPEN_SCALES):
        y = y.clamp(0.0, 1.0)
    arrow = "↑ better" if store.direction(measure) == "max" else "↓ better"
    name = (
        short(measure)
        + (" (log)" if log else "")
        + (f"  smoothed {view.smoothing}" if view.smoothing else "")
    )
    plot = Plot(
        canvas,
        frame.glyphs,
        Scale(1.0, float(frame.axis_epochs)),
        y,
        box=(0, top, canvas.width - 2, height),
        x_label="epoch",
        y_label=f"{name}  {arrow}" + (f"  {off_axis(beyond)}" if beyond else ""),
        whole_x=True,
        zoom=view.zoom.get(EPOCH),
    )
    if not plot.usable:
        return
    if values.size and not np.isfinite(values).any():
        plot.say(f"{short(measure)} is undefined for all models (v shows another measure)")
    plot.many([(np.arange(1, len(lines[i]) + 1), lines[i]) for i in behind], "axis")
    for kind, value in guides:
        plot.horizontal(value, kind, REFERENCES[kind], sign=frame.glyphs.glyph(kind))
    for model_id in reversed(compared):
        _curve(frame, plot, model_id, lines[model_id])
    if view.crosshair:
        _read_out(frame, canvas, plot, lines, compared, top)


def _behind(frame: Frame) -> list[str]:
    """Return the trials drawn behind the compared: the front, and of the others the latest."""
    compared, members = set(frame.view.compared), frame.store.front
    others = [i for i in frame.ids if i not in compared]
    front = [i for i in others if i in members][-BACKGROUND_CURVES:]
    rest = [i for i in others if i not in members]
    return [*rest[len(rest) - min(len(rest), BACKGROUND_CURVES - len(front)) :], *front]


def _curve(frame: Frame, plot: Plot, model_id: str, line: npt.NDArray[np.float64]) -> None:
    slot = frame.view.slot(model_id)
    epochs = np.arange(1, len(line) + 1)
    plot.curve(epochs, line, f"series{slot}")
    known = np.flatnonzero(np.isfinite(line))
    if len(known):
        last = int(known[-1])
        plot.end(float(epochs[last]), float(line[last]), frame.glyphs.series(slot), f"series{slot}")


def _read_out(
    frame: Frame,
    canvas: Canvas,
    plot: Plot,
    lines: dict[str, npt.NDArray[np.float64]],
    compared: list[str],
    top: int,
) -> None:
    plot.cross(frame.view.cross.get(EPOCH, CENTRE))
    epoch = frame.cross_epoch() or 1
    parts = [f"epoch {epoch}"]
    for model_id in compared:
        line = lines[model_id]
        value = float(line[epoch - 1]) if epoch <= len(line) else float("nan")
        parts.append(f"{model_id} {number(value)}")
    text = frame.glyphs.text("  ".join(parts))
    canvas.text(0, top, fit(text, canvas.width), "accent")


def smoothed(line: npt.NDArray[np.float64], strength: int) -> npt.NDArray[np.float64]:
    """Return the exponential moving average of a curve, weight (0, 0.4, 0.7, 0.9)[strength]; NaN stays a gap."""
    if strength <= 0 or len(line) < 2:
        return line
    weight = (0.0, 0.4, 0.7, 0.9)[min(strength, 3)]
    result = np.full(len(line), np.nan)
    mean = total = 0.0
    for k, value in enumerate(line.tolist()):
        if not math.isnan(value):
            mean = weight * mean + (1 - weight) * value
            total = weight * total + (1 - weight)
            result[k] = mean / total
    return result
