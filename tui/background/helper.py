"""The helper process: it computes intervals, chance floors and importance, tens of milliseconds each.

Parent and child speak over a pipe, one pickled message at a time each way. `concurrent.futures` would not do: its
worker looks for modules in the folder where the monitor was opened, and outlives a monitor that is killed.
"""

import contextlib
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from kdtune.fairness import Comparison
from kdtune.runs.comparison.resolution import Resolution
from kdtune.runs.records import ALL, Report
from kdtune.runs.summary import Doubt

from ..state.importance import importance
from .questions import DoubtOf, Question, ResolutionOf

FAILURES = (OSError, EOFError, ValueError, pickle.PickleError, struct.error)
"""What `ask` raises when the process has died or does not answer in our language."""

_GRACE_SECONDS = 2.0


class Helper:
    """The process, as its parent sees it; it ends when its parent does."""

    def __init__(self) -> None:
        package = __package__ or ""  # `tui.background` in a clone, `kdtune.tui.background` in a wheel
        root = str(Path(__file__).resolve().parents[package.count(".") + 1])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
        self.process = subprocess.Popen(
            # -P: the folder in which the monitor was opened may hold anything.
            [sys.executable, "-P", "-m", f"{package}.helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # a Ctrl-C in the terminal concerns the view alone
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.questions: IO[bytes] = self.process.stdin
        self.answers: IO[bytes] = self.process.stdout

    def ask(self, question: Question, attributes: list[str]) -> Any:
        """Return the answer, None if there is none; `attributes` are the run's sensitive attributes.

        Raises:
            FAILURES: the process can't answer any more.
        """
        if isinstance(question, DoubtOf):
            if question.report is None or (question.against and question.reference is None):
                return None
            asked = ("doubt", question.key[2], attributes, question.report, question.reference)
            _send(self.questions, asked)
        elif isinstance(question, ResolutionOf):
            _send(self.questions, ("resolution", question.run, question.members, question.done))
        else:
            _send(self.questions, ("importance", question.columns, question.values))
        return _receive(self.answers)

    def kill(self) -> None:
        """End the process at once; an `ask` that waits in another thread raises."""
        self.process.kill()

    def close(self) -> None:
        """Close the pipes, and wait until the process has ended."""
        for pipe in (self.questions, self.answers):
            with contextlib.suppress(OSError):
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_GRACE_SECONDS)


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
    """Answer the parent until it closes the pipe, which the system does for a parent that is killed."""
    from kdtune.errors import KdtuneError

    with contextlib.suppress(OSError):
        os.nice(10)
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            kind, *matter = _receive(questions)
        except (EOFError, OSError):
            return
        try:
            answer = _ANSWERS[kind](*matter)
        except (KdtuneError, KeyError, ValueError):
            answer = None
        try:
            _send(answers, answer)
        except OSError:
            return


def _doubt(name: str, attributes: list[str], report: Report, reference: Report | None) -> Doubt:
    from kdtune.runs.measures.objectives import Objective
    from kdtune.runs.summary import bias_doubt, doubt

    if reference is not None:
        return bias_doubt(report.counts[ALL], reference.counts[ALL])
    return doubt(report, Objective.parse(name, attributes))


class _Resolver:
    """What of fronts is beyond noise; comparisons that were made are kept."""

    def __init__(self) -> None:
        self._path: Path | None = None

    def __call__(self, path: Path, members: Sequence[str], done: int) -> Resolution:
        from kdtune.runs.comparison.of_run import resolution
        from kdtune.runs.events import StateReader
        from kdtune.runs.reader import open_run

        if path != self._path:
            self._path, self._run = path, open_run(path)
            self._reader, self._known = (
                StateReader(self._run.files.events),
                dict[tuple[str, ...], Comparison](),
            )
        state = self._reader.update()
        models = [state.trials[model_id] for model_id in members]
        return resolution(self._run, state, models, self._known, done=done)


_ANSWERS: dict[str, Callable[..., Any]] = {
    "doubt": _doubt,
    "importance": importance,
    "resolution": _Resolver(),
}


if __name__ == "__main__":
    main()
