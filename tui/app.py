"""The monitor: one clock updates the session, screens draw it, and one table says what the keys do."""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.screen import Screen
from textual.timer import Timer

from .actions import moving
from .actions.action import bindings, footer
from .actions.table import ACTIONS
from .drawing.glyphs import Glyphs, to_ascii
from .screens.board import Board
from .screens.contents import BOARDS
from .screens.dialog import Dialog
from .session import Session
from .sources import Source
from .widgets.pane import Pane
from .widgets.themes import THEMES

FRAME_HZ = 8.0
"""Frames per second."""

SLOW_HZ = 2.0
"""Frames per second over SSH."""

AWAY = 4
"""Only one frame in so many is drawn while nothing happens, or while another window is in use."""

QUIET_SECONDS = 2.0
"""Nothing happens if there was neither a report nor a key for so long; what was asked for is computed by then."""

AFTER_SECONDS = 0.03
"""After a key its pane is painted at once and the others so much later, so that a held key need not wait."""

LOADING_SECONDS = 0.02
"""Time between two frames while a run is being read."""

SWITCH_SECONDS = 0.001
"""Threads that read let a key through after this time, instead of Python's 5 ms."""

RARE_COLLECTIONS = (20_000, 20, 100)
"""The garbage collector's thresholds once the run has been read."""


class Monitor(App[None]):
    """The terminal monitor of one run.

    Attributes:
        session: the run, and what the person has chosen to see of it.
        failures: names of the charts that raised an error, and the errors.
        log_axis_at: the time when the key of the logarithmic axis was pressed last, by the monotonic clock.
    """

    CSS_PATH = Path(__file__).with_name("kdtune.tcss")
    TITLE = "kdtune"
    BINDINGS: ClassVar[list[Any]] = bindings(ACTIONS)
    MODES: ClassVar[dict[str, Any]] = dict(BOARDS)
    DEFAULT_MODE = "live"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        source: Source,
        *,
        glyphs: Glyphs | None = None,
        readonly: bool = False,
        theme: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        hz: float | None = None,
    ) -> None:
        super().__init__()
        self.session = Session(source, glyphs=glyphs, readonly=readonly, clock=clock)
        self.failures: list[tuple[str, Exception]] = []
        self.log_axis_at = float("-inf")
        self._hz = hz or (SLOW_HZ if "SSH_CONNECTION" in os.environ else FRAME_HZ)
        self._turns = -1
        self._settled = False
        self._stirred = 0.0
        self._seen: object = None
        self._rest: Timer | None = None
        self._soon: Timer | None = None
        for found in THEMES:
            self.register_theme(found)
        self.theme = theme or "kdtune-dark"

    # ---- the clock ----

    def on_load(self) -> None:
        """Start to read while Textual lays out the first screen."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self.session.start()

    def on_mount(self) -> None:
        """Start the clock."""
        self._count_bytes()
        self.set_interval(1 / self._hz, self.turn)
        self.turn()

    def on_unmount(self) -> None:
        """End the threads."""
        self.session.stop()

    def turn(self) -> None:
        """Apply what the source has read, and repaint what it changed."""
        self._turns += 1
        begun = time.perf_counter()
        source = self.session.source
        seen = (self.session.view.revision, source.waiting, source.loading, source.health)
        if seen != self._seen:
            self._seen, self._stirred = seen, begun
        at_rest = not self.app_focus or begun - self._stirred > QUIET_SECONDS
        if at_rest and self._turns % AWAY:
            return
        board = self.board
        if board is None:
            self.session.update()
        else:
            dialog = self.screen
            wishes = dialog.wishes if isinstance(dialog, Dialog) else ()
            self.session.update(
                wishes or board.wishes, log=board.shows("log"), machine=board.shows("machine")
            )
            board.update_panes(self._turns)
        self.session.meter.queue = source.waiting
        self.session.meter.tick(time.perf_counter() - begun)
        self._hurry_or_settle()

    def _hurry_or_settle(self) -> None:
        source = self.session.source
        if source.loading is not None:
            if self._soon is None and not source.paused:
                self._soon = self.set_timer(LOADING_SECONDS, self._turn_soon, name="loading")
        elif not self._settled:
            self._settled = True
            # What has been read stays; for the collector to walk through it again would take longer than a key may.
            gc.freeze()
            gc.enable()
            gc.set_threshold(*RARE_COLLECTIONS)

    def _turn_soon(self) -> None:
        self._soon = None
        self.turn()

    def _count_bytes(self) -> None:
        driver = self._driver
        if driver is not None:
            write = driver.write

            ascii_only = self.session.glyphs.ascii

            def counted(data: str) -> None:
                self.session.meter.wrote(len(data))
                # Textual's own dialogs draw with other characters too.
                write(to_ascii(data, keep_width=True) if ascii_only else data)

            driver.write = counted  # type: ignore[method-assign]

    # ---- drawing ----

    @property
    def board(self) -> Board | None:
        """The screen of panes that is in sight, or under a dialog."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Board):
                return screen
        return None

    def repaint(self) -> None:
        """Repaint what has changed: what shows the effect of a key at once, the rest very soon."""
        board = self.board
        if board is not None:
            board.answer()
            if self._rest is None:
                self._rest = self.set_timer(AFTER_SECONDS, self._repaint_rest, name="rest")

    def _repaint_rest(self) -> None:
        self._rest = None
        board = self.board
        if board is not None:
            board.update_panes()

    # ---- acting ----

    async def on_event(self, event: events.Event) -> None:
        """Note for the meter when keys come."""
        if isinstance(event, events.Key):
            self.session.meter.key()
        await super().on_event(event)

    def action_act(self, number: int) -> None:
        """Do the action of this number."""
        ACTIONS[number].do(self)

    @property
    def footer_keys(self) -> Sequence[tuple[str, str]]:
        """Keys and what they do, in two words, the most important first."""
        board = self.board
        pane = "" if board is None else board.pane.pane_name
        shown = footer(ACTIONS, replay=self.session.is_replay, readonly=self.session.readonly, pane=pane)
        return [(action.shown, action.label) for action in shown]

    def do_labelled(self, label: str) -> None:
        """Do the action of this name."""
        next(action for action in ACTIONS if action.label == label).do(self)

    def on_pane_clicked(self, event: Pane.Clicked) -> None:
        """Put the cursor where the click was."""
        moving.click(self, event.pane, event.x, event.y)

    def on_pane_scrolled(self, event: Pane.Scrolled) -> None:
        """Scroll the pane's list, or move the cursor."""
        moving.scroll(self, event.pane, event.by)

    def action_help_quit(self) -> None:
        """Answer Ctrl-C: say how to leave."""
        over = self.session.store.state.state not in ("preparing", "running")
        self.session.say("q leaves" if over else "q leaves, and the sweep goes on; Q stops the sweep", "warn")
        self.repaint()

    def action_focus_next(self) -> None:
        """Go to the next pane; Textual binds the tab key on every screen, before the app can."""
        if isinstance(self.screen, Board):
            moving.go_to_pane(self, 1)
        else:
            super().action_focus_next()

    def action_focus_previous(self) -> None:
        """Go to the previous pane."""
        if isinstance(self.screen, Board):
            moving.go_to_pane(self, -1)
        else:
            super().action_focus_previous()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield the entries of the palette: the actions and the themes."""
        for action in ACTIONS:
            title = f"{action.label[0].upper()}{action.label[1:]}  ({action.shown})"
            yield SystemCommand(title, action.help, lambda action=action: action.do(self))
        yield SystemCommand("Theme", "choose the colours of the monitor", self.action_change_theme)
