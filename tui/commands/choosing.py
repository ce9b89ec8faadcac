"""Which trials: selected, pinned, sorted, filtered, looked at closely."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.screens.detail import Detail
from tui.screens.dialog import Prompt
from tui.state.filter import complete
from tui.state.order import columns
from tui.state.view import COMPARED

if TYPE_CHECKING:
    from tui.app import Monitor

FILTER_HINT = (
    "state:running  pair:lenet5  T>=4  eod<0.05  front  !failed     tab completes, enter keeps, esc leaves"
)


def select(app: "Monitor") -> None:
    """Compare the trial under the cursor, or not."""
    _toggle(app, app.session.view.toggle_selected)


def pin(app: "Monitor") -> None:
    """Pin the trial under the cursor, or not."""
    _toggle(app, app.session.view.toggle_pinned)


def _toggle(app: "Monitor", toggle: Callable[[str], bool]) -> None:
    session = app.session
    if session.view.cursor is None:
        return
    session.view.follow = False
    if not toggle(session.view.cursor):
        session.say(f"{COMPARED} are compared already: esc clears the selection", "warn")
    session.sort(now=True)
    app.repaint()


def sort(app: "Monitor", by: int) -> None:
    """Sort by the next column, the better end first: that is what one sorts for."""
    session = app.session
    store, view = session.store, session.view
    names = columns(store)
    at = names.index(view.sort) if view.sort in names else 0
    view.sort = names[(at + by) % len(names)]
    view.descending = view.sort in store.measures and store.direction(view.sort) == "max"
    _resorted(app)


def reverse(app: "Monitor") -> None:
    """Turn the order round."""
    app.session.view.descending = not app.session.view.descending
    _resorted(app)


def _resorted(app: "Monitor") -> None:
    session = app.session
    session.view.changed()
    session.sort(now=True)
    session.say(
        f"sorted by {session.view.sort}, {'largest' if session.view.descending else 'smallest'} first"
    )
    app.repaint()


def filter_trials(app: "Monitor") -> None:
    """Ask for a filter; it acts as it is typed."""
    session = app.session
    before = session.view.filter

    def check(text: str) -> str:
        wrong = session.set_filter(text)
        app.repaint()
        return wrong

    def ended(text: str | None) -> None:
        check(before if text is None else text)

    app.push_screen(
        Prompt(
            "Filter",
            session.glyphs.text(FILTER_HINT),
            value=before,
            check=check,
            complete=lambda text: complete(text, session.store),
        ),
        ended,
    )


def detail(app: "Monitor") -> None:
    """Show all that is known of the trial under the cursor."""
    model = app.session.store.model(app.session.view.cursor)
    if model is not None:
        app.push_screen(Detail(model))
