"""The table of trials as a chart: it draws only the rows that are in sight."""

import math
from collections.abc import Mapping, Sequence

from kdtune.runs.state import ModelState
from kdtune.text import plain, setting

from ...background.questions import Wish
from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit, measured, number
from ...state.store import config_value
from ..doubt import MOST_MODELS, against, margin, wish_of
from ..frame import Frame
from .columns import GAP, LEFT, MARGIN, Column, columns, name_room
from .preparing import baseline_progress, preparing

STATE_STYLES = {"running": "accent", "done": "good", "stopped": "dim", "failed": "bad", "interrupted": "warn"}


def table_wish(frame: Frame) -> Wish | None:
    """Return the wish for the intervals of the models near the cursor."""
    at = _place(frame.ids, frame.view.cursor) or 0
    near = frame.ids[max(0, at - MOST_MODELS // 2) : at + MOST_MODELS // 2]
    return wish_of(frame, [*(model.id for model in frame.store.baselines), *near])


def table(frame: Frame) -> Canvas:
    """Draw the heading, the baselines, and the trials around the cursor."""
    store = frame.store
    if not store.state.trials and not store.state.baselines:
        return preparing(frame)
    canvas = frame.canvas()
    shown = columns(frame)
    heading(frame, canvas, shown, sorted_by=frame.view.sort)
    below = draw_rows(frame, canvas, visible(frame, frame.ids, "table"), shown)
    if store.state.trials and not frame.ids and canvas.height > below + 1:
        canvas.centred(below + 1, "no trial passes the filter", "text")
        canvas.centred(below + 2, "esc clears it", "dim")
    elif not store.state.trials and canvas.height > below + 2:
        baseline_progress(frame, canvas, below + 1)
    return canvas


def visible(frame: Frame, ids: Sequence[str], name: str, *, lines: int = 1) -> list[str]:
    """Return the models below the heading: the baselines, then the window of trials around the cursor.

    Args:
        name: the table's, under which the view remembers how far it is scrolled.
        lines: rows that each trial takes.
    """
    fixed = [model.id for model in frame.store.baselines] if frame.height >= 8 else []
    fixed = fixed[: max(0, frame.height // 3)]
    rows = max(0, frame.height - 1 - len(fixed)) // lines
    if len(ids) <= rows:
        return [*fixed, *ids]
    at = _place(ids, frame.view.cursor)
    start = min(max(0, frame.view.scroll.get(name, 0)), len(ids) - rows)
    if at is not None:
        start = min(max(start, at - rows + 1), at)
    frame.view.scroll[name] = start
    return [*fixed, *ids[start : start + rows]]


def _place(ids: Sequence[str], cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        return ids.index(cursor)
    except ValueError:
        return None


def heading(frame: Frame, canvas: Canvas, shown: Sequence[Column], *, sorted_by: str = "") -> None:
    """Write the heads of the columns, with a sign at the one that the rows are sorted by."""
    x = LEFT
    for column in shown:
        title, style = frame.glyphs.text(column.title), "heading"
        if column.name == sorted_by:
            signs = "v^" if frame.glyphs.ascii else "▾▴"
            title += signs[0] if frame.view.descending else signs[1]
            style = "strong"
        canvas.text(x, 0, fit(title, column.width, align="right" if column.right else "left"), style)
        x += column.width + GAP


def draw_rows(
    frame: Frame,
    canvas: Canvas,
    ids: Sequence[str],
    shown: Sequence[Column],
    *,
    steps: Mapping[str, int] | None = None,
    below: Mapping[str, str] | None = None,
) -> int:
    """Draw models below the heading; return the row after them.

    Args:
        steps: the number of each member's step, from 0.
        below: what stands in a second row of some models.
    """
    y = 1
    for model_id in ids:
        model = frame.store.model(model_id)
        if model is None:
            continue
        canvas.row_ids[y] = model_id
        _row(frame, canvas, y, model, shown, steps or {})
        y += 1
        if below is not None and model_id in below:
            canvas.row_ids[y] = model_id
            canvas.text(LEFT + GAP, y, fit(below[model_id], canvas.width - LEFT - GAP), "dim")
            if model_id == frame.view.cursor:
                canvas.highlight(y, "cursor")
            y += 1
    return y


def _row(
    frame: Frame,
    canvas: Canvas,
    y: int,
    model: ModelState,
    shown: Sequence[Column],
    steps: Mapping[str, int],
) -> None:
    store, view, glyphs = frame.store, frame.view, frame.glyphs
    baseline = model.kind in ("teacher", "nds")
    style = model.kind if baseline else "text"
    if model.id == view.cursor:
        canvas.put(0, y, glyphs.glyph("cursor"), "accent")
    slot = view.slot(model.id)
    if slot:
        canvas.put(1, y, glyphs.series(slot), f"series{slot}")
    elif model.id in store.front:
        canvas.put(1, y, glyphs.glyph("front"), "front")
    if baseline:
        canvas.put(2, y, glyphs.glyph(model.kind), model.kind)
    elif model.id in store.infeasible:
        canvas.put(2, y, glyphs.glyph("infeasible"), "warn")
    elif (state := frame.state_of(model)) in STATE_STYLES:
        canvas.put(2, y, glyphs.glyph(state), STATE_STYLES[state])
    x = LEFT
    for column in shown:
        if model.state == "failed" and model.message and column.name != "id":
            canvas.text(x, y, fit(glyphs.text(plain(model.message)), canvas.width - x), "bad")
            break
        text, cell_style = _cell(frame, model, column, steps)
        if column.name == "id":
            cells = name_room(shown) if baseline else column.width
            canvas.text(x, y, fit(text, cells), cell_style or style)
        elif not (baseline and column.blank):
            text = fit(glyphs.text(text), column.width, align="right" if column.right else "left")
            canvas.text(x, y, text, cell_style or style)
        x += column.width + GAP
    if model.id in view.pinned:
        canvas.put(3, y, glyphs.glyph("pinned"), "dim")
    if model.id == view.cursor:
        canvas.highlight(y, "cursor")


def _beyond_noise(frame: Frame, model: ModelState, column: Column, steps: Mapping[str, int]) -> str:
    if column.name == "#step":
        return str(steps[model.id] + 1) if model.id in steps else ""
    return against(frame, model.id, column.name.removeprefix("#"))


def _cell(frame: Frame, model: ModelState, column: Column, steps: Mapping[str, int]) -> tuple[str, str]:
    store = frame.store
    match column.name:
        case "id":
            return frame.named(model.id), ""
        case "epoch":
            style = "dim" if frame.state_of(model) != "running" else ""
            return f"{model.epoch}/{model.epochs}", style
        case "#spark":
            line = store.series(model.id, store.record.objectives[0])
            return raster.spark(line, column.width, ascii_only=frame.glyphs.ascii), "dim"
        case "#step" | "#nds" | "#teacher":
            return _beyond_noise(frame, model, column, steps), "dim"
    if column.name in model.values or column.name in store.measures:
        value = model.values.get(column.name, math.nan)
        text = measured(column.name, value)
        if column.title.endswith(MARGIN):
            around = margin(frame, model, column.name)
            text += " " * 5 if math.isnan(around) else f" ±{number(around, 2).lstrip('0')}"
        on_front = model.id in store.front and column.name in store.record.objectives
        return text, "strong" if on_front else ("dim" if math.isnan(value) else "")
    found = config_value(model, column.name)
    # Under the head "student" or "teacher" stands that part of the pair.
    part = column.name == "pair" and column.title != "pair"
    return frame.pairs[1].get(str(found), "") if part else setting(found), "dim"
