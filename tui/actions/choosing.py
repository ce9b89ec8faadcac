"""Trials: selecting, pinning, sorting and filtering them, and one in detail."""

from collections.abc import Callable

from kdtune.runs.empty_front import why_empty

from ..charts.live.columns import columns
from ..host import Host
from ..screens.detail import Detail
from ..screens.dialog import Prompt
from ..state.filter import complete
from ..state.view import COMPARED
from .moving import sort_by

FILTER_HINT = (
    "state:running  pair:lenet5  T>=4  eod<0.05  front  !failed     tab completes, enter applies, esc cancels"
)


def select(host: Host) -> None:
    """Compare the trial under the cursor, or stop comparing it."""
    _toggle(host, host.session.view.toggle_selected)


def pin(host: Host) -> None:
    """Pin the trial under the cursor, or unpin it."""
    _toggle(host, host.session.view.toggle_pinned)


def _toggle(host: Host, toggle: Callable[[str], bool]) -> None:
    session = host.session
    if session.view.cursor is None:
        return
    session.view.follow = False
    if not toggle(session.view.cursor):
        session.say(f"{COMPARED} trials are compared already: esc clears the selection", "warn")
    session.sort(now=True)
    host.repaint()


def sort(host: Host, by: int) -> None:
    """Sort by the next column of the table that is in sight, the best values first."""
    session = host.session
    board = host.board
    pane = next((pane for pane in board.panes if pane.pane_name == "table"), None) if board else None
    size = pane.size if pane is not None and pane.size else host.size
    shown = [column.name for column in columns(session.frame(*size)) if not column.name.startswith("#")]
    names = ["id", "state", *(name for name in shown if name != "id")]
    at = names.index(session.view.sort) if session.view.sort in names else 0
    if len(names) > 1:
        sort_by(host, names[(at + by) % len(names)])


def reverse(host: Host) -> None:
    """Reverse the order."""
    sort_by(host, host.session.view.sort)


def filter_trials(host: Host) -> None:
    """Ask for a filter, which acts while it is typed."""
    session = host.session
    before = session.view.filter

    def check(text: str) -> str:
        wrong = session.set_filter(text, typing=True)
        host.repaint()
        return wrong

    def ended(text: str | None) -> None:
        check(before if text is None else text)

    host.push_screen(
        Prompt(
            "Filter",
            session.glyphs.text(FILTER_HINT),
            value=before,
            check=check,
            complete=lambda text: complete(text, session.store),
        ),
        ended,
    )


def raw_front(host: Host) -> None:
    """Show the front of the values on validation alone, or the one that training examples correct."""
    session = host.session
    store = session.store
    if not store.record.has_front:
        session.say(why_empty(store.record, ()))
        return
    same = store.other_front == store.front
    store.set_raw(not store.raw)
    rule = "by validation alone" if store.raw else "by validation, corrected by training examples"
    session.say(f"the front {rule}{': the same students' if same else ''}")
    session.sort(now=True)
    host.repaint()


def detail(host: Host) -> None:
    """Show everything known about the trial under the cursor."""
    model = host.session.store.model(host.session.view.cursor)
    if model is not None:
        host.push_screen(Detail(model))
