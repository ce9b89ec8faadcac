"""Before the first trial: what the driver is doing and for how long, and how far the baselines are."""

from kdtune.text import duration, plain

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit, width
from ..frame import Frame

_CLOCK = 10
"""Columns for a time."""


def preparing(frame: Frame) -> Canvas:
    """Draw the steps of the preparation with their times, the current one with a clock that runs."""
    store, glyphs = frame.store, frame.glyphs
    steps = store.state.preparation(max(frame.now, store.state.updated or 0.0))
    prepares = store.state.state == "preparing" and not frame.ended
    if not steps or frame.error or frame.loading is not None or not prepares:
        return frame.not_yet("no trial", store.state.message or "the first one is about to start")
    canvas = frame.canvas()
    canvas.text(0, 0, "preparing", "heading")
    canvas.right(min(canvas.width, _CLOCK + 9), 0, duration(sum(took for _, took in steps)), "dim")
    rows = steps[-max(1, canvas.height - 3) :]
    for k, (what, took) in enumerate(rows):
        last = k == len(rows) - 1
        glyph, style = ("running", "accent") if last else ("done", "good")
        canvas.text(0, 1 + k, glyphs.glyph(glyph), style)
        canvas.right(2 + _CLOCK, 1 + k, duration(took), "text" if last else "dim")
        said = fit(glyphs.text(plain(what)), max(0, canvas.width - _CLOCK - 4))
        canvas.text(_CLOCK + 4, 1 + k, said, "strong" if last else "text")
    canvas.text(0, 2 + len(rows), "trials start after the baselines", "dim")
    return canvas


def baseline_progress(frame: Frame, canvas: Canvas, y: int) -> None:
    """Draw from row y on how many epochs of each baseline are trained, and that the trials come after them."""
    store, glyphs = frame.store, frame.glyphs
    models = store.baselines
    label = min(max(map(width, (model.id for model in models)), default=0), canvas.width // 3)
    size = min(30, canvas.width - label - 24)
    said = "the first trial starts after the baselines"
    if frame.ended:
        said = f"no trial has started: {frame.ended}"
    canvas.text(0, y, fit(said, canvas.width), "text")
    for k, model in enumerate(models, 1):
        canvas.text(0, y + k, fit(glyphs.text(plain(model.id)), label), model.kind)
        if size >= 4:
            share = model.epoch / max(1, model.epochs)
            bar = raster.bar(size if model.state == "done" else share * size, size, ascii_only=glyphs.ascii)
            end = canvas.text(label + 1, y + k, bar, "accent")
            canvas.text(end, y + k, glyphs.glyph("track") * (label + 1 + size - end), "faint")
        took = (model.ended or max(frame.now, model.started)) - model.started
        said = f"{model.epoch}/{model.epochs} epochs  {duration(took)}"
        if model.cached:
            said = "from the cache"
        canvas.text(
            label + 2 + max(0, size),
            y + k,
            fit(glyphs.text(said), max(0, canvas.width - label - size - 2)),
            "dim",
        )
