"""A box over the panes, and a line of input at the foot of the screen."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.measure import Measurement
from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from ..host import host_of
from ..session import Session, WishOf

SCROLLING = (
    Binding("j", "scroll(1)", show=False),
    Binding("k", "scroll(-1)", show=False),
)
"""Keys, beside the arrows, of dialogs that may be longer than the screen."""


class Dialog(ModalScreen[str | None]):
    """A box over the panes; escape closes it.

    Attributes:
        wishes: what it wants computed; () leaves that to the panes.
    """

    wishes: ClassVar[Sequence[WishOf]] = ()

    BINDINGS: ClassVar[list[Binding]] = [Binding("escape,q", "close", show=False)]  # type: ignore[assignment]

    def on_mount(self) -> None:
        """Draw frames in ASCII if the terminal has nothing else."""
        self.set_class(self.session.glyphs.ascii, "-ascii")

    @property
    def session(self) -> Session:
        """The run, and how it is looked at."""
        return host_of(self).session

    def page(self, box: Widget, table: Table) -> Static:
        """Return a table as the contents of a box, which becomes as wide as the table and the screen allow."""
        console = self.app.console
        options = console.options.update(width=400)
        box.styles.width = min(self.app.size.width - 2, Measurement.get(console, options, table).maximum + 7)
        return Static(table, classes="said")

    def action_scroll(self, by: int) -> None:
        """Scroll the box by a row."""
        box = self.query_one(".box")
        # From the row that it scrolls to, not from the current one, because keys may come faster than frames.
        box.scroll_to(y=box.scroll_target_y + by, animate=False, immediate=True)

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class Prompt(Dialog):
    """One line of input at the foot of the screen; `check` says what is wrong with it while it is typed."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("tab", "complete", show=False, priority=True)]

    def __init__(
        self,
        title: str,
        hint: str,
        *,
        value: str = "",
        check: Callable[[str], str] = lambda _: "",
        complete: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._title = title
        self._hint = hint
        self._value = value
        self._check = check
        self._complete = complete

    def compose(self) -> ComposeResult:
        """Yield the line and its hint."""
        with Vertical(classes="box") as box:
            box.border_title = self._title
            yield Input(value=self._value, select_on_focus=False)
            yield Static(self._hint, classes="hint", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what is wrong with the line."""
        wrong = self._check(event.value)
        hint = self.query_one(Static)
        hint.update(wrong or self._hint)
        hint.set_class(bool(wrong), "wrong")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with the line as answer, if nothing is wrong with it."""
        if not self._check(event.value):
            self.dismiss(event.value)

    def action_complete(self) -> None:
        """Complete the name at the end of the line."""
        line = self.query_one(Input)
        found = self._complete(line.value)
        if found is not None:
            line.value = found
            line.cursor_position = len(found)
