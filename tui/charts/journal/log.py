"""The driver's log."""

from rich.cells import chop_cells

from ...drawing.canvas import Canvas
from ..frame import Frame

_BAD = ("error", "traceback", "exception", "failed", "killed")
_WARN = ("warning", "warn")


def log(frame: Frame) -> Canvas:
    """Draw the end of the log, or the part `scroll` lines before it; long lines continue in the next row."""
    lines = frame.log
    if not lines:
        return frame.nothing("the log is empty", "what Ray and the driver print appears here")
    canvas = frame.canvas()
    back = frame.scrolled("log", len(lines), canvas.height)
    rows: list[tuple[str, str]] = []
    for line in reversed(lines[: len(lines) - back]):
        style = _style(line)
        rows[:0] = [
            (part, style) for part in chop_cells(frame.glyphs.text(line), max(1, canvas.width)) or [""]
        ]
        if len(rows) >= canvas.height:
            break
    for y, (text, style) in enumerate(rows[-canvas.height :]):
        canvas.text(0, y, text, style)
    if back:
        canvas.right(canvas.width, canvas.height - 1, f" {back} more below ", "badge")
    return canvas


def _style(line: str) -> str:
    lower = line.lower()
    if any(word in lower for word in _BAD):
        return "bad"
    return "warn" if any(word in lower for word in _WARN) else "text"
