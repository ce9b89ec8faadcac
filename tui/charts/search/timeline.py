"""The time in which each trial ran."""

from collections.abc import Sequence

from kdtune.text import duration

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit, width
from ...state.store import Store
from ..frame import Frame
from ..live.table import STATE_STYLES


def started_order(store: Store, ids: Sequence[str]) -> list[str]:
    """Return the trials in the order in which they started."""
    trials = [t for t in map(store.model, ids) if t is not None and t.started]
    return [t.id for t in sorted(trials, key=lambda t: (t.started, t.id))]


def timeline(frame: Frame) -> Canvas:
    """Draw each trial as a bar from its start to its end, one row each; the window moves with the cursor."""
    store, glyphs = frame.store, frame.glyphs
    trials = [t for t in map(store.model, started_order(store, frame.ids)) if t is not None]
    if not trials:
        return frame.no_trials(
            "no trial has started", frame.ended or "each trial will be a bar here, from its start to its end"
        )
    canvas = frame.canvas()
    end = max(t.ended or frame.store.state.updated or t.started for t in trials)
    begin = min(t.started for t in trials)
    label = min(max(width(frame.named(t.id)) for t in trials), 12)
    left, rows = label + 3, canvas.height - 1
    room = canvas.width - left - 9
    if room < 4 or rows < 1:
        return canvas
    at = next((k for k, t in enumerate(trials) if t.id == frame.view.cursor), len(trials) - 1)
    start = max(0, min(at - rows // 2, len(trials) - rows))
    span = max(end - begin, 1e-9)
    for k, trial in enumerate(trials[start : start + rows]):
        state = frame.state_of(trial)
        style = STATE_STYLES.get(state, "text")
        canvas.row_ids[k] = trial.id
        stop = trial.ended if trial.ended is not None else end
        a = int(raster.pixel([(trial.started - begin) / span], room)[0])
        b = int(raster.pixel([min(1.0, (stop - begin) / span)], room)[0])
        canvas.text(0, k, glyphs.glyph(state) if state in STATE_STYLES else " ", style)
        name_style = "front" if trial.id in store.front else "text"
        canvas.text(2, k, fit(frame.named(trial.id), label), name_style)
        bar = ("━" if not glyphs.ascii else "=") * (b - a + 1)
        canvas.text(
            left + a, k, bar, "front" if trial.id in store.front else style if style != "good" else "cloud"
        )
        canvas.right(canvas.width, k, glyphs.text(duration(stop - trial.started)), "dim")
        if trial.id == frame.view.cursor:
            canvas.highlight(k, "cursor")
    y = canvas.height - 1
    canvas.text(left, y, "0", "label")
    canvas.right(left + room, y, glyphs.text(duration(span)), "label")
    return canvas
