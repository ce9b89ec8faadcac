"""The table of trials as a chart: it draws only the rows that are in sight."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kdtune.runs.state import ModelState
from kdtune.text import plain, setting

from ..drawing import raster
from ..drawing.canvas import Canvas
from ..drawing.text import fit, number, short, width
from ..state.store import Store, config_value
from .frame import Frame


@dataclass(frozen=True)
class Column:
    """A column: its name in the store, its heading, its width, and whether it is aligned to the right."""

    name: str
    title: str
    width: int
    right: bool = True


STATE_STYLES = {"running": "accent", "done": "good", "stopped": "dim", "failed": "bad", "interrupted": "warn"}


def table(frame: Frame) -> Canvas:
    """Draw the heading, the baselines, and the trials around the cursor."""
    return _table(frame, frame.ids, "table")


def front_table(frame: Frame) -> Canvas:
    """Draw the trials on the front, the best by the first objective at the top."""
    store = frame.store
    if not store.front:
        return frame.nothing("no front yet", "it starts with the first trial that is done and feasible")
    return _table(frame, front_order(store, frame.ids), "front_table")


def table_rows(store: Store, ids: Sequence[str]) -> list[str]:
    """Return what the cursor can be on in the table: the baselines, then the trials."""
    return [*(model.id for model in store.baselines), *ids]


def front_rows(store: Store, ids: Sequence[str]) -> list[str]:
    """Return what the cursor can be on in the front's table: the baselines, then the front."""
    return table_rows(store, front_order(store, ids))


def front_order(store: Store, ids: Sequence[str]) -> list[str]:
    """Return the trials that are on the front, the best by the first objective first."""
    objective = store.objectives[0]
    members = [model_id for model_id in ids if model_id in store.front]
    return sorted(members, key=lambda i: objective.measure.badness(store.value(i, objective.name)))


def visible(frame: Frame, ids: Sequence[str]) -> list[str]:
    """Return the rows below the heading: the baselines, then the window of trials around the cursor."""
    fixed = [model.id for model in frame.store.baselines] if frame.height >= 8 else []
    fixed = fixed[: max(0, frame.height // 3)]
    rows = max(0, frame.height - 1 - len(fixed))
    if len(ids) <= rows:
        return [*fixed, *ids]
    at = _place(ids, frame.view.cursor)
    start = min(max(0, frame.view.scroll.get("table", 0)), len(ids) - rows)
    if at is not None:
        start = min(max(start, at - rows + 1), at)
    frame.view.scroll["table"] = start
    return [*fixed, *ids[start : start + rows]]


def _place(ids: Sequence[str], cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        return ids.index(cursor)
    except ValueError:
        return None


def _table(frame: Frame, ids: Sequence[str], name: str) -> Canvas:
    store, glyphs = frame.store, frame.glyphs
    if not store.state.trials and not store.state.baselines:
        return frame.nothing("no trial yet", store.state.message or "the first one is about to start")
    canvas = frame.canvas()
    shown = columns(frame)
    x = 4
    for column in shown:
        title = glyphs.text(column.title)
        style = "heading"
        if column.name == frame.view.sort and name == "table":
            title += (
                ("▾" if frame.view.descending else "▴")
                if not glyphs.ascii
                else ("v" if frame.view.descending else "^")
            )
            style = "strong"
        canvas.text(x, 0, fit(title, column.width, align="right" if column.right else "left"), style)
        x += column.width + 2
    rows = visible(frame, ids)
    for k, model_id in enumerate(rows):
        model = store.model(model_id)
        if model is not None:
            _row(frame, canvas, 1 + k, model, shown)
    if store.state.trials and not ids and canvas.height > len(rows) + 2:
        canvas.centred(len(rows) + 2, "no trial passes the filter", "dim")
        canvas.centred(len(rows) + 3, "esc clears it", "faint")
    elif not store.state.trials and canvas.height > len(rows) + 3:
        canvas.centred(len(rows) + 2, "the first trial starts after the baselines", "dim")
    return canvas


def columns(frame: Frame) -> list[Column]:
    """Return the columns that fit, in the table's order; the least important are left out."""
    store = frame.store
    room = frame.width - 4
    result = [Column("id", "trial", _id_width(frame), right=False)]
    room -= result[0].width + 2
    chosen: list[tuple[int, Column]] = []

    def offer(rank: int, column: Column) -> None:
        nonlocal room
        if column.width + 2 <= room + 2:
            room -= column.width + 2
            chosen.append((rank, column))

    for k, name in enumerate(store.record.objectives):
        offer(50 + k, Column(name, short(name), max(6, width(short(name)) + 1)))
    offer(10, Column("epoch", "epoch", 7))
    settings = store.settings
    order = [name for name in settings if name != "pair"]
    for k, name in enumerate(order[:2]):
        offer(30 + k, Column(name, short(name), max(6, width(short(name)) + 1)))
    names = store.pairs
    if len(names) > 1:
        offer(20, Column("pair", "pair", min(22, max(map(width, map(plain, names)))), right=False))
    offer(60, Column("#spark", short(store.record.objectives[0]) + " by epoch", 12, right=False))
    for k, name in enumerate(order[2:]):
        offer(32 + k, Column(name, short(name), max(7, width(short(name)) + 1)))
    extra = [name for name in store.measures if name not in store.record.objectives]
    for k, name in enumerate(extra):
        offer(52 + k, Column(name, short(name), max(6, width(short(name)) + 1)))
    return result + [column for _, column in sorted(chosen, key=lambda item: item[0])]


def _id_width(frame: Frame) -> int:
    baselines = [width(plain(model.id)) for model in frame.store.baselines]
    return min(max([5, *baselines]), 16 if frame.width >= 50 else 10)


def _row(frame: Frame, canvas: Canvas, y: int, model: ModelState, shown: Sequence[Column]) -> None:
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
    elif model.state in STATE_STYLES:
        canvas.put(2, y, glyphs.glyph(model.state), STATE_STYLES[model.state])
    x = 4
    for column in shown:
        text, cell_style = _cell(frame, model, column)
        text = fit(glyphs.text(text), column.width, align="right" if column.right else "left")
        canvas.text(x, y, text, cell_style or style)
        x += column.width + 2
    if model.id in view.pinned:
        canvas.put(3, y, glyphs.glyph("pinned"), "dim")
    if model.id == view.cursor:
        canvas.highlight(y, "cursor")


def _cell(frame: Frame, model: ModelState, column: Column) -> tuple[str, str]:
    store = frame.store
    match column.name:
        case "id":
            return plain(model.id), ""
        case "epoch":
            style = "dim" if model.state != "running" else ""
            return f"{model.epoch}/{model.epochs}", style
        case "#spark":
            line = store.series(model.id, store.record.objectives[0])
            return raster.spark(line, column.width, 0.0, 1.0, ascii_only=frame.glyphs.ascii), "faint"
    if column.name in model.values or column.name in store.measures:
        value = model.values.get(column.name, math.nan)
        on_front = model.id in store.front and column.name in store.record.objectives
        return number(value), "strong" if on_front else ("faint" if math.isnan(value) else "")
    found = config_value(model, column.name)
    return ("" if model.kind in ("teacher", "nds") else setting(found)), "dim"
