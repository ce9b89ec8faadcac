"""The Pareto front, the trials behind it, the front halfway through, and every baseline; of a study, every model."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kdtune.runs.state import ModelState
from kdtune.text import plain

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.plot import LegendItem, Plot, legend
from ...drawing.raster import Scale
from ...drawing.text import fit, number, short
from ...state.view import CENTRE
from ..doubt import front_steps, interval
from ..frame import Frame
from .names import write_names

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

OPEN_SCALES = ("parameters", "latency", "individual_fairness", "class_bias")
CLOUD_FROM = 250
"""From so many trials on they are single braille dots: larger marks would hide each other, fewer dots are not seen."""

_SHARE = 0.6
"""An axis reaches to a baseline only if the trials keep this share of it; farther ones stand at the border."""


def axes(frame: Frame) -> tuple[str, str]:
    """Return the measures on the axes: the first objective, and the second or the one chosen."""
    measures = frame.store.measures
    first = frame.store.record.objectives[0]
    chosen = measures[frame.view.measure % len(measures)]
    if chosen != first:
        return first, chosen
    others = [name for name in measures if name != first]
    return first, others[0] if others else first


@dataclass(frozen=True)
class _Cloud:
    """The trials that pass the filter: their rows in the store and places, [n], and masks [n] of what they are."""

    rows: npt.NDArray[np.int64]
    names: tuple[str, str]
    xs: Floats
    ys: Floats
    running: Bools
    done: Bools
    member: Bools
    infeasible: Bools
    trivial: Bools

    @classmethod
    def of(cls, frame: Frame) -> "_Cloud":
        store, names = frame.store, axes(frame)
        rows = store.rows(frame.ids)
        xs, ys = (store.column(rows, name) for name in names)
        done = store.in_state(rows, "done")
        member = store.on_front(rows) & done
        trivial = done & np.isin(rows, store.rows(list(store.trivial)))
        infeasible = done & np.isin(rows, store.rows(list(store.infeasible))) & ~trivial
        running = store.in_state(rows, "running") & (not frame.lost)
        return cls(rows, names, xs, ys, running, done, member, infeasible, trivial)


def front(frame: Frame) -> Canvas:
    """Draw all trials in the plane of two measures, the front as points on a staircase."""
    store, view = frame.store, frame.view
    cloud = _Cloud.of(frame)
    name_x, name_y = cloud.names
    shown = cloud.running | cloud.done | np.isin(cloud.rows, store.rows(view.compared))
    if not (np.isfinite(cloud.xs) & np.isfinite(cloud.ys))[shown].any():
        if np.isfinite(cloud.xs)[shown].any():
            return frame.no_trials(f"{short(name_y)} is undefined for all trials", "v shows another measure")
        return frame.not_yet("no point", "the first point appears with the first trial's report")
    canvas = frame.canvas()
    arrows = {"max": ("→ better", "↑ better"), "min": ("← better", "↓ better")}
    plot = Plot(
        canvas,
        frame.glyphs,
        _scale(frame, name_x, cloud.xs[shown]),
        _scale(frame, name_y, cloud.ys[shown]),
        box=(0, 1, canvas.width, canvas.height - 1),
        x_label=f"{short(name_x)}  {arrows[store.direction(name_x)][0]}",
        y_label=f"{short(name_y)}  {arrows[store.direction(name_y)][1]}{_projection(frame, name_x, name_y)}",
        zoom=view.zoom.get("front"),
    )
    plane = set(cloud.names) == set(store.record.objectives)
    halfway = store.rows([trial.id for trial in store.front_after(0.5)] if plane else [])
    halfway = halfway[np.isin(halfway, cloud.rows)]
    if not view.crosshair:
        legend(canvas, 0, 0, _signs(frame, cloud, halfway=bool(len(halfway))))
    if not plot.usable:
        return canvas
    if plane:
        xs, ys = (store.column(halfway, name) for name in cloud.names)
        _stairs(frame, plot, xs, ys, cloud.names, "faint")
    _draw_trials(frame, plot, cloud, stairs=plane)
    _draw_models(frame, plot, cloud)
    if view.crosshair:
        _read_out(frame, canvas, plot, cloud)
    return canvas


def _draw_trials(frame: Frame, plot: Plot, cloud: _Cloud, *, stairs: bool) -> None:
    glyphs, xs, ys = frame.glyphs, cloud.xs, cloud.ys
    plot.spots(xs, ys, frame.ids)
    rest = cloud.done & ~cloud.member
    if rest.sum() > CLOUD_FROM:
        plot.cloud(xs[rest], ys[rest], "cloud")
    else:
        feasible = rest & ~cloud.infeasible & ~cloud.trivial
        _markers(plot, xs[feasible], ys[feasible], glyphs.glyph("dot"), "cloud")
        for name, of_it in (("infeasible", rest & cloud.infeasible), ("trivial", rest & cloud.trivial)):
            _markers(plot, xs[of_it], ys[of_it], glyphs.glyph(name), "cloud")
    if stairs:
        _stairs(frame, plot, xs[cloud.member], ys[cloud.member], cloud.names, "accent")
    _guides(frame, plot, *cloud.names)
    _markers(plot, xs[cloud.running], ys[cloud.running], glyphs.glyph("running"), "warn")


def _draw_models(frame: Frame, plot: Plot, cloud: _Cloud) -> None:
    """Draw what has a name: the baselines, the front, and the compared with their intervals."""
    store, view, glyphs = frame.store, frame.view, frame.glyphs
    name_x, name_y = cloud.names
    compared = [m for i in reversed(view.compared) if (m := store.model(i)) is not None and m.values]
    for model in compared:
        _error_bars(frame, plot, model, name_x, name_y)
    places: dict[str, tuple[int, int]] = {}
    names: dict[str, str] = {}
    for model in store.baselines:
        where, label = _baseline(frame, plot, model, name_x, name_y)
        if where is not None:
            places[model.id], names[model.id] = where, label
    for k in np.flatnonzero(cloud.member).tolist():
        where = plot.marker(float(cloud.xs[k]), float(cloud.ys[k]), glyphs.glyph("front"), "front")
        if where is not None:
            places[frame.ids[k]] = where
    for model in compared:
        slot = view.slot(model.id)
        if model.kind in ("teacher", "nds"):
            continue
        where = plot.marker(_of(model, name_x), _of(model, name_y), glyphs.series(slot), f"series{slot}")
        if where is not None:
            places.pop(model.id, None)
            places = {model.id: where, **places}
    write_names(frame, plot, places, names)


def _projection(frame: Frame, x: str, y: str) -> str:
    """Say that what is on the front can lie inside the cloud: it is a front of other measures than those shown."""
    names = frame.store.record.objectives
    if {x, y} == set(names) or not frame.store.record.has_front:
        return ""
    return f"   a projection: the front is of {', '.join(map(short, names))}"


def _markers(plot: Plot, xs: Floats, ys: Floats, glyph: str, style: str) -> None:
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        plot.marker(x, y, glyph, style)


def _of(model: ModelState, name: str) -> float:
    return model.values.get(name, math.nan)


def _scale(frame: Frame, name: str, values: Floats) -> Scale:
    """Return an axis with room for all trials, and for the baselines that leave them most of it."""
    log = name in frame.view.log or ("front" in frame.view.log and name == axes(frame)[1])
    known = values[np.isfinite(values)]
    beside = [_of(model, name) for model in frame.store.baselines]
    if known.size:
        core = float(np.ptp(known)) or 0.05
        low, high = float(known.min()), float(known.max())
        beside.sort(key=lambda value: max(low - value, value - high))
        for value in beside:
            if not math.isnan(value) and max(high, value) - min(low, value) <= core / _SHARE:
                low, high = min(low, value), max(high, value)
                known = np.append(known, value)
    scale = Scale.over(known, log=log, margin=0.07)
    bounded = not name.startswith(OPEN_SCALES) and not log
    return scale.clamp(-0.02, 1.02) if bounded else scale


def _stairs(frame: Frame, plot: Plot, xs: Floats, ys: Floats, names: tuple[str, str], style: str) -> None:
    signs = [-1.0 if frame.store.direction(name) == "max" else 1.0 for name in names]
    points = sorted(set(zip((signs[0] * xs).tolist(), (signs[1] * ys).tolist(), strict=True)))
    if not points:
        return
    corners_x, corners_y = np.array(points).T
    ends = [
        max(sign * scale.low, sign * scale.high) for sign, scale in zip(signs, (plot.x, plot.y), strict=True)
    ]
    stairs_x, stairs_y = raster.staircase(corners_x, corners_y, ends[0], ends[1])
    plot.curve(signs[0] * stairs_x, signs[1] * stairs_y, style)


def _guides(frame: Frame, plot: Plot, x: str, y: str) -> None:
    for constraint in frame.store.record.constraints:
        label = plain(str(constraint))
        if constraint.name == x:
            plot.vertical(constraint.bound, "warn", label)
        elif constraint.name == y:
            plot.horizontal(constraint.bound, "warn", label)
    for model in frame.references():
        plot.vertical(_of(model, x), model.kind)
        plot.horizontal(_of(model, y), model.kind)


def _error_bars(frame: Frame, plot: Plot, model: ModelState, x: str, y: str) -> None:
    """Draw the 95 % intervals of a model in both measures."""
    slot = frame.view.slot(model.id)
    style = f"series{slot}" if slot else "cloud"
    at_x, at_y = _of(model, x), _of(model, y)
    if (around := interval(frame, model, x)) is not None:
        plot.bar(around, (at_y, at_y), style)
    if (around := interval(frame, model, y)) is not None:
        plot.bar((at_x, at_x), around, style)


def _baseline(
    frame: Frame, plot: Plot, model: ModelState, x: str, y: str
) -> tuple[tuple[int, int] | None, str]:
    """Draw a baseline, at the border if it lies beyond; return its place, and its name with where it lies."""
    at_x, at_y = _of(model, x), _of(model, y)
    place_x, place_y = plot.x.place(at_x), plot.y.place(at_y)
    if math.isnan(place_x) or math.isnan(place_y):
        return None, ""
    label = frame.named(model.id)
    if place_x < 0 or place_x > 1:
        label += f" {'←' if place_x < 0 else '→'} {number(at_x)}"
    if place_y < 0 or place_y > 1:
        label += f" {'↓' if place_y < 0 else '↑'} {number(at_y)}"
    inside = (min(1.0, max(0.0, place)) for place in (place_x, place_y))
    where = plot.marker(
        plot.x.inverse(next(inside)), plot.y.inverse(next(inside)), frame.glyphs.glyph(model.kind), model.kind
    )
    if where is not None:
        plot.canvas.spots.append((np.array([where[0]]), np.array([where[1]]), [model.id]))
    return where, label


def _signs(frame: Frame, cloud: _Cloud, *, halfway: bool) -> list[LegendItem]:
    """Return the legend: what is drawn, and nothing else."""
    glyphs = frame.glyphs
    kinds = {model.kind for model in frame.store.baselines}
    members, cursor = int(cloud.member.sum()), frame.cursor
    steps = len(set(front_steps(frame).values()))
    told = f" in {steps} step{'s' if steps > 1 else ''} beyond noise" if steps else ""
    items: list[tuple[bool, LegendItem]] = [
        (
            bool(members),
            (glyphs.glyph("front"), f"{'raw ' * frame.store.raw}front: {members}{told}", "front"),
        ),
        (cursor is not None and cursor.kind not in kinds, (glyphs.series(0), "cursor", "series0")),
        (bool(cloud.running.any()), (glyphs.glyph("running"), "running", "warn")),
        (True, (glyphs.glyph("dot"), "done", "cloud")),
        (bool(cloud.infeasible.any()), (glyphs.glyph("infeasible"), "infeasible", "cloud")),
        (bool(cloud.trivial.any()), (glyphs.glyph("trivial"), "trivial", "cloud")),
        ("teacher" in kinds, (glyphs.glyph("teacher"), "teacher", "teacher")),
        ("nds" in kinds, (glyphs.glyph("nds"), "NDS", "nds")),
        (halfway, (glyphs.glyph("hline"), "front halfway", "cloud")),
    ]
    return [item for there, item in items if there]


def _read_out(frame: Frame, canvas: Canvas, plot: Plot, cloud: _Cloud) -> None:
    x, y = cloud.names
    place = frame.view.cross.get("front", CENTRE)
    at_x, at_y = plot.cross(place)
    distance = np.hypot(plot.x(cloud.xs) - place[0], plot.y(cloud.ys) - place[1])
    text = f"{short(x)} {number(at_x)}  {short(y)} {number(at_y)}"
    if np.isfinite(distance).any():
        k = int(np.nanargmin(distance))
        canvas.nearest = frame.ids[k]
        text += f"  nearest {frame.ids[k]} {number(float(cloud.xs[k]))} / {number(float(cloud.ys[k]))}"
    canvas.text(0, 0, fit(frame.glyphs.text(text), canvas.width), "accent")
