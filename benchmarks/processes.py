"""Runs a command and measures it whole: wall-clock and the processor time of all its descendants."""

import contextlib
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ATTEMPTS = 4
"""Ray gives its own processes 30 seconds to start, which may not be enough on a busy machine."""


_SECONDS = 0.1
_MARK = "KDTUNE_BENCHMARK"


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall: seconds from its start to its end.
        cpu: processor seconds, user and system, of it and its descendants; less noisy if others use the machine.
        began: seconds since 1970 at its start.
        processes: what `cpu` was spent on: processor seconds by the names of the processes.
    """

    wall: float
    cpu: float
    began: float
    processes: dict[str, float] = field(default_factory=dict)


def run(command: Sequence[str], log: Path, **environment: str) -> Cost:
    """Run a command to its end; Ray's workers get the same priority, so that other work does not decide what is timed.

    Raises:
        RuntimeError: it failed; the end of its output is in the message.
    """
    for attempt in range(ATTEMPTS):
        mark = uuid.uuid4().hex
        began, started = time.time(), time.perf_counter()
        with log.open("wb") as output, _watched(mark) as used:
            child = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Under `uv run`, Ray would have uv build an environment for each worker of the sweep by hand.
                env={
                    **os.environ,
                    "RAY_worker_niceness": "0",
                    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
                    **environment,
                    _MARK: mark,
                },
            )
            code = child.wait()
            wall = time.perf_counter() - started
        if not code:
            kinds: dict[str, float] = {}
            for kind, seconds in used.values():
                kinds[kind] = kinds.get(kind, 0.0) + seconds
            return Cost(wall, sum(kinds.values()), began, kinds)
        said = log.read_text(errors="replace")
        if "timed out during startup" not in said or attempt == ATTEMPTS - 1:
            raise RuntimeError(f"{' '.join(command)} ended with code {code}:\n{said[-3000:]}")
    raise AssertionError("the last attempt returns or raises")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def _watched(mark: str) -> Iterator[dict[int, tuple[str, float]]]:
    """Sample, ten times a second, the kind of each process with the mark and the seconds it has used so far.

    What the system adds up for a parent is not enough, because Ray's raylet does not wait for its workers. Forks that
    give themselves a name have no mark any more: they are known by their parents.
    """
    used: dict[int, tuple[str, float]] = {}
    strangers = set(psutil.pids())
    ended = threading.Event()

    def look() -> None:
        for pid in sorted(set(psutil.pids()) - strangers):
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(pid)
                if not (pid in used or process.ppid() in used or process.environ().get(_MARK) == mark):
                    continue
                times = process.cpu_times()
                kind = _kind(process) or used.get(pid, ("", 0.0))[0]  # a process that is ending has no name
                used[pid] = kind, times.user + times.system

    def watch() -> None:
        while not ended.wait(_SECONDS):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield used
    finally:
        ended.set()
        thread.join()
        look()


def _kind(process: psutil.Process) -> str:
    """Return the name that a process gives itself: Ray names its workers by what they run."""
    command = process.cmdline()
    first = Path(command[0].split(" ")[0]).name if command else ""
    if first.startswith("python"):
        return " ".join(Path(word).name for word in command[1:4])
    return command[0].split(" ")[0] if first.startswith("ray::") else first
