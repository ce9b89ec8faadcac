"""Where events come from: a run that grows, a run played again, a made-up one. Threads read; nobody here draws."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kdtune.runs.files import RunFiles
from kdtune.runs.jsonl import Record, Tail
from kdtune.runs.lock import LOST_AFTER_SECONDS, driver_seems_alive, last_heartbeat, requested_stop
from kdtune.runs.records import Report, RunRecord
from kdtune.runs.state import fold
from tui.text import plain

POLL_SECONDS = 0.1
BLOCK_BYTES = 384 * 1024
"""Read at a time: about 1,000 reports, some 10 ms of parsing."""

WAITING_BLOCKS = 6
"""Blocks read ahead of the view; beyond, the reader waits."""

LOG_BYTES = 256 * 1024
LOG_LINES = 5_000


@dataclass(frozen=True)
class Health:
    """What the run directory says of its driver.

    Attributes:
        lost: no sign of life for too long.
        gone: the run directory is not there any more.
        stopping: a stop was requested and not yet obeyed.
    """

    lost: bool = False
    gone: bool = False
    stopping: bool = False


@dataclass(frozen=True)
class Batch:
    """Events since the last one; with `reset` everything known before is void."""

    events: Sequence[Record]
    reset: bool = False


class Source(Protocol):
    """Gives events as they come.

    Attributes:
        record: what the run was asked for.
        loading: share of what lay there at the start that has been read; None when all has.
        skipped: lines that were not JSON.
    """

    record: RunRecord
    loading: float | None
    skipped: int

    @property
    def health(self) -> Health:
        """How the driver is."""
        ...

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End; threads are gone when it returns."""
        ...

    def drain(self) -> Batch | None:
        """Return the next events, None if there are none now."""
        ...

    def now(self) -> float:
        """Return the time of what is shown, seconds since 1970."""
        ...

    def reports(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return a model's full reports, None if they are the same as `have`; called in a thread."""
        ...

    def log(self) -> Sequence[str] | None:
        """Return the driver's log, None if nothing was added since the last call."""
        ...


class Live:
    """A run directory, followed by a thread."""

    def __init__(self, files: RunFiles, record: RunRecord) -> None:
        self.files = files
        self.record = record
        self.loading: float | None = 0.0
        self.skipped = 0
        self._health = Health()
        self._tail = Tail(files.events)
        self._blocks: deque[Batch] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._tails: dict[str, Tail] = {}
        self._log_tail = _TextTail(files)

    @property
    def health(self) -> Health:
        """How the driver is."""
        return self._health

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def now(self) -> float:
        """Return the time."""
        return time.time()

    def drain(self) -> Batch | None:
        """Return one block of events."""
        try:
            batch = self._blocks.popleft()
        except IndexError:
            return None
        return batch

    @property
    def waiting(self) -> int:
        """Blocks that were read and not yet taken."""
        return len(self._blocks)

    def _run(self) -> None:
        size = self._size()
        checked = 0.0
        while not self._stop.is_set():
            events: list[Record] = []
            if len(self._blocks) < WAITING_BLOCKS:
                events = self._read()
            if events:
                self.loading = None if self._tail.offset >= size else self._tail.offset / size
                # The interpreter's lock goes to the view between blocks.
                self._stop.wait(0.001)
                continue
            if not self._blocks:
                self.loading = None
            if time.monotonic() - checked > (5.0 if self._health.lost else 1.0):
                self._health = self._examine()
                checked = time.monotonic()
            self._stop.wait(POLL_SECONDS)

    def _size(self) -> int:
        try:
            return max(1, self.files.events.stat().st_size)
        except OSError:
            return 1

    def _read(self) -> list[Record]:
        before = self._tail.offset
        try:
            if self._tail.offset == self.files.events.stat().st_size:
                return []
            events = self._tail.read(max_bytes=BLOCK_BYTES)
        except OSError:
            return []
        self.skipped = self._tail.skipped
        again = self._tail.offset < before
        if again:  # cut off or replaced: what was read is void
            self._tail = Tail(self.files.events)
            try:
                events = self._tail.read(max_bytes=BLOCK_BYTES)
            except OSError:  # gone in the meantime: the health check says so
                return []
        if events:
            self._blocks.append(Batch(events, reset=again))
        return events

    def _examine(self) -> Health:
        if not self.files.record.exists():
            return Health(gone=True)
        beat = last_heartbeat(self.files)
        lost = False
        if beat is None or beat.age > LOST_AFTER_SECONDS:
            # Only now: looking at the lock holds it for an instant, and a driver that starts must not stumble.
            with contextlib.suppress(OSError):
                lost = not driver_seems_alive(self.files)
        return Health(lost=lost, stopping=requested_stop(self.files) is not None)

    def reports(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return the full reports, reading only what was added."""
        return _reports(self.files, self._tails, model_id, have)

    def log(self) -> Sequence[str] | None:
        """Return the driver's log."""
        return self._log_tail.read()


def _reports(
    files: RunFiles, tails: dict[str, Tail], model_id: str, have: Sequence[Report]
) -> Sequence[Report] | None:
    from kdtune.errors import KdtuneError

    tail = tails.get(model_id)
    if tail is None or not have:
        tail = tails[model_id] = Tail(files.reports(model_id))
    try:
        records = tail.read()
    except OSError:
        return None
    if not records:
        return None
    found = list(have)
    for record in records:
        try:
            report = Report.from_dict(record)
        except KdtuneError:
            continue
        # A resumed trial may report an epoch again: the later one holds.
        while found and found[-1].epoch >= report.epoch:
            found.pop()
        found.append(report)
    return found


class _TextTail:
    """The end of the driver's log, as lines that can't drive the terminal."""

    def __init__(self, files: RunFiles) -> None:
        self.path = files.log
        self.offset: int | None = None
        self.rest = b""
        self.lines: deque[str] = deque(maxlen=LOG_LINES)

    def read(self) -> Sequence[str] | None:
        try:
            size = self.path.stat().st_size
            if self.offset is None:
                self.offset = max(0, size - LOG_BYTES)
            if size == self.offset:
                return None
            if size < self.offset:
                self.offset, self.rest = 0, b""
                self.lines.clear()
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                block = file.read(LOG_BYTES)
        except OSError:
            return None
        self.offset += len(block)
        *whole, self.rest = (self.rest + block).split(b"\n")
        self.lines.extend(plain(line.decode("utf-8", "replace").rpartition("\r")[2]) for line in whole)
        return list(self.lines)


class Replay:
    """A run played again: its events by their own clock, `speed` times as fast; long silences are skipped."""

    SILENCE = 3.0
    """Seconds, as the viewer's clock goes, after which a silence is cut short."""

    def __init__(self, files: RunFiles, record: RunRecord, speed: float = 20.0) -> None:
        self.files = files
        self.record = record
        self.speed = speed
        self.loading: float | None = 0.0
        self.skipped = 0
        self.health = Health()
        self.running = True
        self._events: list[Record] = []
        self._times: list[float] = []
        self._at = 0
        self._reset = False
        self._time = 0.0
        self._last = time.monotonic()
        self._tails: dict[str, Tail] = {}
        self._log_tail = _TextTail(files)
        self._thread = threading.Thread(target=self._load, name="replay", daemon=True)
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _load(self) -> None:
        tail = Tail(self.files.events)
        events: list[Record] = []
        times: list[float] = []
        try:
            size = max(1, self.files.events.stat().st_size)
            while not self._stop.is_set() and (block := tail.read(max_bytes=BLOCK_BYTES)):
                for event in block:
                    when = event.get("t")
                    if isinstance(when, int | float):
                        # A clock that was set back must not stop the replay.
                        times.append(max(float(when), times[-1] if times else 0.0))
                        events.append(event)
                self.loading = min(0.99, tail.offset / size)
                time.sleep(0.001)
        except OSError:
            pass
        self.skipped = tail.skipped
        self._events, self._times = events, times
        self._time = times[0] if times else 0.0
        self._last = time.monotonic()
        self.loading = None

    def now(self) -> float:
        """Return the time within the run."""
        return self._time

    @property
    def place(self) -> float:
        """How far the replay has come, 0 to 1."""
        if not self._times or self._times[-1] == self._times[0]:
            return 1.0
        return min(1.0, (self._time - self._times[0]) / (self._times[-1] - self._times[0]))

    @property
    def length(self) -> float:
        """Seconds from the first event to the last."""
        return self._times[-1] - self._times[0] if self._times else 0.0

    @property
    def ended(self) -> bool:
        """Nothing is left to play."""
        return self.loading is None and self._at >= len(self._events)

    def drain(self) -> Batch | None:
        """Return what happened since the last call, by the replay's clock."""
        moment = time.monotonic()
        passed, self._last = moment - self._last, moment
        if self.loading is not None:
            return None
        if self.running and not self.ended:
            self._time += passed * self.speed
            ahead = self._times[self._at]
            if ahead - self._time > self.SILENCE * self.speed:
                self._time = ahead - 0.2 * self.speed
        start = self._at
        while self._at < len(self._events) and self._times[self._at] <= self._time:
            self._at += 1
        reset, self._reset = self._reset, False
        if start == self._at and not reset:
            return None
        return Batch(self._events[start : self._at], reset=reset)

    def seek(self, place: float) -> None:
        """Go to a share of the run's time."""
        if self._times:
            self._go(self._times[0] + max(0.0, min(1.0, place)) * (self._times[-1] - self._times[0]))

    def step(self, by: int) -> None:
        """Go on, or back, by so many reports, and stand still there."""
        self.running = False
        at = self._at
        while by > 0 and at < len(self._events):
            by -= self._events[at].get("kind") == "report"
            at += 1
        while by < 0 and at > 0:
            at -= 1
            by += self._events[at].get("kind") == "report"
        if at == 0:
            self._go(self._times[0] - 1e-6 if self._times else 0.0)
        else:
            self._go(self._times[at - 1], at)

    def _go(self, moment: float, at: int | None = None) -> None:
        import bisect

        target = bisect.bisect_right(self._times, moment) if at is None else at
        if target < self._at:
            self._reset = True
            self._at = 0
        self._time = moment

    def reports(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return the full reports; charts show them as far as the replay has come."""
        return _reports(self.files, self._tails, model_id, have)

    def log(self) -> Sequence[str] | None:
        """Return the driver's log."""
        return self._log_tail.read()


def is_over(files: RunFiles) -> bool:
    """Tell whether a run has ended for good."""
    return fold(Tail(files.events).read()).state in ("finished", "stopped", "failed")
