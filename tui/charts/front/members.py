"""The table of the front: what made each member, what it reaches, and what of that is beyond noise."""

from kdtune.runs.comparison.verdict import conclusion, dominated
from kdtune.text import counted, plain, setting

from ...drawing.canvas import Canvas
from ...drawing.text import short, wrapped
from ...state.store import config_value
from ..doubt import front_steps
from ..frame import Frame
from ..live.columns import front_columns, made_by
from ..live.table import draw_rows, heading, visible
from ..ranks import front_order


def front_table(frame: Frame) -> Canvas:
    """Draw the trials on the front, the best by the first objective at the top.

    Where not all columns fit, each member has a second row with the settings that made it.
    """
    store = frame.store
    if not store.front:
        if why := frame.why_no_front():
            return frame.nothing("no student is on the front", why)
        return frame.not_yet("no front", "it starts with the first trial that is done and feasible")
    canvas = frame.canvas()
    shown, made = front_columns(frame), made_by(frame)
    below: dict[str, str] = {}
    if not set(made) <= {column.name for column in shown}:
        shown = front_columns(frame, settings=False)
        below = {member: _made(frame, member, made) for member in store.front}
    heading(frame, canvas, shown)
    ids = front_order(store, frame.ids)
    rows = visible(frame, ids, "front_table", lines=2 if below else 1)
    y = draw_rows(frame, canvas, rows, shown, steps=front_steps(frame), below=below)
    if not ids and canvas.height > y + 1:
        canvas.centred(y + 1, "no member of the front passes the filter", "text")
        canvas.centred(y + 2, "esc clears it", "dim")
        return canvas
    for text in _remarks(frame):
        lines = _that_fit(frame.glyphs.text(plain(text)), max(20, canvas.width - 2), canvas.height - y - 1)
        for k, line in enumerate(lines, 1):
            canvas.text(1, y + k, line, "dim")
        y += len(lines)
    return canvas


def _that_fit(text: str, cells: int, rows: int) -> list[str]:
    """Return the first sentences of a text that fit into some rows."""
    while text and len(lines := wrapped(text, cells)) > rows:
        text = text.rpartition(". ")[0] + "." if ". " in text else ""
    return lines if text else []


def _made(frame: Frame, member: str, names: list[str]) -> str:
    """Return the settings of a member that no column shows, in a line."""
    model = frame.store.model(member)
    if model is None:
        return ""
    parts = [
        plain(config_value(model, name))
        if name == "pair"
        else f"{short(name)} {setting(config_value(model, name))}"
        for name in names
    ]
    return frame.glyphs.text("  ".join(parts))


def _remarks(frame: Frame) -> list[str]:
    """Return what is to be said below the members: what is beyond noise, and what else chooses others."""
    store = frame.store
    if frame.resolution is not None:
        found = [conclusion(frame.resolution, store.record.objectives), *dominated(frame.resolution)]
    else:
        found = ["… comparing the members with each other and with the baselines"] if frame.run else []
    others = store.other_front
    if others != store.front:
        hidden = len(others - store.front)
        rest = f"{hidden} of them not here" if hidden else "all of them here"
        which = (
            "validation and training examples together choose" if store.raw else "validation alone chooses"
        )
        found.append(f"R: {which} {counted(len(others), 'student')}, {rest}")
    return found
