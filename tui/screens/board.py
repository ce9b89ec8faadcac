"""A screen of panes: a grid if there is room, else the table and one chart, else one pane."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from ..host import Host, host_of
from ..session import WishOf
from ..widgets.bars import Footer, Header
from ..widgets.pane import Pane

GRID_FROM, PAIR_FROM, FRAME_FROM = 140, 100, 60
"""From so many columns on there are all panes; the table and one chart; and a frame around a pane."""

HEADER_FROM = 20
"""There is a header from so many rows on."""

HEADER_EVERY = 3
"""The header shows new data once in so many frames."""


class Board(Screen[None]):
    """Panes with a header and a footer; subclasses say which panes."""

    AUTO_FOCUS = ""
    NAME: ClassVar[str] = ""
    BESIDE: ClassVar[int] = 1
    """The pane that is shown with the first one, where there is room for two."""

    def __init__(self) -> None:
        super().__init__()
        self.panes: Sequence[Pane] = self.make_panes()
        self.active = 0
        self.chart = min(self.BESIDE, len(self.panes) - 1)
        self.maximised_pane = False
        self.header = Header(id="header")
        self.footer = Footer(id="footer")
        self.board = Container(*self.panes, id="board")
        self._arrangement: object = None

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes, the most important first."""
        raise NotImplementedError

    def grid_rows(self, height: int) -> tuple[str, str] | None:
        """Return the heights of a grid's two rows if a pane can't use its half; None for those of the style sheet."""
        return None

    @property
    def host(self) -> Host:
        """The app."""
        return host_of(self)

    @property
    def wishes(self) -> Sequence[WishOf]:
        """What its charts want computed."""
        return tuple(dict.fromkeys(pane.wish for pane in self.panes if pane.wish is not None))

    def shows(self, what: str) -> bool:
        """Return whether one of its panes depends on this, as `Session.key` understands it."""
        return any(pane.depends == what for pane in self.panes)

    def compose(self) -> ComposeResult:
        """Yield header, panes and footer."""
        yield self.header
        yield self.board
        yield self.footer

    def on_mount(self) -> None:
        """Lay out the panes, and put what has been read so far into the first paint."""
        self.host.session.update(self.wishes, log=self.shows("log"), machine=self.shows("machine"))
        self.lay_out()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the panes for the new size."""
        self.lay_out()

    def on_screen_resume(self) -> None:
        """Repaint what changed while another screen was shown."""
        self.lay_out()
        self.update_panes()

    @property
    def mode(self) -> str:
        """How the panes are laid out: `grid`, `pair` or `single`."""
        if self.maximised_pane or len(self.panes) == 1:
            return "single"
        wide = self.app.size.width
        return (
            "grid"
            if wide >= GRID_FROM and self.app.size.height >= HEADER_FROM
            else "pair"
            if wide >= PAIR_FROM
            else "single"
        )

    def lay_out(self) -> None:
        """Show the panes that fit, where they fit."""
        wide, high = self.app.size
        mode = self.mode
        if self.active != 0:
            self.chart = self.active
        shown = {
            "grid": set(range(len(self.panes))),
            "pair": {0, self.chart},
            "single": {self.active},
        }[mode]
        bare = wide < FRAME_FROM or high < 12
        rows = self.grid_rows(high - 3) if mode == "grid" else None
        arrangement = (mode, bare, frozenset(shown), high >= HEADER_FROM, self.active, rows)
        if arrangement == self._arrangement:
            return
        self._arrangement = arrangement
        with self.app.batch_update():
            for name in ("grid", "pair", "single"):
                self.board.set_class(mode == name, f"-{name}")
            if rows is None:
                self.board.styles.clear_rule("grid_rows")
            else:
                self.board.styles.grid_rows = " ".join(rows)
            self.set_class(bare, "-bare")
            self.set_class(self.host.session.glyphs.ascii, "-ascii")
            self.header.display = high >= HEADER_FROM
            for k, pane in enumerate(self.panes):
                pane.display = k in shown
            self.panes[self.active].focus(scroll_visible=False)

    @property
    def pane(self) -> Pane:
        """The pane that keys go to."""
        return self.panes[self.active]

    @property
    def chart_pane(self) -> Pane:
        """The pane whose cross-hair and zoom the keys move: the one that keys go to, else the first that has them."""
        if self.pane.plots:
            return self.pane
        return next((pane for pane in self.panes if pane.display and pane.plots), self.pane)

    def activate(self, index: int) -> None:
        """Make a pane the one that keys go to."""
        self.active = index % len(self.panes)
        self.lay_out()
        self.update_panes()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Follow a click into a pane."""
        for k, pane in enumerate(self.panes):
            if pane is event.widget and k != self.active:
                self.activate(k)

    @property
    def has_header(self) -> bool:
        """Whether there is room for the header."""
        return bool(self.header.display)

    @property
    def taking_turns(self) -> Sequence[str]:
        """Titles of the panes that take turns on the screen; () if all are in sight."""
        if self.mode == "grid" or len(self.panes) < 2:
            return ()
        return tuple(pane.title for pane in self.panes)

    def answer(self) -> None:
        """Repaint what shows the effect of a key first: the pane that it went to, and the table."""
        for pane in self.panes:
            if pane.display and (pane is self.pane or pane.pane_name == "table"):
                pane.update()
        self.footer.update()

    def update_panes(self, turn: int = 0) -> None:
        """Repaint the panes that have changed, are in sight, and are due in this turn of the clock."""
        for pane in self.panes:
            if pane.display and turn % pane.every == 0:
                pane.update()
        if self.header.display and turn % HEADER_EVERY == 0:
            self.header.update()
        self.footer.update()
