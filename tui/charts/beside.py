"""Two students side by side in one chart: the one under the cursor, and the one that was selected last."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps

from ..drawing.canvas import Canvas
from ..drawing.text import fit
from .frame import Frame

_BOTH_FROM = 64
"""Two students are drawn from so many columns on."""


def beside(chart: Callable[[Frame], Canvas]) -> Callable[[Frame], Canvas]:
    """Return the chart that shows two students, each in half of the width, if there is a second one and room."""

    @wraps(chart)
    def both(frame: Frame) -> Canvas:
        cursor, second = frame.cursor, frame.second
        if cursor is None or second is None or frame.width < _BOTH_FROM or frame.height < 4:
            return chart(frame)
        canvas = frame.canvas()
        half = (frame.width - 3) // 2
        pair = (cursor.id, second)
        for x, model_id in ((0, cursor.id), (frame.width - half, second)):
            part = replace(frame, width=half, height=frame.height - 1, subject=model_id, pair=pair)
            slot = frame.view.slot(model_id)
            title = fit(f"{frame.glyphs.series(slot)} {frame.named(model_id)}", half)
            canvas.text(x, 0, title, f"series{slot}")
            drawn = chart(part)
            canvas.join(drawn, x, 1)
            if drawn.note:
                canvas.note += f"{' · ' if canvas.note else ''}{frame.named(model_id)}: {drawn.note}"
        for y in range(frame.height):
            canvas.put(half + 1, y, frame.glyphs.glyph("vline"), "axis")
        return canvas

    return both
