"""What actions, screens and widgets may ask of the app, which lies above them all."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, cast

from textual.geometry import Size, Spacing
from textual.screen import Screen
from textual.widget import Widget

from .drawing.canvas import Canvas
from .session import Session


class HostPane(Protocol):
    """A pane, as actions know it.

    Attributes:
        pane_name: the name by which the view remembers how far it is scrolled.
        place: the name by which the view remembers its zoom and cross-hair; charts over epochs share one.
        scrolls: whether it holds a list of its own; in the others the keys move the cursor over the trials.
        plots: left, top, width and height of its charts with a cross-hair.
    """

    pane_name: str
    place: str
    scrolls: bool
    plots: list[tuple[int, int, int, int]]

    @property
    def title(self) -> str:
        """What it shows of this run."""

    @property
    def size(self) -> Size:
        """Its inner size in cells."""

    def model_at(self, x: int, y: int) -> str | None:
        """Return the id of the model that is drawn at a cell of its inside, None if there is none."""

    @property
    def gutter(self) -> Spacing:
        """Its frame and padding."""

    def draw(self, width: int, height: int) -> Canvas:
        """Return its picture."""

    def rows(self) -> Sequence[str]:
        """Return the ids of what the cursor can be on, in the order in which it shows them."""


class HostBoard(Protocol):
    """A screen of panes, as actions and widgets know it.

    Attributes:
        NAME: the screen's name.
        active: number of the pane that keys go to.
        maximised_pane: whether that pane has the whole screen.
    """

    NAME: ClassVar[str]
    active: int
    maximised_pane: bool

    @property
    def panes(self) -> Sequence[HostPane]:
        """Its panes, the most important first."""

    @property
    def pane(self) -> HostPane:
        """The pane that keys go to."""

    @property
    def chart_pane(self) -> HostPane:
        """The pane whose cross-hair and zoom the keys move."""

    @property
    def taking_turns(self) -> Sequence[str]:
        """Titles of the panes that take turns on the screen; () if all are in sight."""

    @property
    def has_header(self) -> bool:
        """Whether there is room for the header."""

    def activate(self, index: int) -> None:
        """Make a pane the one that keys go to."""

    def lay_out(self) -> None:
        """Show the panes that fit, where they fit."""


class Host(Protocol):
    """The app.

    Attributes:
        session: the run, and how it is looked at.
        failures: names of the charts that raised an error, and the errors.
        log_axis_at: the time when the key of the logarithmic axis was pressed last, by the monotonic clock.
    """

    session: Session
    failures: list[tuple[str, Exception]]
    log_axis_at: float

    @property
    def size(self) -> Size:
        """The terminal's size in cells."""

    @property
    def board(self) -> HostBoard | None:
        """The screen of panes that is in sight, or under a dialog."""

    @property
    def current_mode(self) -> str:
        """The name of that screen."""

    @property
    def footer_keys(self) -> Sequence[tuple[str, str]]:
        """Keys and what they do, in two words, the most important first."""

    def do_labelled(self, label: str) -> None:
        """Do the action of this name."""

    def turn(self) -> None:
        """Apply what the source has read, and repaint what it changed."""

    def repaint(self) -> None:
        """Repaint what has changed."""

    def switch_mode(self, mode: str) -> object:
        """Go to a screen."""

    def push_screen(
        self, screen: Screen[str | None], callback: Callable[[str | None], None] | None = None
    ) -> object:
        """Open a dialog; `callback` gets its answer, None if it was closed without one."""

    def copy_to_clipboard(self, text: str) -> None:
        """Copy text to the terminal's clipboard."""

    def save_screenshot(self, filename: str | None = None) -> str:
        """Write the screen to an SVG file in the current folder; return its path."""

    def action_command_palette(self) -> None:
        """Open the list of all commands."""

    def exit(self) -> None:
        """Close the monitor."""


def host_of(widget: Widget | Screen[Any]) -> Host:
    """Return the app that a widget or a screen belongs to."""
    return cast(Host, widget.app)
