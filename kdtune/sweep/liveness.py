"""The driver's signs of life: it writes its heartbeat and listens for requests to stop."""

import contextlib
import ctypes
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from kdtune.output import narrate
from kdtune.runs.lock import HEARTBEAT_SECONDS, beat, requested_stop
from kdtune.runs.paths import RunFiles

_POLL_SECONDS = 0.25
EXIT_AT_ONCE = 130

_CLEANLY = "stopping after the current epochs; interrupt again to stop at once"
_AT_ONCE = "stopping at once"


class StopNow(KeyboardInterrupt):
    """Raised where a process that is not ours is, because of a request to stop at once: it unwinds the sweep."""


class Liveness:
    """Writes heartbeats while the sweep runs and notes requests to stop: by signal, or by the run's stop file.

    The first request stops cleanly. The second, a request for `now`, and in a process that is not ours the first one
    before the run has a record, stop at once: our own process ends, in another one `StopNow` is raised. Nothing is
    lost either way: checkpoints are intact, and a resumed sweep continues from them.

    Args:
        own_process: whether the process is ours to end.
    """

    def __init__(self, files: RunFiles, *, own_process: bool) -> None:
        self._files = files
        self._own_process = own_process
        self._asked = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.get_ident()
        self._to_say: list[str] = []
        self.signals: list[int] = []

    def stopping(self) -> bool:
        """Return whether a stop was asked for."""
        return self._asked.is_set()

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Write heartbeats and listen until the block ends; signals arrive in the main thread only.

        A request that is already there counts: it came while this process was starting.
        """
        beat(self._files)
        self._thread = threading.get_ident()
        thread = threading.Thread(target=self._loop, name="kdtune-liveness", daemon=True)
        thread.start()
        before = self.listen()
        try:
            yield
        finally:
            self._ended.set()  # from here on a further request is only noted
            try:
                thread.join(timeout=2)
            finally:
                for number, handler in before.items():
                    signal.signal(number, signal.SIG_DFL if handler is None else handler)
            self._say()
            self._files.stop_request.unlink(missing_ok=True)

    def listen(self) -> dict[signal.Signals, Any]:
        """Take over the signals, and return who had them; again where a library has taken them, as Ray does."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signals.append(number)
        is_first = not self._asked.is_set()
        self._asked.set()
        if self._ended.is_set():
            return
        if self._own_process:
            if not is_first:
                os._exit(EXIT_AT_ONCE)
        elif is_first and self._files.record.exists():
            self._to_say.append(_CLEANLY)  # by the other thread: a handler may have interrupted a print
        else:
            self._to_say.append(_AT_ONCE)
            raise StopNow

    def _hear(self, mode: str) -> None:
        """Heed the stop file, in the other thread."""
        self._asked.set()
        if mode != "now":
            return
        if self._own_process:
            os._exit(EXIT_AT_ONCE)
        if not self._ended.is_set():
            self._files.stop_request.unlink(missing_ok=True)
            # Python raises it in the sweep's thread as soon as that is between two of its instructions.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread), ctypes.py_object(StopNow)
            )

    def _say(self) -> None:
        while self._to_say:
            narrate(self._to_say.pop(0))

    def _loop(self) -> None:
        waited = 0.0
        while not self._ended.wait(_POLL_SECONDS):
            waited += _POLL_SECONDS
            self._say()
            with contextlib.suppress(OSError):
                mode = requested_stop(self._files)
                if mode is not None:
                    self._hear(mode)
                if waited >= HEARTBEAT_SECONDS:
                    waited = 0.0
                    beat(self._files)
