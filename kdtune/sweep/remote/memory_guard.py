"""Ends a worker that takes more memory than its share, before the system kills an arbitrary process."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import psutil

from kdtune.memory import GB, in_container

_POLL_SECONDS = 0.2
_SHARE = 0.9
"""Share of a machine's memory that all its trials may take together."""


def memory_share(workers: int) -> int:
    """Return the bytes that each of so many trials on this machine may take; a container's limit counts."""
    total = in_container(int(psutil.virtual_memory().total))
    return max(GB, int(total * _SHARE / max(1, workers)))


def memory_limit(asked: float | None, workers: int) -> int:
    """Return the bytes that a trial may take: the gigabytes asked for, or its share."""
    return memory_share(workers) if asked is None else int(asked * GB)


def own_memory() -> int:
    """Return the bytes of memory that this process alone uses: the data in Ray's shared memory do not count."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return int(psutil.Process().memory_info().rss)


class MemoryGuard:
    """Watches this process from a thread of its own, and ends the process if it exceeds the limit.

    An exception would have to wait until the code that takes the memory returns, and would not free the memory.

    Args:
        limit: bytes.
        say: called with the reason before the process ends.
    """

    def __init__(self, limit: int, say: Callable[[str], object]) -> None:
        self._limit = limit
        self._say = say
        threading.Thread(target=self._watch, name="kdtune-memory", daemon=True).start()

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(_POLL_SECONDS):
            taken = own_memory()
            if taken > self._limit:
                try:
                    self._say(
                        f"took {taken / GB:.1f} GB of memory, and {self._limit / GB:.1f} GB is its share "
                        "(resources.memory_per_trial)"
                    )
                finally:
                    os._exit(1)
