"""Computes intervals and chance floors in a process of its own: tens of milliseconds each, and keys must not wait.

Parent and child speak over a pipe, one pickled message each way at a time. The latest wish wins: what was asked
before and is not begun is dropped.
"""

import contextlib
import os
import pickle
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from kdtune.runs.records import Report
from kdtune.runs.summary import Doubt

Key = tuple[str, int, str]
"""Model, epoch, and the gap's name: `eod`, `dpd@race`."""

KEPT = 20_000


class Analyst:
    """Intervals and chance floors by (model, epoch, gap), as far as they are known.

    Attributes:
        found: what has been computed.
        revision: grows when `found` does.
    """

    def __init__(self, attributes: Sequence[str]) -> None:
        self.found: dict[Key, Doubt] = {}
        self.revision = 0
        self._attributes = list(attributes)
        self._todo: list[tuple[Key, Report]] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._failed = 0

    def want(self, wishes: Sequence[tuple[Key, Report]]) -> None:
        """Ask for these, the most important first, and for nothing else any more."""
        todo = [wish for wish in wishes if wish[0] not in self.found]
        with self._lock:
            self._todo = todo
        if todo and self._failed < 3:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="analyst", daemon=True)
                self._thread.start()
            self._wake.set()

    def stop(self) -> None:
        """End the child and the thread."""
        self._stopped = True
        self._wake.set()
        child = self._child
        if child is not None:
            child.kill()
        if self._thread is not None:
            self._thread.join(2.0)
        if child is not None:
            _close(child)

    def _run(self) -> None:
        while not self._stopped:
            with self._lock:
                wish = self._todo.pop(0) if self._todo else None
                if wish is None:
                    self._wake.clear()
            if wish is None:
                self._wake.wait()
                continue
            try:
                doubt = self._ask(*wish)
            except (OSError, EOFError, ValueError, pickle.PickleError, struct.error):
                self._failed += 1
                self._drop()
                if self._failed >= 3:
                    return
                continue
            if doubt is not None:
                if len(self.found) > KEPT:
                    self.found = {}
                self.found[wish[0]] = doubt
                self.revision += 1

    def _ask(self, key: Key, report: Report) -> Doubt | None:
        if self._child is None:
            self._child = _start()
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        _send(child.stdin, (key[2], self._attributes, report))
        answer = _receive(child.stdout)
        return answer if isinstance(answer, Doubt) else None

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            _close(child)


def _start() -> "subprocess.Popen[bytes]":
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-m", "tui.analyst"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,  # a Ctrl-C in the terminal is the view's affair
    )


def _close(child: "subprocess.Popen[bytes]") -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(2.0)


def _send(pipe: IO[bytes], message: Any) -> None:
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(struct.pack("<Q", len(body)) + body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    return pickle.loads(pipe.read(struct.unpack("<Q", head)[0]))


def main() -> None:
    """Answer the parent until it closes the pipe."""
    from kdtune.errors import KdtuneError
    from kdtune.runs.measures import Objective
    from kdtune.runs.summary import doubt

    with contextlib.suppress(OSError):
        os.nice(10)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            name, attributes, report = _receive(source)
        except (EOFError, OSError):
            return
        try:
            answer: Doubt | None = doubt(report, Objective.parse(name, attributes))
        except (KdtuneError, KeyError, ValueError):
            answer = None
        try:
            _send(sink, answer)
        except OSError:
            return


if __name__ == "__main__":
    main()
