"""A run that is played again."""

import bisect
import threading
import time
from collections.abc import Sequence

from kdtune.runs.jsonl import Record, Tail
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import Report, RunRecord

from .files import LogTail, ReportTails, one_report
from .live import BLOCK_BYTES
from .source import Batch, Health


class Replay:
    """A run played again from its first event, `speed` times as fast; long silences are cut short."""

    SILENCE = 3.0
    """A silence longer than so many seconds of the viewer's time is cut short."""

    def __init__(self, files: RunFiles, record: RunRecord, speed: float = 20.0) -> None:
        self.files = files
        self.record = record
        self.speed = speed
        self.loading: float | None = 0.0
        self.skipped = 0
        self.health = Health()
        self.paused = False
        self._events: list[Record] = []
        self._times: list[float] = []
        self._at = 0
        self._reset = False
        self._time = 0.0
        self._last = time.monotonic()
        self._reports = ReportTails(files)
        self._log = LogTail(files)
        self._thread = threading.Thread(target=self._load, name="replay", daemon=True)
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
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
                        # Times never fall, because a clock that was set back would stop the replay.
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
        """Return the time in the run that the replay has reached."""
        return self._time

    @property
    def held(self) -> int:
        """Nothing waits, because the replay's clock stands still during a pause."""
        return 0

    @property
    def waiting(self) -> int:
        """Nothing waits."""
        return 0

    @property
    def place(self) -> float:
        """The share of the run's time that has been played, 0 to 1."""
        if not self._times or self._times[-1] == self._times[0]:
            return 1.0
        return min(1.0, (self._time - self._times[0]) / (self._times[-1] - self._times[0]))

    @property
    def length(self) -> float:
        """Seconds from the first event to the last."""
        return self._times[-1] - self._times[0] if self._times else 0.0

    @property
    def ended(self) -> bool:
        """Whether everything has been played."""
        return self.loading is None and self._at >= len(self._events)

    def drain(self) -> Batch | None:
        """Return the events since the last call, by the replay's clock."""
        moment = time.monotonic()
        passed, self._last = moment - self._last, moment
        if self.loading is not None:
            return None
        if not self.paused and not self.ended:
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
        """Go forward (or back) by so many reports, and pause there."""
        self.paused = True
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
        target = bisect.bisect_right(self._times, moment) if at is None else at
        if target < self._at:
            self._reset = True
            self._at = 0
        self._time = moment

    def reports(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return all full reports; charts show those that the replay has reached."""
        return self._reports.read(model_id, have)

    def report(self, model_id: str, epoch: int) -> Report | None:
        """Return one full report."""
        return one_report(self.files, model_id, epoch)

    def log(self) -> Sequence[str] | None:
        """Return the driver's log."""
        return self._log.read()
