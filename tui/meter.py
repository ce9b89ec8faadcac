"""Measures the monitor itself, for F12."""

import time
from collections import deque


class Meter:
    """Times of frames, charts and keys, and bytes written.

    Attributes:
        shown: whether the footer shows them.
        queue: number of batches that wait to be applied.
    """

    def __init__(self) -> None:
        self.shown = False
        self.frames: deque[float] = deque(maxlen=64)
        self.ticks: deque[float] = deque(maxlen=64)
        self.keys: deque[float] = deque(maxlen=256)
        self.charts: dict[str, float] = {}
        self.queue = 0
        self.bytes: deque[tuple[float, int]] = deque(maxlen=512)
        self._key_at: float | None = None

    def drew(self, name: str, seconds: float) -> None:
        """Note how long a chart took."""
        self.charts[name] = seconds

    def tick(self, seconds: float) -> None:
        """Note how long a turn of the frame clock took."""
        self.ticks.append(seconds)
        self.frames.append(time.monotonic())

    def key(self) -> None:
        """Note that a key was pressed."""
        if self._key_at is None:
            self._key_at = time.perf_counter()

    def wrote(self, size: int) -> None:
        """Note that so many bytes went to the terminal."""
        self.bytes.append((time.monotonic(), size))
        if self._key_at is not None:
            self.keys.append(time.perf_counter() - self._key_at)
            self._key_at = None

    def line(self) -> str:
        """Return all of it in one line, empty unless it is shown."""
        if not self.shown:
            return ""
        span = self.frames[-1] - self.frames[0] if len(self.frames) > 1 else 0.0
        rate = (len(self.frames) - 1) / span if span > 0 else 0.0
        tick = 1000 * sum(self.ticks) / len(self.ticks) if self.ticks else 0.0
        keys = sorted(self.keys)
        latency = f"key {1000 * keys[len(keys) // 2]:.0f}/{1000 * keys[-1]:.0f} ms" if keys else "key –"
        now = time.monotonic()
        sent = sum(size for at, size in self.bytes if now - at < 2.0) / 2.0
        slow = max(self.charts.items(), key=lambda item: item[1], default=("", 0.0))
        return (
            f"{rate:.1f} fps · tick {tick:.1f} ms · queue {self.queue} · {sent / 1024:.0f} KiB/s"
            f" · {latency} (median/max) · slowest {slow[0]} {1000 * slow[1]:.1f} ms"
        )
