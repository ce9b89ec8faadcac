"""The journal: what happened in the run, the latest last; failures with their reasons."""

from datetime import datetime

from ...drawing.canvas import Canvas
from ...drawing.text import wrapped
from ..frame import Frame

_CLOCK = 15
"""Columns for date and time."""


def journal(frame: Frame) -> Canvas:
    """Draw the end of the journal, or the part before it; long entries continue in the next row."""
    entries = frame.store.journal.entries
    if not entries:
        return frame.nothing("nothing has happened yet", "the journal begins with the driver's first step")
    canvas, glyphs = frame.canvas(), frame.glyphs
    wide = max(8, canvas.width - _CLOCK - 1)
    rows: list[tuple[str, str, str, str | None]] = []
    for entry in entries:
        when = datetime.fromtimestamp(entry.time).strftime("%d %b %H:%M:%S")
        for k, part in enumerate(wrapped(glyphs.text(entry.text), wide) or [""]):
            rows.append((when if k == 0 else "", part, entry.style, entry.model))
    back = frame.scrolled("journal", len(rows), canvas.height)
    end = len(rows) - back
    for y, (when, text, style, model_id) in enumerate(rows[max(0, end - canvas.height) : end]):
        canvas.text(0, y, when, "dim")
        if model_id is not None:
            canvas.row_ids[y] = model_id
        canvas.text(_CLOCK + 1, y, text, style)
    return canvas
