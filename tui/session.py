"""One person's session with one run: everything that a front end needs besides drawing and keys.

It knows nothing of Textual; the app updates it by its clock.
"""

import socket
import time
from collections.abc import Callable, Hashable, Mapping, Sequence

from kdtune.runs.paths import RunFiles

from .background.intervals import BackgroundIntervals
from .background.machine import Meters
from .background.questions import Wish
from .background.reading import Reader
from .charts.frame import Frame
from .drawing.glyphs import Glyphs
from .meter import Meter
from .sources import Batch, Replay, Source
from .state.filter import Filter, FilterError, parse, split
from .state.order import ordered
from .state.store import Store
from .state.view import View

DRAIN_SECONDS = 0.04
"""Most time to apply events in a frame; the rest waits for the next frame, so that keys never wait."""

SORT_SECONDS = 2.0
"""Time between two sorts of the table while reports come in."""

MESSAGE_SECONDS = 4.0
"""Time for which a message stays in the footer."""

WishOf = Callable[[Frame], Wish | None]
"""Returns what a chart wants computed, None where that is nothing."""


class Session:
    """A run, and what a person has chosen to see of it.

    Attributes:
        files: the run directory; None for a made-up run.
        ids: ids of the trials that the filter lets through, in the order of the table.
        message: the latest message and its style; None once it has been shown long enough.
        log_lines: the driver's log, as of the last time that a screen showed it.
    """

    def __init__(
        self,
        source: Source,
        *,
        glyphs: Glyphs | None = None,
        readonly: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self.store = Store(source.record)
        self.view = View()
        self.glyphs = glyphs or Glyphs()
        self.readonly = readonly
        self.meter = Meter()
        self.reader = Reader(source)
        self.intervals = BackgroundIntervals(list(source.record.attributes), source.report)
        self.meters = Meters()
        self.files: RunFiles | None = getattr(source, "files", None)
        self.ids: list[str] = []
        self.message: tuple[str, str] | None = None
        self.log_lines: Sequence[str] = ()
        self._log_revision = 0
        self._message_until = 0.0
        self._clock = clock
        self._filter: Filter | None = None
        self._sorted_at = 0.0
        self._sorted_count = -1
        self._sorted_key: Hashable = None
        self._order_revision = 0
        self._asked: Sequence[Hashable] = ()

    def start(self) -> None:
        """Start to read."""
        self.source.start()
        self.reader.start()

    def stop(self) -> None:
        """End the threads."""
        self.source.stop()
        self.reader.stop()
        self.intervals.stop()

    @property
    def name(self) -> str:
        """The run's name: that of its folder, which may be a copy of another run's."""
        return self.store.record.name if self.files is None else self.files.name

    @property
    def is_replay(self) -> bool:
        """Whether a run is played again."""
        return isinstance(self.source, Replay)

    # ---- what has been read ----

    def update(self, wishes: Sequence[WishOf] = (), *, log: bool = False, machine: bool = False) -> None:
        """Apply what the source has read since the last time, and ask for what the screen needs.

        Args:
            wishes: what the charts on the screen want computed.
            log: whether the screen shows the driver's log.
            machine: whether it shows what the machine does.
        """
        if self.source.record is not self.store.record:
            self.store.renew(self.source.record)
        limit = time.perf_counter() + DRAIN_SECONDS
        while time.perf_counter() < limit and (batch := self.source.drain()) is not None:
            self._apply(batch)
        dirty = self.store.pop_dirty()
        if dirty and self.view.follow and self.store.newest:
            self.move_to(self.store.newest)
        self.sort()
        self.reader.want(self._looked_at(), dirty)
        if log and (lines := self.source.log()) is not None:
            self.log_lines = lines
            self._log_revision += 1
        if machine and not self.is_replay:
            self.meters.measure()
        self._ask(wishes)
        if self.message and self._clock() > self._message_until:
            self.message = None

    def _apply(self, batch: Batch) -> None:
        if batch.reset:
            store = Store(self.store.record)
            # Revisions must never repeat, because equal ones mean equal contents to the widgets.
            store.raw = self.store.raw
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

    def _ask(self, wishes: Sequence[WishOf]) -> None:
        """Ask for what the charts want computed, unless it is what they wanted last."""
        frame = self.frame(0, 0)
        wanted = [wish for wish_of in wishes if (wish := wish_of(frame)) is not None]
        states = [wish.state for wish in wanted]
        if wanted and states != self._asked:
            self._asked = states
            self.intervals.want([question for wish in wanted for question in wish.questions()])

    # ---- order and filter ----

    def sort(self, *, now: bool = False) -> None:
        """Sort the trials, now or if it is time."""
        count = len(self.store.state.trials)
        moment = self._clock()
        key = (self.store.revision, self.view.revision)
        due = moment - self._sorted_at > SORT_SECONDS and key != self._sorted_key
        if not (now or due or count != self._sorted_count):
            return
        self._sorted_at, self._sorted_count, self._sorted_key = moment, count, key
        ids = ordered(self.store, self.view, self._filter)
        if ids != self.ids:
            self.ids = ids
            self._order_revision += 1
        if self.view.cursor is None and self.ids:
            self.move_to(self.ids[0])

    def set_filter(self, text: str, *, typing: bool = False) -> str:
        """Use a filter; return what is wrong with it, empty if nothing is.

        Args:
            typing: use the terms before a last one that is wrong, because it may be half typed.
        """
        try:
            self._filter = parse(text, self.store, self.view) if text.strip() else None
        except FilterError as error:
            complete = " ".join(split(text)[:-1])
            if typing:
                self.set_filter(complete)
            return str(error)
        self.view.filter = text.strip()
        self.view.changed()
        self.sort(now=True)
        return ""

    def move_to(self, model_id: str | None) -> None:
        """Put the cursor on a model."""
        if model_id != self.view.cursor:
            self.view.cursor = model_id
            self.view.changed()

    # ---- drawing ----

    def frame(self, width: int, height: int) -> Frame:
        """Return the argument of the charts."""
        return Frame(
            store=self.store,
            view=self.view,
            width=width,
            height=height,
            glyphs=self.glyphs,
            ids=self.ids,
            ids_revision=self._order_revision,
            reports=self.reader.found,
            doubts=self.intervals.doubts,
            rankings=self.intervals.rankings,
            resolution=self.intervals.resolution,
            run=None if self.files is None else self.files.root,
            log=self.log_lines,
            loading=self.source.loading,
            error="the run directory is gone" if self.source.health.gone else self.source.health.error,
            lost=self.source.health.lost,
            now=self.source.now(),
            machine=None if self.is_replay else self.meters.latest,
            elsewhere=""
            if self.source.health.host in ("", socket.gethostname())
            else self.source.health.host,
        )

    def key(self, depends: str) -> tuple[Hashable, ...]:
        """Return the values that a picture depends on.

        Args:
            depends: `store`; `done`, the trials that have ended; `doubts`, these and intervals; `reports`, those of
                the model under the cursor; `rankings`; `machine`; `log`.
        """
        shared = (
            self.view.revision,
            self._order_revision,
            self.source.loading is None,
            self.source.health.gone,
            self.source.health.lost,
            self.source.health.error,
        )
        store, intervals = self.store, self.intervals.revision
        cursor = store.model(self.view.cursor)
        # Clocks run while nothing is reported yet.
        clock = (
            int(self.source.now()) if store.state.state == "preparing" and not self.source.health.lost else 0
        )
        more: Mapping[str, tuple[Hashable, ...]] = {
            "store": (store.revision, intervals, self.source.loading, clock),
            "done": (store.done_revision,),
            "doubts": (store.done_revision, intervals),
            "rankings": (store.done_revision, intervals),
            "reports": (self.reader.revision, intervals, 0 if cursor is None else cursor.epoch),
            "machine": (store.revision, self.meters.revision, int(self.source.now()) // 2),
            "log": (self._log_revision,),
        }
        return (*shared, *more[depends])

    def say(self, text: str, style: str = "accent") -> None:
        """Show a message in the footer for a while."""
        self.message = (text, style)
        self._message_until = self._clock() + MESSAGE_SECONDS
