"""The search: parallel coordinates of all settings, and one setting against one measure."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kdtune.runs.state import ModelState
from kdtune.text import plain, setting

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.plot import Plot
from ...drawing.raster import Scale
from ...drawing.text import fit, number, short, width
from ...state.store import Store, config_value, numeric
from ...state.view import CENTRE
from ..frame import REFERENCES, Frame
from ..front.scatter import CLOUD_FROM, axes

_LINES = 120
"""So many trials, those of the front and the latest, are drawn as lines; more would merge into a grey area."""

_WIDE = 20
"""If the space does not say, a setting's axis is logarithmic from this ratio of largest to smallest on."""


def _axis_values(
    frame: Frame, trials: Sequence[ModelState], name: str
) -> tuple[npt.NDArray[np.float64], str, str]:
    """Return the places [n] of a setting or measure on its axis, and the labels of its lower and upper end."""
    if name in frame.store.measures:
        values = np.array([trial.values.get(name, math.nan) for trial in trials])
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        return _spread(values, low, high), number(low, 2), number(high, 2)
    raw = [config_value(trial, name) for trial in trials]
    values = np.array([numeric(item) for item in raw])
    if np.isfinite(values).all() and len(values):
        low, high = float(values.min()), float(values.max())
        if _by_powers(frame, name, low, high):
            return _spread(np.log(values), math.log(low), math.log(high)), setting(low), setting(high)
        return _spread(values, low, high), setting(low), setting(high)
    shown = frame.pairs[1] if name == "pair" else {}
    raw = [shown.get(str(item), item) for item in raw]
    names = sorted({plain(item) for item in raw})
    place = {item: k / max(1, len(names) - 1) if len(names) > 1 else 0.5 for k, item in enumerate(names)}
    return (
        np.array([place[plain(item)] for item in raw]),
        names[0] if names else "",
        names[-1] if names else "",
    )


def _spread(values: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.float64]:
    return (values - low) / (high - low) if high > low else values * 0 + 0.5


def parallel(frame: Frame) -> Canvas:
    """Draw each trial as a line across its settings and objectives: the front in colour, the others behind."""
    store, view, glyphs = frame.store, frame.view, frame.glyphs
    done, left_out = _drawn(frame)
    compared = [
        m
        for m in (store.model(i) for i in view.compared)
        if m is not None and m.kind == "student" and m.values
    ]
    trials = done + [m for m in compared if m not in done]
    if not trials:
        return frame.no_done("each trial will be a line across its settings and results")
    canvas = frame.canvas()
    names = [*store.varied, *store.record.objectives]
    most = max(2, canvas.width // 9)
    if len(names) > most:
        keep = list(store.record.objectives)
        names = [*store.varied[: max(0, most - len(keep))], *keep]
    told = f"the front and the latest: {len(done)} of {len(done) + left_out:,} trials" if left_out else ""
    top, height = 2, canvas.height - 3 - bool(told)
    if height < 2 or canvas.width < 12 or len(names) < 2:
        return canvas
    places, lows, highs = zip(*(_axis_values(frame, trials, name) for name in names), strict=True)
    table = np.array(places)  # [axes, trials]
    x = np.linspace(0.0, 1.0, len(names))
    index = {trial.id: k for k, trial in enumerate(trials)}

    def lines(ids: Sequence[str], style: str) -> None:
        if not ids:
            return
        chosen = table[:, [index[model_id] for model_id in ids]]
        gapped = np.vstack([chosen, np.full((1, len(ids)), np.nan)]).T.ravel()
        dots = raster.line(np.tile(np.append(x, np.nan), len(ids)), gapped, canvas.width, height)
        canvas.stamp(0, top, raster.characters(raster.masks(dots), ascii_only=glyphs.ascii), style)

    front = [trial.id for trial in done if trial.id in store.front]
    ids = {model.id for model in compared}
    lines([trial.id for trial in done if trial.id not in store.front and trial.id not in ids], "axis")
    lines([model_id for model_id in front if model_id not in ids], "accent")
    for model in reversed(compared):
        lines([model.id], f"series{view.slot(model.id)}")
    columns = raster.pixel(x, canvas.width).tolist()
    for column in columns:
        for row in range(height):
            if canvas.chars[top + row, column] == " ":
                canvas.put(column, top + row, glyphs.glyph("vline"), "axis")
    heads = [frame.pairs[0] if name == "pair" else short(name) for name in names]
    _ends(frame, canvas, 0, columns, heads, "strong")
    _ends(frame, canvas, 1, columns, highs, "label")
    _ends(frame, canvas, top + height, columns, lows, "label")
    if told:
        canvas.text(0, canvas.height - 1, fit(told, canvas.width), "dim")
    return canvas


def _drawn(frame: Frame) -> tuple[list[ModelState], int]:
    """Return the trials to draw, those of the front last, and how many are left out."""
    done, members = frame.done, frame.store.front
    front = [trial for trial in done if trial.id in members]
    rest = [trial for trial in done if trial.id not in members]
    kept = max(0, _LINES - len(front))
    return [*rest[max(0, len(rest) - kept) :], *front], max(0, len(rest) - kept)


def _ends(
    frame: Frame, canvas: Canvas, y: int, columns: Sequence[int], labels: Sequence[str], style: str
) -> None:
    """Write a label centred on each axis; one that would run into the next is cut."""
    texts = [frame.glyphs.text(label) for label in labels]
    starts = [
        min(max(0, column - width(text) // 2), max(0, canvas.width - width(text)))
        for column, text in zip(columns, texts, strict=True)
    ]
    for start, text, end in zip(
        starts, texts, [*(start - 1 for start in starts[1:]), canvas.width], strict=True
    ):
        canvas.text(start, y, fit(text, min(width(text), max(1, end - start))), style)


def sliced(store: Store) -> list[str]:
    """Return the settings that the slice can show, the pair last."""
    return sorted(store.varied, key=lambda name: name == "pair")


def slice_(frame: Frame) -> Canvas:
    """Draw one setting against one measure, one point per trial."""
    store, view, glyphs = frame.store, frame.view, frame.glyphs
    done = frame.done
    settings = sliced(store)
    if not done or not settings:
        if done:
            return frame.nothing("all trials have the same settings", "there is nothing to slice by")
        return frame.no_done("each trial will be a point here")
    name = settings[view.parameter % len(settings)]
    measure = axes(frame)[1]
    canvas = frame.canvas()
    xs, scale, ticks = _slice_axis(frame, done, name)
    ys = np.array([trial.values.get(measure, math.nan) for trial in done])
    y = Scale.over(ys, log="slice" in view.log, margin=0.07)
    arrow = "↑ better" if store.direction(measure) == "max" else "↓ better"
    plot = Plot(
        canvas,
        glyphs,
        scale,
        y,
        x_label="" if ticks else short(name),
        y_label=f"{short(measure)} by {short(name)}   {arrow}",
        zoom=view.zoom.get("slice"),
    )
    if not plot.usable:
        return canvas
    _name_ticks(frame, canvas, plot, ticks)
    if not np.isfinite(ys).any():
        return frame.nothing(f"{short(measure)} is undefined for all trials", "v shows another measure")
    plot.spots(xs, ys, [trial.id for trial in done])
    members = store.front
    front = np.array([trial.id in members for trial in done])
    if (~front).sum() > CLOUD_FROM:
        plot.cloud(xs[~front], ys[~front], "cloud")
    marked = front if (~front).sum() > CLOUD_FROM else np.ones(len(done), bool)
    for k in np.flatnonzero(marked).tolist():
        sign, style = ("front", "front") if front[k] else ("dot", "cloud")
        plot.marker(float(xs[k]), float(ys[k]), glyphs.glyph(sign), style)
    for model in frame.references():
        title = REFERENCES[model.kind]
        plot.horizontal(store.value(model.id, measure), model.kind, title, sign=glyphs.glyph(model.kind))
    index = {trial.id: k for k, trial in enumerate(done)}
    for model_id in reversed(view.compared):
        if model_id in index:
            k = index[model_id]
            plot.marker(
                float(xs[k]), float(ys[k]), glyphs.series(view.slot(model_id)), f"series{view.slot(model_id)}"
            )
    if view.crosshair:
        _read_out(frame, plot, done, (xs, ys), (name, measure))
    return canvas


def _read_out(
    frame: Frame,
    plot: Plot,
    done: Sequence[ModelState],
    places: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    names: tuple[str, str],
) -> None:
    (xs, ys), (name, measure) = places, names
    place = frame.view.cross.get("slice", CENTRE)
    at_x, at_y = plot.cross(place)
    distance = np.hypot(plot.x(xs) - place[0], plot.y(ys) - place[1])
    text = f"{short(name)} {setting(at_x)}  {short(measure)} {number(at_y)}"
    if np.isfinite(distance).any():
        k = int(np.nanargmin(distance))
        plot.canvas.nearest = done[k].id
        text += f"  nearest {done[k].id}: {setting(config_value(done[k], name))} / {number(float(ys[k]))}"
    plot.canvas.text(0, 0, fit(frame.glyphs.text(text), plot.canvas.width), "accent")


def _name_ticks(frame: Frame, canvas: Canvas, plot: Plot, ticks: Sequence[tuple[float, str]]) -> None:
    """Write names below the axis instead of numbers."""
    row = plot.top + plot.height + 1
    if not ticks or row >= canvas.height:
        return
    canvas.text(plot.left - 1, row, " " * (plot.width + 1))
    for tick, name in ticks:
        column = plot.column(tick)
        if column is not None:
            label = frame.glyphs.text(name)
            label = fit(label, min(width(label), max(4, plot.width // len(ticks) - 1)))
            start = min(max(0, column - width(label) // 2), canvas.width - width(label))
            canvas.text(start, row, label, "label")


def _by_powers(frame: Frame, name: str, low: float, high: float) -> bool:
    """Return whether a setting's axis is logarithmic: as it was searched or, if nothing says so, by its range."""
    asked = dict(frame.store.record.space.get("search") or {}).get(name)
    if isinstance(asked, Mapping) and "log" in asked:
        return low > 0 and asked["log"] is True
    return low > 0 and high / low >= _WIDE


def _slice_axis(
    frame: Frame, trials: Sequence[ModelState], name: str
) -> tuple[npt.NDArray[np.float64], Scale, list[tuple[float, str]]]:
    raw = [config_value(trial, name) for trial in trials]
    values = np.array([numeric(item) for item in raw])
    if np.isfinite(values).all():
        log = _by_powers(frame, name, float(values.min()), float(values.max()))
        return values, Scale.over(values, log=log, margin=0.05), []
    names = sorted({plain(item) for item in raw})
    place = {item: float(k) for k, item in enumerate(names)}
    xs = np.array([place[plain(item)] for item in raw])
    return xs, Scale(-0.6, len(names) - 0.4), [(place[item], item) for item in names]
