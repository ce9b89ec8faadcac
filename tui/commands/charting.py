"""How charts are drawn: what they show, their axes, the cross-hair, the part in sight; and their numbers, copied."""

import time
from typing import TYPE_CHECKING

from tui.charts.search import sliced
from tui.state.view import EPOCH

if TYPE_CHECKING:
    from tui.app import Monitor

DOUBLE_SECONDS = 0.4
"""Time within which a key pressed twice is one command."""


def choose_measure(app: "Monitor", by: int) -> None:
    """Show the next measure, or the one before."""
    session = app.session
    measures = session.store.measures
    session.view.measure = (session.view.measure + by) % len(measures)
    session.say(f"measure: {measures[session.view.measure]}")
    _changed(app)


def choose_setting(app: "Monitor", by: int) -> None:
    """Slice by the next setting, or the one before."""
    session = app.session
    settings = sliced(session.store)
    session.view.parameter = (session.view.parameter + by) % max(1, len(settings))
    if settings:
        session.say(f"slice by {settings[session.view.parameter]}")
    _changed(app)


def choose_reference(app: "Monitor") -> None:
    """Rank class bias against the other reference."""
    session = app.session
    to_nds = session.view.reference == "teacher"
    session.view.reference = "nds" if to_nds else "teacher"
    session.say("class bias is ranked against the " + ("non-distilled student" if to_nds else "teacher"))
    _changed(app)


def toggle_crosshair(app: "Monitor") -> None:
    """Turn the cross-hair on or off."""
    view = app.session.view
    view.crosshair = not view.crosshair
    if view.crosshair:
        app.session.say("cross-hair: arrow keys move it, i puts it away")
    _changed(app)


def zoom(app: "Monitor", by: int) -> None:
    """Zoom in (1), out (-1), or show the whole (0)."""
    view = app.session.view
    place = app.board.chart_pane.place if app.board is not None else EPOCH
    if by == 0:
        view.zoom.pop(place, None)
        view.scroll = {name: row for name, row in view.scroll.items() if name == "table"}
    else:
        view.zoom_by(place, 1.5 if by > 0 else 1 / 1.5)
    _changed(app)


def toggle_log_axis(app: "Monitor") -> None:
    """Turn the logarithmic axis on or off; twice in a row copies the pane's numbers instead."""
    board, view = app.board, app.session.view
    if board is None:
        return
    view.log ^= {board.pane.pane_name}
    now = time.monotonic()
    if now - app.log_axis_at < DOUBLE_SECONDS:
        app.log_axis_at = float("-inf")
        copy(app)
    else:
        app.log_axis_at = now
    _changed(app)


def copy(app: "Monitor") -> None:
    """Copy what the pane shows, as text."""
    if app.board is None:
        return
    pane = app.board.pane
    text = "\n".join(line.rstrip() for line in pane.draw(*pane.size).lines()).strip("\n")
    app.copy_to_clipboard(text + "\n")
    app.session.say(f"copied {pane.title.lower()}, {len(text.splitlines())} lines")


def smooth(app: "Monitor") -> None:
    """Smooth curves more, or not at all again."""
    app.session.view.smoothing = (app.session.view.smoothing + 1) % 4
    _changed(app)


def _changed(app: "Monitor") -> None:
    app.session.view.changed()
    app.repaint()
