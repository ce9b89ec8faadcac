"""Charts: what they show, their axes, cross-hair and zoom; and their contents, copied as text."""

import time

from kdtune.text import counted, plain

from ..charts.groups.rates import RATES
from ..charts.search.settings import sliced
from ..host import Host, HostPane
from ..session import Session
from ..state.view import CENTRE, EPOCH

DOUBLE_SECONDS = 0.4
"""A key pressed twice within this time is one command."""


def choose_measure(host: Host, by: int) -> None:
    """Show the next measure, or the previous one."""
    session = host.session
    measures = session.store.measures
    session.view.measure = (session.view.measure + by) % len(measures)
    session.say(f"measure: {measures[session.view.measure]}")
    _changed(host)


def choose_setting(host: Host, by: int) -> None:
    """Slice by the next setting, or the previous one."""
    session = host.session
    settings = sliced(session.store)
    session.view.parameter = (session.view.parameter + by) % max(1, len(settings))
    if settings:
        session.say(f"slice by {settings[session.view.parameter]}")
    _changed(host)


def choose_reference(host: Host) -> None:
    """Rank class bias against the other reference."""
    session = host.session
    to_nds = session.view.reference == "teacher"
    session.view.reference = "nds" if to_nds else "teacher"
    session.say("class bias is ranked against the " + ("non-distilled student" if to_nds else "teacher"))
    _changed(host)


def choose_rate(host: Host) -> None:
    """Show the next rate by group first."""
    view = host.session.view
    view.rate = (view.rate + 1) % len(RATES)
    host.session.say(f"rate by group: {RATES[view.rate]}")
    _changed(host)


def choose_attribute(host: Host) -> None:
    """Show the groups of the next sensitive attribute."""
    session = host.session
    names = list(session.store.record.attributes)
    if not names:
        session.say("these data have no groups", "dim")
    else:
        session.view.attribute = (session.view.attribute + 1) % len(names)
        session.say(f"groups by {plain(names[session.view.attribute])}")
    _changed(host)


def choose_class(host: Host, by: int) -> None:
    """Show the rates of the next class, or the previous one; past the last, of the class with the largest gap."""
    session = host.session
    view, classes = session.view, session.store.record.classes
    place = -1 if view.chosen_class is None else view.chosen_class
    place = (place + 1 + by) % (len(classes) + 1) - 1
    view.chosen_class = None if place < 0 else place
    session.say(
        "rates of " + ("the class with the largest gap" if place < 0 else f"class {plain(classes[place])}")
    )
    _changed(host)


def toggle_crosshair(host: Host) -> None:
    """Turn the cross-hair on or off."""
    view, board = host.session.view, host.board
    view.crosshair = not view.crosshair
    if view.crosshair:
        if board is not None:
            _to_the_cursor(host.session, board.chart_pane)
        host.session.say("cross-hair: arrow keys move it, i hides it; other panes show where it is")
    _changed(host)


def _to_the_cursor(session: Session, pane: HostPane) -> None:
    """Begin with the cross-hair at the model under the cursor, or at its last epoch: nothing jumps."""
    view, model = session.view, session.store.model(session.view.cursor)
    if model is None:
        return
    if pane.place == EPOCH:
        view.cross.setdefault(
            EPOCH, (max(0, model.epoch - 1) / (session.frame(0, 0).axis_epochs - 1), CENTRE[1])
        )
        return
    spot = pane.draw(*pane.size).spot_of(model.id)
    if spot is not None and pane.plots:
        left, top, width, height = pane.plots[0]
        view.cross[pane.place] = (
            (spot[0] - left) / max(1, width - 1),
            1 - (spot[1] - top) / max(1, height - 1),
        )


def zoom(host: Host, by: int) -> None:
    """Zoom in (by = 1) or out (-1), or show the whole chart (0)."""
    view = host.session.view
    place = host.board.chart_pane.place if host.board is not None else EPOCH
    if by == 0:
        view.zoom.pop(place, None)
        view.scroll = {name: row for name, row in view.scroll.items() if name == "table"}
    else:
        view.zoom_by(place, 1.5 if by > 0 else 1 / 1.5)
    _changed(host)


def toggle_log_axis(host: Host) -> None:
    """Turn the logarithmic axis on or off; pressed twice, copy the pane as text instead."""
    board, view = host.board, host.session.view
    if board is None:
        return
    view.log ^= {board.pane.pane_name}
    now = time.monotonic()
    if now - host.log_axis_at < DOUBLE_SECONDS:
        host.log_axis_at = float("-inf")
        copy(host)
    else:
        host.log_axis_at = now
    _changed(host)


def copy(host: Host) -> None:
    """Copy what the pane shows as text."""
    if host.board is None:
        return
    pane = host.board.pane
    text = "\n".join(line.rstrip() for line in pane.draw(*pane.size).lines()).strip("\n")
    host.copy_to_clipboard(text + "\n")
    host.session.say(f"copied {pane.title.lower()}, {counted(len(text.splitlines()), 'line')}")


def smooth(host: Host) -> None:
    """Smooth curves more, and after the strongest step not at all."""
    host.session.view.smoothing = (host.session.view.smoothing + 1) % 4
    _changed(host)


def _changed(host: Host) -> None:
    host.session.view.changed()
    host.repaint()
