"""The table of trials as a chart: it draws only the rows that are in sight."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from kdtune.runs.comparison.verdict import conclusion
from kdtune.runs.state import ModelState
from kdtune.text import plain, setting

from ...background.questions import Wish
from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit, number, short, width
from ...state.store import config_value
from ..doubt import MOST_MODELS, against, front_steps, has_interval, margin, wish_of
from ..frame import Frame
from ..ranks import front_order
from .preparing import baseline_progress, preparing


@dataclass(frozen=True)
class Column:
    """A column: its name in the store, its heading, its width, and whether it is aligned to the right."""

    name: str
    title: str
    width: int
    right: bool = True


_LEFT = 4
"""Columns for signs: the cursor, the front or the series, the state, the pin."""

_MARGIN = "±95 %"
"""Ends the heading of a measure that is shown with half the width of its 95 % interval."""

_WITH_MARGIN = 10
_MARGINS_FROM = 64
"""Intervals are shown from so many columns on; in fewer, they would push out the settings."""

STATE_STYLES = {"running": "accent", "done": "good", "stopped": "dim", "failed": "bad", "interrupted": "warn"}


def table_wish(frame: Frame) -> Wish | None:
    """Return the wish for the intervals of the models near the cursor."""
    at = _place(frame.ids, frame.view.cursor) or 0
    near = frame.ids[max(0, at - MOST_MODELS // 2) : at + MOST_MODELS // 2]
    return wish_of(frame, [*(model.id for model in frame.store.baselines), *near])


def table(frame: Frame) -> Canvas:
    """Draw the heading, the baselines, and the trials around the cursor."""
    return _table(frame, frame.ids, "table")


def front_table(frame: Frame) -> Canvas:
    """Draw the trials on the front, the best by the first objective at the top."""
    store = frame.store
    if not store.front:
        if store.infeasible:
            told = ", ".join(plain(str(constraint)) for constraint in store.record.constraints)
            return frame.nothing(
                f"no student is feasible: none meets {told}", "a front starts with one that does"
            )
        return frame.nothing("no front yet", "it starts with the first trial that is done and feasible")
    return _table(frame, front_order(store, frame.ids), "front_table")


def visible(frame: Frame, ids: Sequence[str], name: str) -> list[str]:
    """Return the rows below the heading: the baselines, then the window of trials around the cursor.

    Args:
        name: the table's, under which the view remembers how far it is scrolled.
    """
    fixed = [model.id for model in frame.store.baselines] if frame.height >= 8 else []
    fixed = fixed[: max(0, frame.height // 3)]
    rows = max(0, frame.height - 1 - len(fixed))
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


def _table(frame: Frame, ids: Sequence[str], name: str) -> Canvas:
    store = frame.store
    if not store.state.trials and not store.state.baselines:
        return preparing(frame)
    canvas = frame.canvas()
    members = name == "front_table"
    shown = front_columns(frame) if members else columns(frame)
    _heading(frame, canvas, shown, sorts=not members)
    rows = visible(frame, ids, name)
    steps: Mapping[str, int] = front_steps(frame) if members else {}
    for k, model_id in enumerate(rows):
        model = store.model(model_id)
        if model is not None:
            canvas.row_ids[1 + k] = model_id
            _row(frame, canvas, 1 + k, model, shown, steps)
    if members and frame.resolution is not None and canvas.height > len(rows) + 2:
        said = conclusion(frame.resolution, store.record.objectives)
        for k, line in enumerate(
            wrap(plain(said), max(20, canvas.width - 2))[: canvas.height - len(rows) - 2]
        ):
            canvas.text(1, len(rows) + 2 + k, frame.glyphs.text(line), "dim")
    if store.state.trials and not ids and canvas.height > len(rows) + 2:
        canvas.centred(len(rows) + 2, "no trial passes the filter", "text")
        canvas.centred(len(rows) + 3, "esc clears it", "dim")
    elif not store.state.trials and canvas.height > len(rows) + 3:
        baseline_progress(frame, canvas, len(rows) + 2)
    return canvas


def _heading(frame: Frame, canvas: Canvas, shown: Sequence[Column], *, sorts: bool) -> None:
    x = _LEFT
    for column in shown:
        title, style = frame.glyphs.text(column.title), "heading"
        if column.name == frame.view.sort and sorts:
            signs = "v^" if frame.glyphs.ascii else "▾▴"
            title += signs[0] if frame.view.descending else signs[1]
            style = "strong"
        canvas.text(x, 0, fit(title, column.width, align="right" if column.right else "left"), style)
        x += column.width + 2


def column_at(shown: Sequence[Column], x: int) -> Column | None:
    """Return the column whose heading is at a place."""
    left = _LEFT
    for column in shown:
        if left <= x < left + column.width:
            return column
        left += column.width + 2
    return None


def _chosen(frame: Frame, offers: Sequence[tuple[int, Column]]) -> list[Column]:
    """Return the offered columns that fit, the most important first, in the order of their ranks."""
    room = frame.width - _LEFT
    chosen: list[tuple[int, Column]] = []
    for rank, column in offers:
        if column.width <= room:
            room -= column.width + 2
            chosen.append((rank, column))
    return [column for _, column in sorted(chosen, key=lambda item: item[0])]


def _objective(frame: Frame, name: str) -> Column:
    title, cells = short(name), max(6, width(short(name)) + 1)
    if has_interval(name) and frame.width >= _MARGINS_FROM:
        sign = frame.glyphs.text(_MARGIN)
        cells = max(_WITH_MARGIN + width(sign) - width(_MARGIN), width(title) + 1 + width(sign) + 1)
        return Column(name, f"{title} {_MARGIN}", cells)
    return Column(name, title, cells)


def _setting(name: str) -> Column:
    return Column(name, short(name), max(7, width(short(name)) + 1))


def _pair(frame: Frame) -> Column:
    return Column(
        "pair", "pair", min(22, max(map(width, map(plain, frame.store.pairs)), default=4)), right=False
    )


def columns(frame: Frame) -> list[Column]:
    """Return the columns of the table that fit, in its order; the least important are left out."""
    store = frame.store
    offers = [(0, Column("id", "trial", _id_width(frame), right=False))]
    offers += [(50 + k, _objective(frame, name)) for k, name in enumerate(store.record.objectives)]
    offers.append((10, Column("epoch", "epoch", 7)))
    settings = [name for name in store.settings if name != "pair"]
    offers += [(30 + k, _setting(name)) for k, name in enumerate(settings[:2])]
    if len(store.pairs) > 1:
        offers.append((20, _pair(frame)))
    offers.append((70, Column("#spark", short(store.record.objectives[0]) + " by epoch", 12, right=False)))
    offers += [(32 + k, _setting(name)) for k, name in enumerate(settings[2:])]
    extra = [name for name in store.measures if name not in store.record.objectives]
    offers += [
        (71 + k, Column(name, short(name), max(6, width(short(name)) + 1))) for k, name in enumerate(extra)
    ]
    return _chosen(frame, offers)


def front_columns(frame: Frame) -> list[Column]:
    """Return the columns of the front's table that fit: what each member reaches, and what made it."""
    store = frame.store
    offers = [(0, Column("id", "trial", _id_width(frame), right=False))]
    offers += [(10 + k, _objective(frame, name)) for k, name in enumerate(store.record.objectives)]
    made = {name for i in store.front if (model := store.model(i)) is not None for name in model.config}
    first = [name for name in ("temperature", "alpha", "lr") if name in made]
    rest = [name for name in store.settings if name not in (*first, "pair")]
    offers += [(41 + k, _setting(name)) for k, name in enumerate(first)]
    if "pair" in made:
        offers.append((40, _pair(frame)))
    offers.append((1, Column("#step", "step", 4)))
    if frame.resolution is not None and frame.resolution.known:
        offers += [(20, Column("#nds", "to NDS", 11)), (21, Column("#teacher", "to teacher", 11))]
    offers += [(50 + k, _setting(name)) for k, name in enumerate(rest)]
    extra = [name for name in store.measures if name not in store.record.objectives]
    offers += [
        (70 + k, Column(name, short(name), max(6, width(short(name)) + 1))) for k, name in enumerate(extra)
    ]
    return _chosen(frame, offers)


def _id_width(frame: Frame) -> int:
    baselines = [width(plain(model.id)) for model in frame.store.baselines]
    return min(max([5, *baselines]), 16 if frame.width >= 50 else 10)


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
    elif model.state in STATE_STYLES:
        canvas.put(2, y, glyphs.glyph(model.state), STATE_STYLES[model.state])
    x = _LEFT
    for column in shown:
        if model.state == "failed" and model.message and column.name not in ("id", "epoch"):
            canvas.text(x, y, fit(glyphs.text(plain(model.message)), canvas.width - x), "bad")
            break
        text, cell_style = _cell(frame, model, column, steps)
        text = fit(glyphs.text(text), column.width, align="right" if column.right else "left")
        canvas.text(x, y, text, cell_style or style)
        x += column.width + 2
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
            return plain(model.id), ""
        case "epoch":
            style = "dim" if model.state != "running" else ""
            return f"{model.epoch}/{model.epochs}", style
        case "#spark":
            line = store.series(model.id, store.record.objectives[0])
            return raster.spark(line, column.width, ascii_only=frame.glyphs.ascii), "dim"
        case "#step" | "#nds" | "#teacher":
            return _beyond_noise(frame, model, column, steps), "dim"
    if column.name in model.values or column.name in store.measures:
        value = model.values.get(column.name, math.nan)
        text = number(value)
        if column.title.endswith(_MARGIN):
            around = margin(frame, model, column.name)
            text += " " * 5 if math.isnan(around) else f" ±{number(around, 2).lstrip('0')}"
        on_front = model.id in store.front and column.name in store.record.objectives
        return text, "strong" if on_front else ("dim" if math.isnan(value) else "")
    found = config_value(model, column.name)
    return ("" if model.kind in ("teacher", "nds") else setting(found)), "dim"
