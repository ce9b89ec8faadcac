"""Computes intervals, chance floors and importance in a process of its own: tens of milliseconds each.

Keys must not wait for them.

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
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from kdtune.runs.records import Report
from kdtune.runs.summary import Doubt
from tui.state.importance import Importance, importance

DoubtKey = tuple[str, int, str]
"""Model, epoch, and the gap's name: `eod`, `dpd@race`."""

KEPT = 20_000


@dataclass(frozen=True)
class DoubtOf:
    """The question how far a gap in a report can be trusted."""

    key: DoubtKey
    report: Report


@dataclass(frozen=True)
class RankingOf:
    """The question which settings a measure goes with.

    Attributes:
        state: of what the columns are; equal states have equal answers.
        columns, values: what `importance` takes.
    """

    measure: str
    state: Hashable
    columns: Mapping[str, Sequence[object]]
    values: npt.NDArray[np.float64]


Question = DoubtOf | RankingOf


class Analyst:
    """Intervals and chance floors by (model, epoch, gap), and settings by importance, as far as they are known.

    Attributes:
        doubts: what has been computed.
        rankings: the last answer by measure; it may be of a state a little older than the one asked for.
        revision: grows when one of them does.
    """

    def __init__(self, attributes: Sequence[str]) -> None:
        self.doubts: dict[DoubtKey, Doubt] = {}
        self.rankings: dict[str, Sequence[Importance]] = {}
        self.revision = 0
        self._ranked: dict[str, Hashable] = {}
        self._attributes = list(attributes)
        self._todo: list[Question] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._failed = 0

    def want(self, questions: Sequence[Question]) -> None:
        """Ask these, the most important first, and nothing else any more."""
        todo = [question for question in questions if not self._knows(question)]
        with self._lock:
            self._todo = todo
        if todo and self._failed < 3:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="analyst", daemon=True)
                self._thread.start()
            self._wake.set()

    def _knows(self, question: Question) -> bool:
        if isinstance(question, DoubtOf):
            return question.key in self.doubts
        return self._ranked.get(question.measure) == question.state

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
                question = self._todo.pop(0) if self._todo else None
                if question is None:
                    self._wake.clear()
            if question is None:
                self._wake.wait()
                continue
            try:
                answer = self._ask(question)
            except (OSError, EOFError, ValueError, pickle.PickleError, struct.error):
                self._failed += 1
                self._drop()
                if self._failed >= 3:
                    return
                continue
            if answer is not None:
                self._keep(question, answer)

    def _keep(self, question: Question, answer: Any) -> None:
        if isinstance(question, RankingOf):
            self.rankings[question.measure] = answer
            self._ranked[question.measure] = question.state
        else:
            if len(self.doubts) > KEPT:
                self.doubts = {}
            self.doubts[question.key] = answer
        self.revision += 1

    def _ask(self, question: Question) -> Any:
        if self._child is None:
            self._child = _start()
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        if isinstance(question, DoubtOf):
            _send(child.stdin, ("doubt", question.key[2], self._attributes, question.report))
        else:
            _send(child.stdin, ("importance", question.columns, question.values))
        return _receive(child.stdout)

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            _close(child)


def _start() -> "subprocess.Popen[bytes]":
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tui.analyst"],
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

    with contextlib.suppress(OSError):
        os.nice(10)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            kind, *matter = _receive(source)
        except (EOFError, OSError):
            return
        try:
            answer = _ANSWERS[kind](*matter)
        except (KdtuneError, KeyError, ValueError):
            answer = None
        try:
            _send(sink, answer)
        except OSError:
            return


def _doubt(name: str, attributes: list[str], report: Report) -> Doubt:
    from kdtune.runs.objectives import Objective
    from kdtune.runs.summary import doubt

    return doubt(report, Objective.parse(name, attributes))


_ANSWERS: dict[str, Callable[..., Any]] = {"doubt": _doubt, "importance": importance}


if __name__ == "__main__":
    main()
