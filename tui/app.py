"""The monitor: owns source, store and view; one clock moves them; screens draw."""

import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App
from textual.timer import Timer

from kdtune.runs.reader import seconds_left
from tui.actions import bindings
from tui.charts.frame import Frame
from tui.filter import Filter, FilterError, parse
from tui.look import THEMES, Look
from tui.meter import Meter
from tui.order import columns, ordered
from tui.reading import Reader
from tui.screens.board import Board
from tui.screens.boards import Live
from tui.sources import Batch, Source
from tui.sources import Live as LiveSource
from tui.sources import Replay
from tui.store import Store
from tui.text import duration
from tui.view import View
from tui.widgets.pane import Pane

FRAME_HZ = 8.0
SLOW_HZ = 2.0
"""Frames a second over SSH, or while the terminal's window is not the one in use."""

DRAIN_SECONDS = 0.04
"""Time for taking events in, a frame: what is left waits for the next one, so that keys never do."""

SORT_SECONDS = 2.0
STALE_SECONDS = 180.0
MESSAGE_SECONDS = 4.0


class Monitor(App[None]):
    """The terminal monitor of one run."""

    CSS_PATH = "kdtune.tcss"
    TITLE = "kdtune"
    BINDINGS: ClassVar[list[Any]] = bindings()
    MODES: ClassVar[dict[str, Any]] = {"live": Live}
    DEFAULT_MODE = "live"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        source: Source,
        *,
        look: Look | None = None,
        readonly: bool = False,
        theme: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        hz: float = FRAME_HZ,
    ) -> None:
        super().__init__()
        self.source = source
        self.store = Store(source.record)
        self.view = View()
        self.reader = Reader(source)
        self.look = look or Look()
        self.readonly = readonly
        self.meter = Meter()
        self.ids: list[str] = []
        self.message: tuple[str, str] | None = None
        self._message_until = 0.0
        self._clock = clock
        self._hz = hz
        self._held: list[Batch] = []
        self._filter: Filter | None = None
        self._sorted_at = 0.0
        self._sorted_count = -1
        self._order_revision = 0
        self._timer: Timer | None = None
        for found in THEMES:
            self.register_theme(found)
        self.theme = theme or "kdtune-dark"

    # ---- the clock ----

    def on_mount(self) -> None:
        """Start to read, and the clock."""
        self.source.start()
        self.reader.start()
        self._timer = self.set_interval(1 / self._hz, self._turn)
        self._turn()

    def on_unmount(self) -> None:
        """End the threads."""
        self.source.stop()
        self.reader.stop()

    def _turn(self) -> None:
        begun = time.perf_counter()
        self._take_in()
        if self.message and self._clock() > self._message_until:
            self.message = None
        screen = self.board
        if screen is not None:
            screen.update_panes()
        self.meter.tick(time.perf_counter() - begun)
        if self.source.loading is not None:
            self.set_timer(0.02, self._turn, name="loading")

    def _take_in(self) -> None:
        limit = time.perf_counter() + DRAIN_SECONDS
        while time.perf_counter() < limit:
            batch = self.source.drain()
            if batch is None:
                break
            if self.view.paused and not self.is_replay:
                self._held.append(batch)
            else:
                self._apply(batch)
        dirty = self.store.take_dirty()
        if dirty and self.view.follow and self.store.newest:
            self._move_to(self.store.newest)
        self._sort()
        self.reader.want(self._looked_at(), dirty)

    def _apply(self, batch: Batch) -> None:
        if batch.reset:
            store = Store(self.store.record)
            # Revisions must never repeat: widgets take equal ones for equal contents.
            store.revision, store.done_revision = self.store.revision + 1, self.store.done_revision + 1
            self.store = store
            self._sorted_count = -1
        self.store.apply(batch.events)

    def _looked_at(self) -> list[str]:
        ids = list(self.view.compared)
        cursor = self.store.model(self.view.cursor)
        if cursor is not None:
            ids.insert(0, cursor.id)
            for kind in ("teacher", "nds"):
                reference = self.store.reference(cursor, kind)
                if reference is not None:
                    ids.insert(1, reference.id)
        return ids

    # ---- order and filter ----

    def _sort(self, *, now: bool = False) -> None:
        count = len(self.store.state.trials)
        moment = self._clock()
        due = moment - self._sorted_at > SORT_SECONDS and self._sorted_key() != self._sorted_count_key
        if not (now or due or count != self._sorted_count):
            return
        self._sorted_at, self._sorted_count, self._sorted_count_key = moment, count, self._sorted_key()
        ids = ordered(self.store, self.view, self._filter)
        if ids != self.ids:
            self.ids = ids
            self._order_revision += 1
        if self.view.cursor is None and self.ids:
            self._move_to(self.ids[0])

    _sorted_count_key: Hashable = None

    def _sorted_key(self) -> Hashable:
        return (self.store.revision, self.view.revision)

    def set_filter(self, text: str) -> str:
        """Use a filter; return what is wrong with it, empty where nothing is."""
        try:
            self._filter = parse(text, self.store, self.view) if text.strip() else None
        except FilterError as error:
            return str(error)
        self.view.filter = text.strip()
        self.view.changed()
        self._sort(now=True)
        return ""

    # ---- what widgets ask ----

    @property
    def board(self) -> Board | None:
        """The screen of panes in sight, None while a dialog covers it."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Board):
                return screen
        return None

    @property
    def is_replay(self) -> bool:
        """A run is played again."""
        return isinstance(self.source, Replay)

    def frame(self, width: int, height: int) -> Frame:
        """Return what charts are drawn from."""
        return Frame(
            store=self.store,
            view=self.view,
            width=width,
            height=height,
            look=self.look,
            ids=self.ids,
            reports=self.reader.found,
            loading=self.source.loading,
            error="the run directory is gone" if self.source.health.gone and not self.store.reports else "",
            now=self.source.now(),
        )

    def pane_key(self, depends: str) -> tuple[Hashable, ...]:
        """Return what a pane's contents depend on."""
        shared = (self.view.revision, self._order_revision, self.source.loading is None, self.source.health.gone)
        if depends == "reports":
            cursor = self.store.model(self.view.cursor)
            return (*shared, self.reader.revision, 0 if cursor is None else cursor.epoch)
        if depends == "done":
            return (*shared, self.store.done_revision)
        return (*shared, self.store.revision, self.source.loading)

    def state_name(self) -> str:
        """Return the run's state, `lost` where its driver died without a word."""
        if self.source.health.gone:
            return "gone"
        if self.source.loading is not None and not self.store.reports:
            return "loading"
        state = self.store.state.state
        return "lost" if state in ("preparing", "running") and self.source.health.lost else state

    def badges(self) -> list[tuple[str, str]]:
        """Return what must not be overlooked: pause, replay, silence."""
        found: list[tuple[str, str]] = []
        if isinstance(self.source, Replay):
            found.append((f"replay {self.source.speed:g}× {self.source.place:.0%}", "badge"))
            if not self.source.running:
                found.append(("standing", "badge-warn"))
        elif self.view.paused:
            new = sum(len(batch.events) for batch in self._held)
            found.append((f"paused +{new}", "badge-warn"))
        if self.source.loading is not None:
            found.append((f"reading {self.source.loading:.0%}", "badge"))
        if self.source.health.stopping and self.state_name() in ("preparing", "running"):
            found.append(("stopping", "badge-warn"))
        if self.state_name() == "running" and self.store.last_report is not None and not self.is_replay:
            silent = self.source.now() - self.store.last_report
            if silent > STALE_SECONDS:
                found.append((f"no report for {duration(silent // 60 * 60)}", "badge-warn"))
        return found

    def seconds_left(self) -> float | None:
        """Return the estimate that `kdtune status` gives."""
        if self.state_name() != "running":
            return None
        return seconds_left(self.store.state, self.store.record, self.source.now())

    def pane_names(self) -> tuple[tuple[str, ...], int]:
        """Return the titles of the panes that take turns on the screen, and which is in sight; () if all are."""
        board = self.board
        if board is None or board.mode == "grid" or len(board.panes) < 2:
            return (), 0
        return tuple(str(pane.border_title) for pane in board.panes), board.active

    # ---- acting ----

    def say(self, text: str, style: str = "accent") -> None:
        """Show a message in the footer for a while."""
        self.message = (text, style)
        self._message_until = self._clock() + MESSAGE_SECONDS

    def repaint(self) -> None:
        """Repaint what has changed, now."""
        board = self.board
        if board is not None:
            board.update_panes()

    def _move_to(self, model_id: str | None) -> None:
        if model_id != self.view.cursor:
            self.view.cursor = model_id
            self.view.changed()

    def _rows(self) -> list[str]:
        return [model.id for model in self.store.baselines] + self.ids

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        rows = self._rows()
        if not rows:
            return
        self.view.follow = False
        at = rows.index(self.view.cursor) if self.view.cursor in rows else 0
        self._move_to(rows[max(0, min(len(rows) - 1, at + by))])
        self.repaint()

    def action_mode(self, mode: str) -> None:
        """Go to a screen."""
        if mode in self.MODES and mode != self.current_mode:
            self.switch_mode(mode)

    def action_pane(self, by: int) -> None:
        """Go to the next pane."""
        if self.board is not None:
            self.board.activate(self.board.active + by)

    def action_detach(self) -> None:
        """Leave."""
        self.exit()

    def action_sort(self, by: int) -> None:
        """Sort by the next column."""
        names = columns(self.store)
        at = names.index(self.view.sort) if self.view.sort in names else 0
        self.view.sort = names[(at + by) % len(names)]
        self.view.changed()
        self._sort(now=True)
        self.repaint()

    def scroll_pane(self, pane: Pane, by: int) -> None:
        """Scroll a pane's list, or move the cursor."""
        if pane.pane_name == "table":
            self.action_move(by)
            return
        self.view.scroll[pane.pane_name] = max(0, self.view.scroll.get(pane.pane_name, 0) + by)
        self.view.changed()
        self.repaint()

    def clicked(self, pane: Pane, x: int, y: int) -> None:
        """Put the cursor on the trial that was clicked."""


def watch(
    run: str | Path | None = None,
    *,
    runs_dir: Path | None = None,
    replay: bool = False,
    speed: float = 20.0,
    readonly: bool = False,
    ascii: bool = False,
    serve: bool = False,
    theme: str | None = None,
) -> int:
    """Open the monitor on a run, the newest where none is named; return the exit code.

    Raises:
        RunError: there is no such run, or a newer kdtune wrote it.
    """
    from kdtune.runs.reader import open_run

    opened = open_run(run, runs_dir=runs_dir)
    source: Source
    source = Replay(opened.files, opened.record, speed) if replay else LiveSource(opened.files, opened.record)
    Monitor(source, look=Look(ascii=ascii), readonly=readonly, theme=theme).run()
    return 0


Ids = Sequence[str]
