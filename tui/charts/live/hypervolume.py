"""The hypervolume as it grew."""

import numpy as np

from kdtune.text import counted

from ...drawing.canvas import Canvas
from ...drawing.plot import Plot
from ...drawing.raster import Scale
from ...drawing.text import number
from ...state.view import CENTRE
from ..frame import Frame


def hypervolume(frame: Frame) -> Canvas:
    """Draw the hypervolume over the number of trials done."""
    store = frame.store
    history = store.state.hypervolume
    if not history:
        if store.front:
            return frame.nothing(f"hypervolume {store.hypervolume:.4f}", "how it grew is not recorded")
        if why := frame.why_no_front():
            return frame.nothing("no hypervolume without a front", why)
        return frame.not_yet("no hypervolume", "it starts with the first trial that is done")
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
        y_label=f"hypervolume {volume[-1]:.4f}  ↑ better",
        whole_x=True,
        zoom=frame.view.zoom.get("hypervolume"),
    )
    if not plot.usable:
        return canvas
    steps_x = np.repeat(done, 2)[1:]
    steps_y = np.repeat(volume, 2)[:-1]
    plot.curve(steps_x, steps_y, "accent")
    plot.end(float(done[-1]), float(volume[-1]), frame.glyphs.glyph("front"), "front")
    ended = sorted((t for t in store.trials if t.state == "done"), key=lambda trial: trial.ended or 0.0)
    ids = [trial.id for trial in ended]
    at_end = np.searchsorted(done, np.arange(1, len(ids) + 1), side="right") - 1
    plot.spots(np.arange(1, len(ids) + 1), np.where(at_end < 0, np.nan, volume[at_end]), ids)
    if frame.view.crosshair:
        if frame.view.cursor in ids:
            plot.vertical(float(ids.index(frame.view.cursor) + 1), "series0", frame.named(frame.view.cursor))
        at, _ = plot.cross(frame.view.cross.get("hypervolume", CENTRE))
        before = volume[done <= round(at)]
        text = f"{counted(round(at), 'trial')}  hv {number(float(before[-1]), 4) if len(before) else '–'}"
        canvas.nearest = ids[max(1, min(len(ids), round(at))) - 1] if ids else None
        canvas.right(canvas.width, 0, frame.glyphs.text(text), "accent")
    return canvas
