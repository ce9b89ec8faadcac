"""Moving: between screens and panes, from trial to trial, in a list, in a chart."""

from ..charts.live.columns import column_at, columns
from ..host import Host, HostPane
from ..state.view import EPOCH

_FAR = 1_000_000
"""More rows than any list has."""

_REACH = 6
"""A click so many columns beside a chart is one at its border."""

_FROM_THE_END = ("log", "journal")
"""Lists that are read from their end."""


def go_to_screen(host: Host, screen: str) -> None:
    """Go to a screen."""
    if screen != host.current_mode:
        host.switch_mode(screen)


def go_to_pane(host: Host, by: int) -> None:
    """Go to the next pane, or the previous one."""
    board = host.board
    if board is not None:
        board.activate(board.active + by)


def maximise(host: Host) -> None:
    """Give the pane the whole screen, or put it back in its place."""
    board = host.board
    if board is not None:
        board.maximised_pane = not board.maximised_pane
        board.lay_out()
        host.repaint()


def leave(host: Host) -> None:
    """Undo one thing that is on, the innermost first: maximised, cross-hair, filter, selection, zoom."""
    view, board = host.session.view, host.board
    if board is not None and board.maximised_pane:
        maximise(host)
    elif view.crosshair:
        view.crosshair = False
    elif view.filter:
        host.session.set_filter("")
    elif view.selected:
        view.selected.clear()
    else:
        view.zoom.clear()
        view.scroll.clear()
    view.changed()
    host.repaint()


def move(host: Host, by: int) -> None:
    """Move the cursor over the trials; in a chart move its cross-hair instead, and in the log scroll by lines."""
    board, session = host.board, host.session
    if board is None:
        return
    pane = board.pane
    if abs(by) == 1:
        if session.view.crosshair and pane.plots and not pane.scrolls:
            session.view.nudge(pane.place, pane.size, 0, -by)
            follow_cross(host, pane)
            host.repaint()
            return
        if pane.pane_name in _FROM_THE_END:
            scroll(host, pane, by)
            return
    rows = pane.rows()
    if not rows:
        return
    session.view.follow = False
    known = session.view.cursor in rows
    at = rows.index(session.view.cursor) + by if known and session.view.cursor else 0
    session.move_to(rows[max(0, min(len(rows) - 1, at))])
    host.repaint()


def move_sideways(host: Host, by: int) -> None:
    """Move the cross-hair, or a zoomed chart, to the left (by = -1) or to the right (1)."""
    if host.board is not None:
        pane, view = host.board.chart_pane, host.session.view
        if pane.place == EPOCH and view.crosshair:
            view.nudge_by(EPOCH, by * view.factor(EPOCH) / (host.session.frame(0, 0).axis_epochs - 1), 0.0)
        else:
            view.nudge(pane.place, pane.size, by, 0)
        follow_cross(host, pane)
        host.repaint()


def follow_cross(host: Host, pane: HostPane) -> None:
    """Put the cursor on the model nearest to a pane's cross-hair, so that all panes show it."""
    session = host.session
    if session.view.crosshair and pane.place != EPOCH:
        nearest = pane.draw(*pane.size).nearest
        if nearest is not None:
            session.view.follow = False
            session.move_to(nearest)


def page(host: Host, by: int) -> None:
    """Move by a page of the pane."""
    if host.board is not None:
        scroll(host, host.board.pane, by * max(1, host.board.pane.size.height - 3))


def end(host: Host, by: int) -> None:
    """Go to the first (by = -1) or the last (1)."""
    if host.board is not None:
        scroll(host, host.board.pane, by * _FAR)


def scroll(host: Host, pane: HostPane, by: int) -> None:
    """Scroll a pane's list; if it has none, or all of it is in sight, move the cursor over the trials."""
    view = host.session.view
    name = pane.pane_name
    last = view.last.get(name, 0) if pane.scrolls else 0
    if not last and name not in _FROM_THE_END:
        move(host, by)
        return
    sign = -1 if name in _FROM_THE_END else 1
    view.scroll[name] = max(0, min(view.scroll.get(name, 0) + sign * by, last))
    view.changed()
    host.repaint()


def click(host: Host, pane: HostPane, x: int, y: int) -> None:
    """Put the cursor on the trial that was clicked, or the cross-hair on the place; sort by the head of a column."""
    session = host.session
    x, y = x - pane.gutter.left, y - pane.gutter.top
    clicked = pane.model_at(x, y)
    if pane.pane_name == "table" and y == 0:
        column = column_at(columns(session.frame(pane.size.width, pane.size.height)), x)
        if column is not None and not column.name.startswith("#"):
            sort_by(host, column.name)
    if clicked is not None:
        session.view.follow = False
        session.move_to(clicked)
        host.repaint()
        return
    for left, top, width, height in pane.plots:
        if left - _REACH <= x < left + width + _REACH and top <= y < top + height:
            across = min(1.0, max(0.0, (x - left) / max(1, width - 1)))
            session.view.crosshair = True
            session.view.cross[pane.place] = across, 1 - (y - top) / max(1, height - 1)
            session.view.changed()
            follow_cross(host, pane)
            break
    host.repaint()


def sort_by(host: Host, column: str) -> None:
    """Sort by a column, the best values first; by the same column again, in reverse."""
    session = host.session
    store, view = session.store, session.view
    if view.sort == column:
        view.descending = not view.descending
    else:
        view.sort = column
        view.descending = column in store.measures and store.direction(column) == "max"
    session.view.changed()
    session.sort(now=True)
    session.say(
        f"sorted by {session.view.sort}, {'largest' if session.view.descending else 'smallest'} first"
    )
    host.repaint()


def follow(host: Host) -> None:
    """Let the cursor follow the newest report, or stop that."""
    session = host.session
    session.view.follow = not session.view.follow
    if session.view.follow and session.store.newest:
        session.move_to(session.store.newest)
    session.say("the cursor follows the newest report" if session.view.follow else "the cursor stays")
    session.view.changed()
    host.repaint()
