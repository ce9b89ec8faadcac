"""The driver's desk: where workers, on whichever machine, sign in, leave their last words, and hand in checkpoints.

It is a process on the driver's own machine, beside the run directory.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from kdtune.errors import RunError
from kdtune.files import write_bytes
from kdtune.runs.paths import RunFiles


@dataclass(frozen=True)
class AtWork:
    """A worker in the midst of an epoch, or, in a fleet, of a batch.

    Attributes:
        numbers: of the trials that it trains; in a fleet, of the model.
        node: Ray's id of its machine.
        since: when that began, by the clock of the driver's machine.
    """

    numbers: tuple[int, ...]
    pid: int
    node: str
    since: float


class Desk:
    """What the desk does, without Ray."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._at_work: dict[tuple[int, str], AtWork] = {}
        self._last_words: dict[tuple[int, ...], str] = {}

    def begin(self, numbers: Sequence[int], pid: int, node: str) -> None:
        """Note that a worker begins an epoch."""
        self._at_work[pid, node] = AtWork(tuple(numbers), pid, node, time.time())

    def end(self, pid: int, node: str) -> None:
        """Note that a worker's epoch has ended: from then on it waits for the driver."""
        self._at_work.pop((pid, node), None)

    def at_work(self) -> list[AtWork]:
        """Return who is at work."""
        return list(self._at_work.values())

    def last_words(self, numbers: Sequence[int], words: str) -> None:
        """Note what a worker is about to die of."""
        self._strike_off(numbers)
        self._last_words[tuple(numbers)] = words

    def take_last_words(self, numbers: Sequence[int]) -> str:
        """Return what a worker that died said of it, once; empty where it said nothing."""
        self._strike_off(numbers)
        return self._last_words.pop(tuple(numbers), "")

    def hand_in(self, name: str, content: bytes) -> None:
        """Write a file of the run; `name` is relative to its directory."""
        write_bytes(self._path(name), content)

    def hand_out(self, name: str) -> bytes | None:
        """Return a file of the run, or None where there is none."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def _strike_off(self, numbers: Sequence[int]) -> None:
        gone = [key for key, worker in self._at_work.items() if worker.numbers == tuple(numbers)]
        for key in gone:
            del self._at_work[key]

    def _path(self, name: str) -> Path:
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root):
            raise RunError(f"{name!r} is no file of the run {self._root}")
        return path


LOST = "its worker process, or its machine, was lost"
"""What is said of a worker that died without a word."""


@contextlib.contextmanager
def open_desk(files: RunFiles) -> Iterator[Any]:
    """Hold a desk on this machine, and yield its handle."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Desk)
    desk = actor.options(scheduling_strategy=here).remote(files.root)
    try:
        yield desk
    finally:
        ray.kill(desk)


def last_words(desk: Any, numbers: Sequence[int]) -> str:
    """Return what a worker that died said of it; empty where it said nothing, or the desk was lost with it."""
    try:
        return str(ray.get(desk.take_last_words.remote(tuple(numbers))))
    except ray.exceptions.RayError:
        return ""


class SignedIn:
    """A worker's side of the desk."""

    def __init__(self, desk: Any) -> None:
        self._desk = desk
        self._said = 0.0
        self._me = (os.getpid(), ray.get_runtime_context().get_node_id())

    def begin(self, numbers: Sequence[int]) -> None:
        """Say that this process begins an epoch of these trials; it does not wait."""
        self._desk.begin.remote(tuple(numbers), *self._me)

    def go_on(self, numbers: Sequence[int]) -> None:
        """Say that this process gets on, once a second at most.

        The first time it waits until that is heard: a process that stops at once would not be missed otherwise.
        """
        if time.monotonic() - self._said >= 1:
            said = self._desk.begin.remote(tuple(numbers), *self._me)
            if not self._said:
                ray.get(said)
            self._said = time.monotonic()

    def end(self) -> None:
        """Say that the epoch has ended; it does not wait."""
        self._desk.end.remote(*self._me)

    def last_words(self, numbers: Sequence[int], words: str) -> None:
        """Say what this process is about to die of, and wait a while until it is heard."""
        with contextlib.suppress(Exception):  # who dies can do nothing about it
            ray.get(self._desk.last_words.remote(tuple(numbers), words), timeout=5)
