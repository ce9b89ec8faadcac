"""The driver's log."""

from tui.canvas import Canvas
from tui.charts.frame import Frame
from tui.text import fit

_BAD = ("error", "traceback", "exception", "failed", "killed")
_WARN = ("warning", "warn")


def log(frame: Frame) -> Canvas:
    """Draw the end of the log, or what lies `scroll` lines before it."""
    lines = frame.log
    if not lines:
        return frame.nothing("the log is empty", "what Ray and the driver print will be here")
    canvas = frame.canvas()
    back = min(frame.view.scroll.get("log", 0), max(0, len(lines) - canvas.height))
    frame.view.scroll["log"] = back
    shown = lines[max(0, len(lines) - canvas.height - back) : len(lines) - back]
    for y, line in enumerate(shown):
        lower = line.lower()
        style = (
            "bad"
            if any(word in lower for word in _BAD)
            else "warn"
            if any(word in lower for word in _WARN)
            else "text"
        )
        canvas.text(0, y, fit(frame.look.text(line), canvas.width), style)
    if back:
        canvas.right(canvas.width, canvas.height - 1, f" {back} more below ", "badge")
    return canvas
