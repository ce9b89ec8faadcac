"""The Pareto front, the trials behind it and the front halfway through; and the hypervolume as it grew."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kdtune.runs.state import ModelState
from kdtune.text import plain

from ..drawing import raster
from ..drawing.canvas import Canvas
from ..drawing.plot import Plot
from ..drawing.raster import Scale
from ..drawing.text import fit, number, short, width
from .frame import Frame

Floats = npt.NDArray[np.float64]

_OPEN_SCALES = ("parameters", "latency", "individual_fairness")
_CLOUD_FROM = 250
"""From so many trials on they are single braille dots: larger marks would hide each other, fewer dots are not seen."""

_LABELS = 16
"""So many members of the front are named in the plot; more names would hide the points."""


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
    store, view, glyphs = frame.store, frame.view, frame.glyphs
    rows = store.rows(frame.ids)
    name_x, name_y = axes(frame)
    xs, ys = store.column(rows, name_x), store.column(rows, name_y)
    if not np.isfinite(xs).any():
        return frame.no_trials("no point yet", "the first point appears with the first trial's report")
    done = store.in_state(rows, "done")
    member = store.on_front(rows) & done
    cursor = frame.cursor
    guides = (
        []
        if cursor is None
        else [r for k in ("teacher", "nds") if (r := store.reference(cursor, k)) is not None]
    )
    canvas = frame.canvas()
    x_scale = _scale(frame, name_x, xs)
    y_scale = _scale(frame, name_y, ys)
    arrows = {"max": ("→ better", "↑ better"), "min": ("← better", "↓ better")}
    plot = Plot(
        canvas,
        glyphs,
        x_scale,
        y_scale,
        box=(0, 1, canvas.width, canvas.height - 1),
        x_label=f"{short(name_x)}  {arrows[store.direction(name_x)][0]}",
        y_label=f"{short(name_y)}  {arrows[store.direction(name_y)][1]}",
        zoom=view.zoom.get("front"),
    )
    plane = {name_x, name_y} == set(store.record.objectives)
    earlier = store.rows([trial.id for trial in store.front_after(0.5)] if plane else [])
    _legend(
        frame,
        canvas,
        {
            "NDS": len(guides) > 1,
            "running": store.counts()["running"] > 0,
            "front halfway": len(earlier) > 0,
        },
    )
    if not plot.usable:
        return canvas
    if plane:
        _stairs(
            frame, plot, store.column(earlier, name_x), store.column(earlier, name_y), name_x, name_y, "faint"
        )
    rest = done & ~member
    if rest.sum() > _CLOUD_FROM:
        plot.cloud(xs[rest], ys[rest], "cloud")
    else:
        _markers(plot, xs[rest], ys[rest], glyphs.glyph("dot"), "cloud")
    if plane:
        _stairs(frame, plot, xs[member], ys[member], name_x, name_y, "accent")
    _guides(frame, plot, guides, name_x, name_y)
    running = store.in_state(rows, "running")
    _markers(plot, xs[running], ys[running], glyphs.glyph("hollow"), "warn")
    places: dict[str, tuple[int, int]] = {}
    for k in np.flatnonzero(member).tolist():
        where = plot.marker(float(xs[k]), float(ys[k]), glyphs.glyph("point"), "front")
        if where is not None:
            places[frame.ids[k]] = where
    for model_id in reversed(view.compared):
        model = store.model(model_id)
        if model is not None and model.values:
            slot = view.slot(model_id)
            where = plot.marker(_of(model, name_x), _of(model, name_y), glyphs.series(slot), f"series{slot}")
            if where is not None:
                places.pop(model_id, None)
                places = {model_id: where, **places}
    _names(frame, canvas, plot, places)
    if view.crosshair:
        _read_out(frame, canvas, plot, xs, ys, name_x, name_y)
    return canvas


def _markers(plot: Plot, xs: Floats, ys: Floats, glyph: str, style: str) -> None:
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        plot.marker(x, y, glyph, style)


def _of(model: ModelState, name: str) -> float:
    return model.values.get(name, math.nan)


def _scale(frame: Frame, name: str, values: Floats) -> Scale:
    """Return an axis with room for all trials and baselines, so that it does not change when the cursor moves."""
    log = name in frame.view.log or ("front" in frame.view.log and name == axes(frame)[1])
    scale = Scale.over(
        np.append(values, [_of(model, name) for model in frame.store.baselines]), log=log, margin=0.07
    )
    bounded = not name.startswith(_OPEN_SCALES) and not log
    return scale.clamp(-0.02, 1.02) if bounded else scale


def _stairs(frame: Frame, plot: Plot, xs: Floats, ys: Floats, x: str, y: str, style: str) -> None:
    signs = [-1.0 if frame.store.direction(name) == "max" else 1.0 for name in (x, y)]
    points = sorted(set(zip((signs[0] * xs).tolist(), (signs[1] * ys).tolist(), strict=True)))
    if not points:
        return
    corners_x, corners_y = np.array(points).T
    ends = [
        max(sign * scale.low, sign * scale.high) for sign, scale in zip(signs, (plot.x, plot.y), strict=True)
    ]
    stairs_x, stairs_y = raster.staircase(corners_x, corners_y, ends[0], ends[1])
    plot.curve(signs[0] * stairs_x, signs[1] * stairs_y, style)


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
        plot.marker(_of(model, x), _of(model, y), frame.glyphs.glyph(model.kind), model.kind)


def _names(frame: Frame, canvas: Canvas, plot: Plot, places: Mapping[str, tuple[int, int]]) -> None:
    """Write names beside points where the canvas is empty."""
    ground = (" ", frame.glyphs.glyph("dotted"), frame.glyphs.glyph("vdotted"))
    for model_id, (column, row) in list(places.items())[:_LABELS]:
        label = frame.glyphs.text(plain(model_id))
        cells = width(label)
        compared = model_id in frame.view.compared
        style = f"series{frame.view.slot(model_id)}" if compared else "front"
        for start, line in _beside(column, row, cells):
            if (
                plot.left <= start - 1
                and start + cells + 1 <= plot.left + plot.width
                and plot.top <= line < plot.top + plot.height
            ):
                below = canvas.chars[line, start - 1 : start + cells + 1].tolist()
                forced = model_id == frame.view.cursor and (start, line) == (column + 2, row)
                if forced or all(char in ground for char in below):
                    canvas.text(start, line, label, style)
                    break


def _beside(column: int, row: int, cells: int) -> list[tuple[int, int]]:
    """Return where a name of so many cells may begin, the best place first: beside its point, then one row off."""
    return [(start, row + off) for off in (0, -1, 1) for start in (column + 2, column - 1 - cells)]


def _legend(frame: Frame, canvas: Canvas, there: Mapping[str, bool]) -> None:
    """Name what is drawn, except what `there` says is not."""
    glyphs = frame.glyphs
    items = [
        (glyphs.glyph("point"), "front", "front"),
        ("─" if not glyphs.ascii else "-", "front halfway", "faint"),
        (glyphs.series(0), "cursor", "series0"),
        (glyphs.glyph("hollow"), "running", "warn"),
        (glyphs.glyph("dot"), "done", "cloud"),
        (glyphs.glyph("teacher"), "teacher", "teacher"),
        (glyphs.glyph("nds"), "NDS", "nds"),
    ]
    x = 0
    for glyph, label, style in items:
        if not there.get(label, True):
            continue
        if x + len(label) + 2 > canvas.width:
            break
        x = canvas.text(x, 0, glyph, style)
        x = canvas.text(x + 1, 0, label, "dim") + 3


def _read_out(frame: Frame, canvas: Canvas, plot: Plot, xs: Floats, ys: Floats, x: str, y: str) -> None:
    place = frame.view.cross.get("front", (0.5, 0.5))
    at_x, at_y = plot.cross(place)
    distance = np.hypot(plot.x(xs) - place[0], plot.y(ys) - place[1])
    text = f"{short(x)} {number(at_x)}  {short(y)} {number(at_y)}"
    if np.isfinite(distance).any():
        k = int(np.nanargmin(distance))
        text += f"  nearest {frame.ids[k]} {number(float(xs[k]))} / {number(float(ys[k]))}"
    canvas.text(0, 0, fit(frame.glyphs.text(text), canvas.width), "accent")


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
        frame.glyphs,
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
    plot.marker(float(done[-1]), float(volume[-1]), frame.glyphs.glyph("point"), "front")
    if frame.view.crosshair:
        at, _ = plot.cross(frame.view.cross.get("hypervolume", (0.5, 0.5)))
        before = volume[done <= round(at)]
        text = f"{round(at)} trials  hv {number(float(before[-1]), 4) if len(before) else '–'}"
        canvas.right(canvas.width, 0, frame.glyphs.text(text), "accent")
    return canvas
