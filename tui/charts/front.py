"""The Pareto front: what is on it, what lies behind it, where it was before; and the hypervolume as it grew."""

import math
from collections.abc import Sequence

import numpy as np

from kdtune.runs.state import ModelState
from tui import raster
from tui.canvas import Canvas
from tui.charts.frame import Frame
from tui.plot import Plot
from tui.raster import Scale
from tui.text import fit, number, plain, short, width

_OPEN_SCALES = ("parameters", "latency", "individual_fairness")
_CLOUD_FROM = 250
"""Trials from which they are single braille dots: fewer would not be seen, more would hide each other."""

_LABELS = 16
"""Front members named in the plot; more names would hide the points."""


def axes(frame: Frame) -> tuple[str, str]:
    """Return the measures on the axes: the first objective, and the second or the one chosen."""
    measures = frame.store.measures
    first = frame.store.record.objectives[0]
    chosen = measures[frame.view.measure % len(measures)]
    if chosen != first:
        return first, chosen
    others = [name for name in measures if name != first]
    return first, others[0] if others else first


def front(frame: Frame) -> Canvas:
    """Draw all trials in the plane of two measures, the front as points on a staircase."""
    store, view, look = frame.store, frame.view, frame.look
    trials = [t for t in (store.model(i) for i in frame.ids) if t is not None and t.values]
    if not trials:
        return frame.nothing("no point yet", "the front appears with the first trial's report")
    name_x, name_y = axes(frame)
    done = [t for t in trials if t.state == "done"]
    running = [t for t in trials if t.state == "running"]
    cursor = frame.cursor
    guides = [] if cursor is None else [r for k in ("teacher", "nds") if (r := store.reference(cursor, k)) is not None]
    canvas = frame.canvas()
    scales = [_scale(frame, name, [*trials, *guides]) for name in (name_x, name_y)]
    arrows = {"max": ("→ better", "↑ better"), "min": ("← better", "↓ better")}
    plot = Plot(
        canvas,
        look,
        *scales,
        box=(0, 1, canvas.width, canvas.height - 1),
        x_label=f"{short(name_x)}  {arrows[store.direction(name_x)][0]}",
        y_label=f"{short(name_y)}  {arrows[store.direction(name_y)][1]}",
        zoom=view.zoom.get("front"),
    )
    _legend(frame, canvas)
    if not plot.usable:
        return canvas
    members = [t for t in done if t.id in store.front]
    plane = {name_x, name_y} == set(store.record.objectives)
    if plane:
        earlier = store.front_after(0.5)
        _stairs(frame, plot, earlier, name_x, name_y, "axis")
    rest = [t for t in done if t.id not in store.front]
    if len(rest) > _CLOUD_FROM:
        plot.cloud(*_values(rest, name_x, name_y), "cloud")
    else:
        for trial in rest:
            plot.marker(_of(trial, name_x), _of(trial, name_y), look.glyph("dot"), "cloud")
    if plane:
        _stairs(frame, plot, members, name_x, name_y, "accent")
    _guides(frame, plot, guides, name_x, name_y)
    for trial in running:
        plot.marker(_of(trial, name_x), _of(trial, name_y), look.glyph("hollow"), "warn")
    places: list[tuple[ModelState, tuple[int, int]]] = []
    for trial in members:
        where = plot.marker(_of(trial, name_x), _of(trial, name_y), look.glyph("point"), "front")
        if where is not None:
            places.append((trial, where))
    for model_id in reversed(view.compared):
        model = store.model(model_id)
        if model is not None and model.values:
            slot = view.slot(model_id)
            where = plot.marker(_of(model, name_x), _of(model, name_y), look.series(slot), f"series{slot}")
            if where is not None:
                places.insert(0, (model, where))
    _names(frame, canvas, plot, places)
    if view.crosshair:
        _read_out(frame, canvas, plot, trials, name_x, name_y)
    return canvas


def _of(model: ModelState, name: str) -> float:
    return model.values.get(name, math.nan)


def _values(models: Sequence[ModelState], x: str, y: str) -> tuple[list[float], list[float]]:
    return [_of(m, x) for m in models], [_of(m, y) for m in models]


def _scale(frame: Frame, name: str, models: Sequence[ModelState]) -> Scale:
    log = name in frame.view.log or ("front" in frame.view.log and name == axes(frame)[1])
    scale = Scale.over([_of(m, name) for m in models], log=log, margin=0.07)
    bounded = not name.startswith(_OPEN_SCALES) and not log
    return scale.clamp(-0.02, 1.02) if bounded else scale


def _stairs(frame: Frame, plot: Plot, members: Sequence[ModelState], x: str, y: str, style: str) -> None:
    signs = [-1.0 if frame.store.direction(name) == "max" else 1.0 for name in (x, y)]
    points = sorted({(signs[0] * _of(m, x), signs[1] * _of(m, y)) for m in members})
    if not points:
        return
    xs, ys = np.array(points).T
    ends = []
    for sign, scale in zip(signs, (plot.x, plot.y), strict=True):
        ends.append(max(sign * scale.low, sign * scale.high))
    sx, sy = raster.staircase(xs, ys, ends[0], ends[1])
    plot.curve(signs[0] * sx, signs[1] * sy, style)


def _guides(frame: Frame, plot: Plot, guides: Sequence[ModelState], x: str, y: str) -> None:
    for constraint in frame.store.record.constraints:
        label = plain(str(constraint))
        if constraint.name == x:
            plot.vertical(constraint.bound, "warn", label)
        elif constraint.name == y:
            plot.horizontal(constraint.bound, "warn", label)
    for model in guides:
        plot.vertical(_of(model, x), model.kind)
        plot.horizontal(_of(model, y), model.kind)
    for model in guides:
        plot.marker(_of(model, x), _of(model, y), frame.look.glyph(model.kind), model.kind)


def _names(
    frame: Frame, canvas: Canvas, plot: Plot, places: Sequence[tuple[ModelState, tuple[int, int]]]
) -> None:
    """Write names beside points where nothing but the ground is there."""
    for model, (column, row) in list(dict(((m.id), (m, p)) for m, p in reversed(places)).values())[::-1][:_LABELS]:
        label = frame.look.text(plain(model.id))
        cells = width(label)
        for start in (column + 2, column - 1 - cells):
            if plot.left <= start - 1 and start + cells + 1 <= plot.left + plot.width:
                below = canvas.chars[row, start - 1 : start + cells + 1]
                free = all(c in (" ", frame.look.glyph("dotted"), frame.look.glyph("vdotted")) for c in below.tolist())
                if free or (model.id == frame.view.cursor and start == column + 2):
                    slot = frame.view.slot(model.id)
                    compared = model.id in frame.view.compared
                    canvas.text(start, row, label, f"series{slot}" if compared else "front")
                    break


def _legend(frame: Frame, canvas: Canvas) -> None:
    look = frame.look
    items = [
        (look.glyph("point"), "front", "front"),
        (look.series(0), "cursor", "series0"),
        (look.glyph("hollow"), "running", "warn"),
        (look.glyph("dot"), "done", "cloud"),
        (look.glyph("teacher"), "teacher", "teacher"),
        (look.glyph("nds"), "NDS", "nds"),
        ("─" if not look.ascii else "-", "front at half time", "faint"),
    ]
    x = 0
    for glyph, label, style in items:
        if x + len(label) + 2 > canvas.width:
            break
        x = canvas.text(x, 0, glyph, style)
        x = canvas.text(x + 1, 0, label, "dim") + 3


def _read_out(frame: Frame, canvas: Canvas, plot: Plot, trials: Sequence[ModelState], x: str, y: str) -> None:
    place = frame.view.cross.get("front", (0.5, 0.5))
    at_x, at_y = plot.cross(place)
    xs, ys = _values(trials, x, y)
    distance = np.hypot(plot.x(xs) - place[0], plot.y(ys) - place[1])
    text = f"{short(x)} {number(at_x)}  {short(y)} {number(at_y)}"
    if np.isfinite(distance).any():
        near = trials[int(np.nanargmin(distance))]
        text += f"  nearest {near.id} {number(_of(near, x))} / {number(_of(near, y))}"
    canvas.text(0, 0, fit(frame.look.text(text), canvas.width), "accent")


def hypervolume(frame: Frame) -> Canvas:
    """Draw the hypervolume over the number of trials done."""
    store = frame.store
    history = store.state.hypervolume
    if not history:
        return frame.nothing("no hypervolume yet", "it starts with the first trial that is done")
    canvas = frame.canvas()
    done = np.array([float(n) for n, _ in history])
    volume = np.array([v for _, v in history])
    y = Scale.over(volume, log="hypervolume" in frame.view.log, margin=0.08)
    end = float(max(store.record.trials or 0, done[-1], 2))
    plot = Plot(
        canvas,
        frame.look,
        Scale(0.0, end),
        y if y.log else y.clamp(0.0, 1.0),
        x_label="trials done",
        y_label=f"hypervolume {store.hypervolume:.4f}  ↑ better",
        whole_x=True,
        zoom=frame.view.zoom.get("hypervolume"),
    )
    if not plot.usable:
        return canvas
    steps_x = np.repeat(done, 2)[1:]
    steps_y = np.repeat(volume, 2)[:-1]
    plot.curve(steps_x, steps_y, "accent")
    plot.marker(float(done[-1]), float(volume[-1]), frame.look.glyph("point"), "front")
    if frame.view.crosshair:
        at, _ = plot.cross(frame.view.cross.get("hypervolume", (0.5, 0.5)))
        before = volume[done <= round(at)]
        text = f"{round(at)} trials  hv {number(float(before[-1]), 4) if len(before) else '–'}"
        canvas.right(canvas.width, 0, frame.look.text(text), "accent")
    return canvas
