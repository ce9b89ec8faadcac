"""A run directory that grows; a thread follows it."""

import contextlib
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from kdtune.errors import KdtuneError
from kdtune.files import open_regular
from kdtune.runs.jsonl import Tail
from kdtune.runs.lock import driver_seems_alive, last_heartbeat, requested_stop
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import Report, RunRecord

from .files import LogTail, ReportTails, one_report
from .source import Batch, Health

POLL_SECONDS = 0.1
QUIET_SECONDS, QUIET_POLL_SECONDS = 2.0, 0.3
"""A run that has written nothing for so long is polled less often."""

EXAMINE_SECONDS, LOST_EXAMINE_SECONDS = 1.0, 5.0
"""What the directory says about its driver is looked up so often; less often once the driver is lost."""

BLOCK_BYTES = 384 * 1024
"""Bytes read at a time: about 1,000 reports, which take some 10 ms to parse."""

WAITING_BLOCKS = 6
"""Most blocks that the thread reads ahead of the view."""

COUNT_BYTES = 1 << 20
"""Bytes read at a time while lines are only counted."""

COUNT_BLOCKS = 64
"""Most of these between two looks at anything else."""


class Live:
    """A run directory that a thread follows.

    During a pause the thread only counts the new lines; it reads them afterwards. The record is read again when it
    changes, because a run that is resumed may get another budget.
    """

    def __init__(self, files: RunFiles, record: RunRecord) -> None:
        self.files = files
        self.record = record
        self.loading: float | None = 0.0
        self.skipped = 0
        self.paused = False
        self._health = Health()
        self._error = ""
        self._recorded = 0
        self._tail = Tail(files.events)
        self._blocks: deque[Batch] = deque()
        self._unread = _LineCount(files.events)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._reports = ReportTails(files)
        self._log = LogTail(files)

    @property
    def health(self) -> Health:
        """What is known about the driver."""
        return self._health

    @property
    def waiting(self) -> int:
        """Number of blocks that were read and not yet drained."""
        return len(self._blocks)

    @property
    def held(self) -> int:
        """Number of events that wait for the end of the pause."""
        if not self.paused:
            return 0
        return sum(len(block.events) for block in tuple(self._blocks)) + self._unread.lines

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
        if self.paused:
            return None
        try:
            return self._blocks.popleft()
        except IndexError:
            return None

    def _run(self) -> None:
        size = self._size()
        checked = read = 0.0
        while not self._stop.is_set():
            if self.paused:
                self._unread.count(self._tail.offset)
                size = self._size()
            elif len(self._blocks) < WAITING_BLOCKS and self._read():
                self.loading = None if self._tail.offset >= size else self._tail.offset / size
                read = time.monotonic()
                # Let the view have the interpreter's lock between blocks.
                self._stop.wait(0.001)
                continue
            elif not self._blocks:
                self.loading = None
            # A lost run is looked at less often, unless another driver has begun to write.
            pause = LOST_EXAMINE_SECONDS if self._health.lost and read < checked else EXAMINE_SECONDS
            if time.monotonic() - checked > pause:
                self._health = self._examine()
                checked = time.monotonic()
            self._stop.wait(POLL_SECONDS if time.monotonic() - read < QUIET_SECONDS else QUIET_POLL_SECONDS)

    def _size(self) -> int:
        try:
            return max(1, self.files.events.stat().st_size)
        except OSError:
            return 1

    def _read(self) -> bool:
        """Read a block; return whether there was one."""
        before = self._tail.offset
        try:
            facts = self.files.events.stat()
            if not stat.S_ISREG(facts.st_mode):
                self._error = f"{self.files.events.name} can't be read: it is not a file"
                return False
            if before == facts.st_size:
                return False
            events = self._tail.read(max_bytes=BLOCK_BYTES)
            again = self._tail.offset < before
            if again:  # the file was cut off or replaced, so what was read is void
                self._tail = Tail(self.files.events)
                events = self._tail.read(max_bytes=BLOCK_BYTES)
        except FileNotFoundError:  # it does not exist yet, or no longer; `_examine` finds out
            return False
        except OSError as error:
            self._error = f"{self.files.events.name} can't be read: {error.strerror}"
            return False
        self._error = ""
        self.skipped = self._tail.skipped
        if events or again:
            self._blocks.append(Batch(events, reset=again))
        return bool(events)

    def _examine(self) -> Health:
        try:
            written = self.files.record.stat().st_mtime_ns
        except OSError:
            return Health(gone=True)
        if written != self._recorded:
            self._recorded = written
            with contextlib.suppress(KdtuneError):  # what is known stays until it can be read again
                self.record = RunRecord.read(self.files.record)
        beat = last_heartbeat(self.files)
        lost = False
        if beat is None or not beat.is_fresh:
            # Not before: this holds the lock for an instant, which could stop a driver that is just starting.
            with contextlib.suppress(OSError):
                lost = not driver_seems_alive(self.files)
        return Health(
            lost=lost,
            stopping=requested_stop(self.files) is not None,
            host="" if beat is None else beat.host,
            error=self._error,
        )

    def reports(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return the full reports, reading only what was added."""
        return self._reports.read(model_id, have)

    def report(self, model_id: str, epoch: int) -> Report | None:
        """Return one full report."""
        return one_report(self.files, model_id, epoch)

    def log(self) -> Sequence[str] | None:
        """Return the driver's log."""
        return self._log.read()


class _LineCount:
    """The number of lines that a file has beyond an offset, counted as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self._start = -1
        self._end = 0

    def count(self, start: int) -> None:
        """Count the lines added since the last call; start anew for another offset, or if the file was cut off."""
        try:
            with open_regular(self.path) as file:
                size = file.seek(0, os.SEEK_END)
                if start != self._start or size < self._end:
                    self._start, self._end, self.lines = start, min(start, size), 0
                file.seek(self._end)
                for _ in range(COUNT_BLOCKS):
                    block = file.read(COUNT_BYTES)
                    self.lines += block.count(b"\n")
                    self._end += len(block)
        except OSError:
            return
