"""The driver's signs of life: it writes its heartbeat and listens for requests to stop."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from kdtune.runs.lock import HEARTBEAT_SECONDS, beat, requested_stop
from kdtune.runs.paths import RunFiles

_POLL_SECONDS = 0.25
EXIT_AT_ONCE = 130


class Liveness:
    """Writes heartbeats while the sweep runs and notes requests to stop: by signal, or by the run's stop file.

    The first request stops cleanly; the second, or a request for `now`, ends the process at once. Nothing is lost
    either way: checkpoints are intact, and a resumed sweep continues from them.
    """

    def __init__(self, files: RunFiles) -> None:
        self._files = files
        self._asked = threading.Event()
        self._ended = threading.Event()

    def stopping(self) -> bool:
        """Return whether a stop was asked for."""
        return self._asked.is_set()

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Write heartbeats and listen until the block ends; signals arrive in the main thread only.

        A request that is already there counts: it came while this process was starting.
        """
        beat(self._files)
        thread = threading.Thread(target=self._loop, name="kdtune-liveness", daemon=True)
        thread.start()
        before = self.listen()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._ended.set()
            thread.join(timeout=2)
            self._files.stop_request.unlink(missing_ok=True)

    def listen(self) -> dict[signal.Signals, Any]:
        """Take over the signals, and return who had them; again where a library has taken them, as Ray does."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._hear("now" if self._asked.is_set() else "clean")

    def _hear(self, mode: str) -> None:
        self._asked.set()
        if mode == "now":
            os._exit(EXIT_AT_ONCE)

    def _loop(self) -> None:
        waited = 0.0
        while not self._ended.wait(_POLL_SECONDS):
            waited += _POLL_SECONDS
            with contextlib.suppress(OSError):
                mode = requested_stop(self._files)
                if mode is not None:
                    self._hear(mode)
                if waited >= HEARTBEAT_SECONDS:
                    waited = 0.0
                    beat(self._files)
