"""A clock of the time at work: it counts neither the time while the machine slept nor a step of the wall clock."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

LONGEST_TICK = 5.0
"""Seconds between two ticks that count as work; a process that did not run for longer was suspended."""

_TICK_SECONDS = 1.0


class WorkClock:
    """Counts the seconds in which this process could work.

    A system's monotonic clock knows no steps and, on Linux and macOS, no sleep of the machine; but it goes on while a
    process is stopped, and a virtual machine may be paused. So time is counted in ticks, and what a tick has beyond
    `LONGEST_TICK` does not count.

    Args:
        steady, wall: the clocks of the system, in seconds.
    """

    def __init__(
        self, steady: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._steady = steady
        self._wall = wall
        self._lock = threading.Lock()
        self._last = steady()
        self._begun = wall()
        self._worked = 0.0

    def now(self) -> float:
        """Return the seconds of work since the clock was made; this is a tick."""
        with self._lock:
            last, self._last = self._last, self._steady()
            self._worked += min(max(self._last - last, 0.0), LONGEST_TICK)
            return self._worked

    def away(self) -> float:
        """Return by how many seconds the wall clock is ahead of the work; below 0 if it was set back."""
        return self._wall() - self._begun - self.now()

    @contextlib.contextmanager
    def ticking(self) -> Iterator[None]:
        """Tick until the block ends, in a thread, so that a long call elsewhere is not taken for a sleep."""
        ended = threading.Event()

        def tick() -> None:
            while not ended.wait(_TICK_SECONDS):
                self.now()

        thread = threading.Thread(target=tick, name="kdtune-clock", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=5)
