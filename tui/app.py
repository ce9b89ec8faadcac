"""The monitor: owns source, store and view; one clock moves them; screens draw."""

import gc
import os
import shlex
import sys
import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.theme import BUILTIN_THEMES
from textual.timer import Timer

from kdtune.errors import InputError, did_you_mean
from kdtune.runs.files import RunFiles
from kdtune.runs.files import runs_dir as runs_folder
from kdtune.runs.lock import is_driven, request_stop
from kdtune.runs.reader import seconds_left
from tui.actions import bindings
from tui.analyst import Analyst
from tui.charts.frame import Frame
from tui.charts.gaps import gap_names
from tui.charts.table import visible
from tui.filter import Filter, FilterError, complete, parse
from tui.look import THEMES, Look
from tui.meter import Meter
from tui.order import columns, ordered
from tui.reading import Reader
from tui.screens.board import Board
from tui.screens.boards import BOARDS
from tui.screens.dialogs import ConfirmStop, Detail, Help, Prompt
from tui.sources import Batch, Replay, Source
from tui.sources import Live as LiveSource
from tui.store import Store
from tui.text import duration
from tui.view import COMPARED, EPOCH, View, Zoom
from tui.widgets.pane import Pane

FRAME_HZ = 8.0
SLOW_HZ = 2.0
"""Frames a second over SSH."""

AWAY = 4
"""While the terminal's window is not the one in use, one frame in so many is drawn."""

AFTER_SECONDS = 0.03
"""After a key its pane is painted at once, the others so much later: a held key stays ahead of the charts."""

DRAIN_SECONDS = 0.04
"""Time for taking events in, a frame: what is left waits for the next one, so that keys never do."""

SORT_SECONDS = 2.0
STALE_SECONDS = 180.0
MESSAGE_SECONDS = 4.0
SWITCH_SECONDS = 0.001

RARE_COLLECTIONS = (20_000, 20, 100)
"""Thresholds of the garbage collector once the run has been read."""

STARTING_SECONDS = 10.0
"""How long a run's folder may be without record and driver before it is taken for no run."""

DOUBLE_SECONDS = 0.4
"""Time within which a key pressed twice is one command."""

MOST_DOUBTS = 200
"""Epochs of a trial whose intervals are computed, the latest."""

SCROLLED = ("bias", "class_map", "disagreement", "log")
"""Panes with lists of their own; in the others the keys move the cursor over the trials."""


class Monitor(App[None]):
    """The terminal monitor of one run."""

    CSS_PATH = Path(__file__).with_name("kdtune.tcss")
    TITLE = "kdtune"
    BINDINGS: ClassVar[list[Any]] = bindings()
    MODES: ClassVar[dict[str, Any]] = dict(BOARDS)
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
        hz: float | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self.store = Store(source.record)
        self.view = View()
        self.reader = Reader(source)
        self.look = look or Look()
        self.readonly = readonly
        self.meter = Meter()
        self.analyst = Analyst(list(source.record.attributes))
        self.files: RunFiles | None = getattr(source, "files", None)
        self.run_path = None if self.files is None else self.files.root
        self.log_lines: Sequence[str] = ()
        self._log_revision = 0
        self.failures: list[tuple[str, Exception]] = []
        self.ids: list[str] = []
        self.message: tuple[str, str] | None = None
        self._message_until = 0.0
        self._clock = clock
        self._hz = hz or (SLOW_HZ if "SSH_CONNECTION" in os.environ else FRAME_HZ)
        self._held: list[Batch] = []
        self._turns = -1
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
        # The threads that read give way to keys sooner than Python's 5 ms.
        sys.setswitchinterval(SWITCH_SECONDS)
        self.source.start()
        self.reader.start()
        self._count_bytes()
        self._timer = self.set_interval(1 / self._hz, self._turn)
        self._turn()

    def on_unmount(self) -> None:
        """End the threads."""
        self.source.stop()
        self.reader.stop()
        self.analyst.stop()

    def _count_bytes(self) -> None:
        driver = self._driver
        if driver is not None:
            write = driver.write

            def counted(data: str) -> None:
                self.meter.wrote(len(data))
                write(data)

            driver.write = counted  # type: ignore[method-assign]

    async def on_event(self, event: events.Event) -> None:
        """Note when keys come, for the meter."""
        if isinstance(event, events.Key):
            self.meter.key()
        await super().on_event(event)

    def _turn(self) -> None:
        self._turns += 1
        if not self.app_focus and self._turns % AWAY:
            return
        begun = time.perf_counter()
        self._take_in()
        if self.message and self._clock() > self._message_until:
            self.message = None
        screen = self.board
        if screen is not None:
            screen.update_panes(self._turns)
        self.meter.queue = getattr(self.source, "waiting", 0)
        self.meter.tick(time.perf_counter() - begun)
        if self.source.loading is not None:
            self.set_timer(0.02, self._turn, name="loading")
        elif not self._settled:
            self._settled = True
            # What has been read stays: the collector need not walk through it again, which takes longer than a key may.
            gc.freeze()
            gc.set_threshold(*RARE_COLLECTIONS)

    _settled = False

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
        mode = self.current_mode
        if mode == "log":
            lines = self.source.log()
            if lines is not None:
                self.log_lines = lines
                self._log_revision += 1
        elif mode == "classes":
            self._wish()

    def _wish(self) -> None:
        """Ask for the doubts that the screen shows: those of the last epoch first."""
        model = self.store.model(self.view.cursor)
        if model is None or not self.store.record.attributes:
            return
        reports = self.frame(0, 0).reports_of(model.id)
        key = (model.id, len(reports))
        if key == self._wished:
            return
        self._wished = key
        names = gap_names(self.frame(0, 0))
        latest = reports[::-1][:MOST_DOUBTS]
        self.analyst.want([((model.id, report.epoch, name), report) for report in latest for name in names])

    _wished: tuple[str, int] | None = None

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
            doubts=self.analyst.found,
            loading=self.source.loading,
            error="the run directory is gone" if self.source.health.gone and not self.store.reports else "",
            now=self.source.now(),
        )

    def pane_key(self, depends: str) -> tuple[Hashable, ...]:
        """Return what a pane's contents depend on."""
        shared = (
            self.view.revision,
            self._order_revision,
            self.source.loading is None,
            self.source.health.gone,
        )
        if depends == "reports":
            cursor = self.store.model(self.view.cursor)
            return (
                *shared,
                self.reader.revision,
                self.analyst.revision,
                0 if cursor is None else cursor.epoch,
            )
        if depends == "log":
            return (*shared, self._log_revision)
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
        return tuple(pane.title for pane in board.panes), board.active

    # ---- acting ----

    def say(self, text: str, style: str = "accent") -> None:
        """Show a message in the footer for a while."""
        self.message = (text, style)
        self._message_until = self._clock() + MESSAGE_SECONDS

    def repaint(self) -> None:
        """Repaint what has changed, now."""
        board = self.board
        if board is not None:
            board.answer()
            if self._after is None:
                self._after = self.set_timer(AFTER_SECONDS, self._rest, name="rest")

    _after: Timer | None = None

    def _rest(self) -> None:
        self._after = None
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
        board = self.board
        if board is not None and abs(by) == 1:
            if self.view.crosshair and board.pane.pane_name not in ("table", *SCROLLED):
                self._nudge(0, -by)
                return
            if board.pane.pane_name == "log":
                self._scroll(board.pane, by)
                return
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

    def action_sort(self, by: int) -> None:
        """Sort by the next column."""
        names = columns(self.store)
        at = names.index(self.view.sort) if self.view.sort in names else 0
        self.view.sort = names[(at + by) % len(names)]
        # The better end first: that is what one sorts for.
        self.view.descending = (
            self.view.sort in self.store.measures and self.store.direction(self.view.sort) == "max"
        )
        self._resorted()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.view.descending = not self.view.descending
        self._resorted()

    def _resorted(self) -> None:
        self.view.changed()
        self._sort(now=True)
        self.say(f"sorted by {self.view.sort}, {'largest' if self.view.descending else 'smallest'} first")
        self.repaint()

    def action_page(self, by: int) -> None:
        """Move by a page."""
        board = self.board
        if board is not None:
            self._scroll(board.pane, by * max(1, board.pane.size.height - 3))

    def action_end(self, by: int) -> None:
        """Go to the first or the last."""
        board = self.board
        if board is not None and board.pane.pane_name in SCROLLED:
            self._scroll(board.pane, by * 1_000_000)
        else:
            self.action_move(by * 1_000_000)

    def scroll_pane(self, pane: Pane, by: int) -> None:
        """Scroll a pane's list, or move the cursor."""
        self._scroll(pane, by)

    def _scroll(self, pane: Pane, by: int) -> None:
        if pane.pane_name not in SCROLLED:
            self.action_move(by)
            return
        sign = -1 if pane.pane_name == "log" else 1  # the log is read from its end
        limit = len(self.log_lines) if pane.pane_name == "log" else len(self.store.record.classes) ** 2
        at = self.view.scroll.get(pane.pane_name, 0) + sign * by
        self.view.scroll[pane.pane_name] = max(0, min(at, limit))
        self.view.changed()
        self.repaint()

    def clicked(self, pane: Pane, x: int, y: int) -> None:
        """Put the cursor on the trial that was clicked."""
        if pane.pane_name != "table":
            return
        frame = self.frame(pane.size.width, pane.size.height)
        rows = visible(frame, self.ids)
        row = y - pane.gutter.top - 1
        if 0 <= row < len(rows):
            self.view.follow = False
            self._move_to(rows[row])
            self.repaint()

    def action_follow(self) -> None:
        """Let the cursor follow the reports, or not."""
        self.view.follow = not self.view.follow
        if self.view.follow and self.store.newest:
            self._move_to(self.store.newest)
        self.say("the cursor follows the newest report" if self.view.follow else "the cursor stays")
        self.view.changed()
        self.repaint()

    def action_select(self) -> None:
        """Compare the trial under the cursor, or not."""
        self._choose(self.view.toggle_selected)

    def action_pin(self) -> None:
        """Pin the trial under the cursor, or not."""
        self._choose(self.view.toggle_pinned)
        self._sort(now=True)
        self.repaint()

    def _choose(self, toggle: Callable[[str], bool]) -> None:
        if self.view.cursor is None:
            return
        self.view.follow = False
        if not toggle(self.view.cursor):
            self.say(f"{COMPARED} are compared already: esc clears the selection", "warn")
        self.repaint()

    def action_detail(self) -> None:
        """Show all that is known of the trial under the cursor."""
        model = self.store.model(self.view.cursor)
        if model is not None:
            self.push_screen(Detail(model))

    def action_leave(self) -> None:
        """Leave what is open, the innermost first."""
        board = self.board
        if board is not None and board.maximised_pane:
            self.action_maximise()
        elif self.view.crosshair:
            self.action_crosshair()
        elif self.view.filter:
            self.set_filter("")
        elif self.view.selected:
            self.view.selected.clear()
            self.view.changed()
        elif self.view.scroll or self.view.zoom:
            self.action_zoom(0)
        self.repaint()

    def action_maximise(self) -> None:
        """Give the pane the whole screen, or take it back."""
        board = self.board
        if board is not None:
            board.maximised_pane = not board.maximised_pane
            board.lay_out()
            self.repaint()

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Help())

    def action_filter(self) -> None:
        """Ask for a filter; it acts as it is typed."""
        before = self.view.filter

        def ended(text: str | None) -> None:
            self.set_filter(before if text is None else text)
            self.repaint()

        hint = "state:running  pair:lenet5  T>=4  eod<0.05  front  !failed     tab completes, enter keeps, esc leaves"
        prompt = Prompt(
            "Filter",
            self.look.text(hint),
            value=before,
            check=self._try_filter,
            complete=lambda t: complete(t, self.store),
        )
        self.push_screen(prompt, ended)

    def _try_filter(self, text: str) -> str:
        wrong = self.set_filter(text)
        self.repaint()
        return wrong

    def action_measure(self, by: int) -> None:
        """Show the next measure."""
        measures = self.store.measures
        self.view.measure = (self.view.measure + by) % len(measures)
        self.say(f"measure: {measures[self.view.measure]}")
        self.view.changed()
        self.repaint()

    def action_parameter(self, by: int) -> None:
        """Slice by the next setting."""
        self.view.parameter = (self.view.parameter + by) % max(1, len(self.store.varied))
        self.view.changed()
        self.repaint()

    def action_reference(self) -> None:
        """Take class bias against the other reference."""
        self.view.reference = "nds" if self.view.reference == "teacher" else "teacher"
        self.say(
            "class bias is ranked against the "
            + ("teacher" if self.view.reference == "teacher" else "non-distilled student")
        )
        self.view.changed()
        self.repaint()

    # ---- charts ----

    def _place(self) -> str:
        return self.board.pane.place if self.board is not None else EPOCH

    def action_crosshair(self) -> None:
        """Turn the cross-hair on or off."""
        self.view.crosshair = not self.view.crosshair
        self.view.changed()
        if self.view.crosshair:
            self.say("cross-hair: arrow keys move it, i puts it away")
        self.repaint()

    def action_sideways(self, by: int) -> None:
        """Move the cross-hair, or a zoomed chart, sideways."""
        self._nudge(by, 0)

    def _nudge(self, dx: int, dy: int) -> None:
        board = self.board
        if board is None:
            return
        place = self._place()
        if self.view.crosshair:
            x, y = self.view.cross.get(place, (0.5, 0.5))
            width, height = board.pane.size
            x = min(1.0, max(0.0, x + dx / max(1, width - 8)))
            y = min(1.0, max(0.0, y + dy / max(1, height - 4)))
            self.view.cross[place] = (x, y)
        elif place in self.view.zoom:
            zoom = self.view.zoom[place]
            half = 0.5 / zoom.factor
            zoom.x = min(1 - half, max(half, zoom.x + dx * 0.1 / zoom.factor))
            zoom.y = min(1 - half, max(half, zoom.y + dy * 0.1 / zoom.factor))
        self.view.changed()
        self.repaint()

    def action_zoom(self, by: int) -> None:
        """Zoom in, out, or show the whole."""
        place = self._place()
        if by == 0:
            self.view.zoom.pop(place, None)
            self.view.scroll = {k: v for k, v in self.view.scroll.items() if k == "table"}
        else:
            zoom = self.view.zoom.setdefault(place, Zoom())
            if by > 0 and self.view.crosshair:
                half = 0.5 / zoom.factor
                x, y = self.view.cross.get(place, (0.5, 0.5))
                zoom.x, zoom.y = zoom.x - half + 2 * half * x, zoom.y - half + 2 * half * y
                self.view.cross[place] = (0.5, 0.5)
            zoom.factor = min(64.0, max(1.0, zoom.factor * (1.5 if by > 0 else 1 / 1.5)))
            half = 0.5 / zoom.factor
            zoom.x, zoom.y = min(1 - half, max(half, zoom.x)), min(1 - half, max(half, zoom.y))
            if zoom.factor == 1.0:
                self.view.zoom.pop(place)
        self.view.changed()
        self.repaint()

    def action_log(self) -> None:
        """Turn the logarithmic axis on or off; twice in a row copies the pane's numbers instead."""
        name = self.board.pane.pane_name if self.board is not None else ""
        self.view.log ^= {name}
        moment = self._clock()
        if moment - self._log_pressed < DOUBLE_SECONDS:
            self._log_pressed = float("-inf")
            self._copy()
        else:
            self._log_pressed = moment
        self.view.changed()
        self.repaint()

    _log_pressed = float("-inf")

    def _copy(self) -> None:
        board = self.board
        if board is None:
            return
        pane = board.pane
        text = "\n".join(line.rstrip() for line in pane.draw(*pane.size).lines()).strip("\n")
        self.copy_to_clipboard(text + "\n")
        self.say(f"copied {pane.title.lower()}, {len(text.splitlines())} lines")

    def action_smooth(self) -> None:
        """Smooth curves more, or not at all again."""
        self.view.smoothing = (self.view.smoothing + 1) % 4
        self.view.changed()
        self.repaint()

    # ---- time ----

    def action_pause(self) -> None:
        """Hold the view, or let it go on."""
        if isinstance(self.source, Replay):
            self.source.running = not self.source.running
        else:
            self.view.paused = not self.view.paused
            if not self.view.paused:
                held, self._held = self._held, []
                for batch in held:
                    self._apply(batch)
        self.view.changed()
        self._turn()

    def action_step(self, by: int) -> None:
        """Go a report on or back in a replay."""
        if isinstance(self.source, Replay):
            self.source.step(by)
            self._turn()
        else:
            self.say("only a replay can step: kdtune watch --replay", "dim")

    def action_seek(self) -> None:
        """Ask for a moment, and go there."""
        source = self.source
        if not isinstance(source, Replay):
            self.say("only a replay can seek: kdtune watch --replay", "dim")
            return

        def ended(text: str | None) -> None:
            if text and (place := seek_place(text, source.length)) is not None:
                source.seek(place)
                self._turn()

        def check(text: str) -> str:
            return "" if not text or seek_place(text, source.length) is not None else f"{text!r} is no moment"

        hint = f"50%, or a time from the start as in 3:20 (the run took {duration(source.length)})"
        self.push_screen(Prompt("Seek", hint, check=check), ended)

    # ---- the run ----

    def action_export(self) -> None:
        """Copy the command that exports the front."""
        command = f"kdtune export {shlex.quote(str(self.run_path or self.store.record.name))}"
        self.copy_to_clipboard(command)
        self.say(f"copied: {command}", "good")
        self.repaint()

    def action_shot(self) -> None:
        """Write the screen to a file."""
        try:
            path = self.save_screenshot(
                filename=f"kdtune-{self.store.record.name}-{self.current_mode}-{int(time.time())}.svg"
            )
        except OSError as error:
            self.say(f"no screenshot: {error}", "bad")
        else:
            self.say(f"wrote {path}", "good")
        self.repaint()

    def action_meter(self) -> None:
        """Show how fast the monitor itself is."""
        self.meter.shown = not self.meter.shown
        self.repaint()

    def action_detach(self) -> None:
        """Leave; the sweep goes on."""
        self.exit()

    def action_stop_run(self) -> None:
        """Ask the sweep to stop, after a typed confirmation."""
        files = self.files
        state = self.state_name()
        if self.readonly:
            self.say("opened read-only: the sweep can't be stopped from here", "warn")
        elif files is None or self.is_replay:
            self.say("nothing to stop: this is a replay", "dim")
        elif state not in ("preparing", "running"):
            self.say(f"nothing to stop: the run is {state}", "dim")
        else:

            def ended(word: str | None) -> None:
                if word is None:
                    self.say("not stopped")
                else:
                    try:
                        request_stop(files, "now" if word == "now" else "clean")
                        self.say("asked the sweep to stop", "warn")
                    except OSError as error:
                        self.say(f"could not ask it to stop: {error}", "bad")
                self.repaint()

            self.push_screen(ConfirmStop(self.store.record.name), ended)
            return
        self.repaint()


def seek_place(text: str, length: float) -> float | None:
    """Return the share of a run's time that `50%`, `90` (seconds) or `3:20` means; None where it means nothing."""
    text = text.strip()
    try:
        if text.endswith("%"):
            place = float(text[:-1]) / 100
        else:
            seconds = 0.0
            for part in text.split(":"):
                seconds = 60 * seconds + float(part)
            place = seconds / length if length > 0 else 1.0
    except ValueError:
        return None
    return place if 0 <= place <= 1 else None


def _await_record(run: str | Path | None, base: Path | None) -> None:
    """Wait while a driver is at work in a run's folder that has no record yet: a sweep that has just begun."""
    if run is None:
        return
    folder = next((path for path in (runs_folder(base) / run, Path(run)) if path.is_dir()), None)
    if folder is None:
        return
    files = RunFiles(folder)
    limit = time.monotonic() + STARTING_SECONDS
    said = False
    while not files.record.exists() and time.monotonic() < limit:
        if is_driven(files):
            limit = time.monotonic() + STARTING_SECONDS
        if not said:
            print(f"kdtune: {folder.name} is being prepared ...", file=sys.stderr, flush=True)
            said = True
        time.sleep(0.2)


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

    Without a terminal it raises; `kdtune status` says the same in plain text.

    Args:
        run: name or path.
        runs_dir: where runs are kept.
        replay: play the run again from its start, `speed` times as fast.
        readonly: the sweep can't be stopped from here.
        ascii: nothing but ASCII; also where the locale can't do more.
        serve: in a browser, through textual-serve.
        theme: one of Textual's themes, `kdtune-dark` or `kdtune-light`.

    Raises:
        RunError: there is no such run, its record is damaged, or a newer kdtune wrote it.
        InputError: the theme is unknown, the speed not above 0, or standard output is no terminal.
    """
    from kdtune.runs.reader import open_run

    if not speed > 0:
        raise InputError(f"speed {speed:g}: must be above 0")
    themes = [*BUILTIN_THEMES, *(found.name for found in THEMES)]
    if theme is not None and theme not in themes:
        raise InputError(
            f"no theme {theme!r}{did_you_mean(theme, themes)} (there are: {', '.join(sorted(themes))})"
        )
    _await_record(run, runs_dir)
    opened = open_run(run, runs_dir=runs_dir)
    if serve:
        from tui.serve import serve_run

        return serve_run(opened.path, replay=replay, speed=speed, readonly=readonly, theme=theme)
    driven = "TEXTUAL_DRIVER" in os.environ  # textual-serve: the browser is the terminal
    if not driven and not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise InputError(
            f"the monitor needs a terminal: 'kdtune status {opened.name}' says the same in plain text"
        )
    source: Source
    source = Replay(opened.files, opened.record, speed) if replay else LiveSource(opened.files, opened.record)
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    look = Look(
        ascii=ascii or not (driven or encoding.startswith("utf")),
        mono=os.environ.get("TERM", "") in ("dumb", "vt100"),
    )
    app = Monitor(source, look=look, readonly=readonly, theme=theme)
    app.run()
    return app.return_code or 0
