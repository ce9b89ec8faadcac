"""Runs a command and measures it whole: wall-clock and the processor time of all its descendants."""

import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
ATTEMPTS = 4
"""Ray gives its own processes 30 seconds to start, which a machine full of other work may not."""


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall: seconds from its start to its end.
        cpu: processor seconds, user and system, of it and all that it started; less noisy where others use the machine.
        began: seconds since 1970 at its start.
    """

    wall: float
    cpu: float
    began: float


def run(command: Sequence[str], log: Path, **environment: str) -> Cost:
    """Run a command to its end; Ray's workers are not nicer than it, lest other people's work decides what is timed.

    Raises:
        RuntimeError: it failed; the end of its output is in the message.
    """
    # Ray's processes outlive the one that started them for a moment; adopted, their time is counted too (Linux).
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for attempt in range(ATTEMPTS):
        before, began, started = _cpu(), time.time(), time.perf_counter()
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "RAY_worker_niceness": "0", **environment},
            )
            code = child.wait()
        wall = time.perf_counter() - started
        _reap()
        if not code:
            return Cost(wall, _cpu() - before, began)
        said = log.read_text(errors="replace")
        if "timed out during startup" not in said or attempt == ATTEMPTS - 1:
            raise RuntimeError(f"{' '.join(command)} ended with code {code}:\n{said[-3000:]}")
    raise AssertionError("the last attempt returns or raises")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _reap(seconds: float = 30.0) -> None:
    """Wait for adopted processes to end, so that their time is known."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            time.sleep(0.05)
