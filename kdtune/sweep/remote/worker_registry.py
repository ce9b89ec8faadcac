"""Where workers on any machine report that they are at work and why they die, and read and write the run's files.

The registry is a process on the driver's machine, which has the run directory.
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

from kdtune.errors import DiskError, RunError
from kdtune.files import LARGEST_WEIGHTS, read_json, read_regular, write_bytes, write_json
from kdtune.runs.paths import RunFiles


@dataclass(frozen=True)
class AtWork:
    """A worker in the middle of an epoch of trials or, as a task, of a batch.

    Attributes:
        numbers: numbers of the trials that it trains or, for a task, of its model.
        node: Ray's id of its machine.
        report: number of its last report to the registry; it changes with each.
    """

    numbers: tuple[int, ...]
    pid: int
    node: str
    report: int


class WorkerRegistry:
    """The registry itself; it does not need Ray.

    It keeps what it knows in a file: if its process dies, its successor still knows of a worker that hangs, because
    that will not report again.

    Args:
        root: the run's directory.
        kept: the file; None if a successor is to begin with nothing.
    """

    def __init__(self, root: Path, kept: Path | None = None) -> None:
        self._root = root.resolve()
        self._file = kept
        self._at_work: dict[tuple[int, str], AtWork] = {}
        self._failures: dict[tuple[int, ...], str] = {}
        self._ends: dict[str, int] = {}
        self._reports = 0
        if kept is not None and kept.exists():
            self._recall(read_json(kept))

    def begin(self, numbers: Sequence[int], pid: int, node: str) -> None:
        """Note that a worker begins an epoch."""
        self._reports += 1
        self._at_work[pid, node] = AtWork(tuple(numbers), pid, node, self._reports)
        self._keep()

    def end(self, pid: int, node: str) -> None:
        """Note that a worker's epoch has ended: from then on it waits for the driver."""
        self._at_work.pop((pid, node), None)
        self._keep()

    def at_work(self) -> list[AtWork]:
        """Return who is at work."""
        return list(self._at_work.values())

    def report_failure(self, numbers: Sequence[int], words: str) -> None:
        """Note why a worker is about to die."""
        self._remove(numbers)
        self._failures[tuple(numbers)] = words
        self._keep()

    def pop_failure(self, numbers: Sequence[int]) -> str:
        """Return, only once, the reason that a dead worker gave; empty if it gave none."""
        self._remove(numbers)
        words = self._failures.pop(tuple(numbers), "")
        self._keep()
        return words

    def count_end(self, actor: str) -> int:
        """Note that the process of an actor is about to end because of its device; return how often that was so."""
        self._ends[actor] = self._ends.get(actor, 0) + 1
        self._keep()
        return self._ends[actor]

    def close(self) -> None:
        """Delete what was kept for a successor."""
        file, self._file = self._file, None
        if file is not None:
            file.unlink(missing_ok=True)

    def write_file(self, name: str, content: bytes) -> None:
        """Write a file of the run; `name` is relative to its directory."""
        write_bytes(self._path(name), content)

    def read_file(self, name: str) -> bytes | None:
        """Return a file of the run, or None where there is none."""
        try:
            return read_regular(self._path(name), limit=LARGEST_WEIGHTS)
        except FileNotFoundError:
            return None

    def _remove(self, numbers: Sequence[int]) -> None:
        gone = [key for key, worker in self._at_work.items() if worker.numbers == tuple(numbers)]
        for key in gone:
            del self._at_work[key]

    def _keep(self) -> None:
        if self._file is None:
            return
        known = {
            "reports": self._reports,
            "at_work": [vars(worker) for worker in self._at_work.values()],
            "failures": [[list(numbers), words] for numbers, words in self._failures.items()],
            "ends": self._ends,
        }
        with contextlib.suppress(DiskError):  # it is needed only if this process dies too
            write_json(self._file, known)

    def _recall(self, known: dict[str, Any]) -> None:
        self._reports = int(known["reports"])
        for worker in known["at_work"]:
            found = AtWork(**{**worker, "numbers": tuple(worker["numbers"])})
            self._at_work[found.pid, found.node] = found
        self._failures = {tuple(numbers): words for numbers, words in known["failures"]}
        self._ends = dict(known["ends"])

    def _path(self, name: str) -> Path:
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root):
            raise RunError(f"{name!r} is not a file of the run {self._root}")
        return path


LOST = "its worker process, or its machine, was lost"
"""The reason recorded for a worker that gave none."""


class RegistryClient:
    """The client of the registry, for driver, watchdog and workers; it is pickled on its way to workers.

    Args:
        handle: handle of the Ray actor.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._said = 0.0

    def __reduce__(self) -> Any:
        return RegistryClient, (self._handle,)

    # ---- a worker's side ----

    def begin(self, numbers: Sequence[int]) -> None:
        """Report that this process begins an epoch of these trials, without waiting."""
        self._begin(numbers)

    def go_on(self, numbers: Sequence[int]) -> None:
        """Report that this process makes progress, at most once a second.

        The first call waits until the report has arrived: otherwise nobody would miss a process that hangs at once.
        """
        if time.monotonic() - self._said >= 1:
            said = self._begin(numbers)
            if not self._said:
                # `ray.get` would free this process's cores meanwhile, and Ray would start another model on them.
                said.future().result()
            self._said = time.monotonic()

    def end(self) -> None:
        """Report that the epoch has ended, without waiting."""
        self._handle.end.remote(*_this_process())

    def report_failure(self, numbers: Sequence[int], words: str) -> None:
        """Report why the process that trains these models is about to die, and wait a few seconds for it to arrive."""
        with contextlib.suppress(Exception):  # a dying process can do nothing about it
            ray.get(self._handle.report_failure.remote(tuple(numbers), words), timeout=5)

    def count_end(self, actor: str) -> int:
        """Report that an actor's process is about to end because of its device; return how often that was so."""
        times: int = ray.get(self._handle.count_end.remote(actor))
        return times

    def read_file(self, name: str) -> bytes | None:
        """Return a file of the run, or None where there is none; `name` is relative to its directory."""
        content: bytes | None = ray.get(self._handle.read_file.remote(name))
        return content

    def write_file(self, name: str, content: bytes) -> None:
        """Write a file of the run, and wait until it is there."""
        ray.get(self._handle.write_file.remote(name, content))

    def _begin(self, numbers: Sequence[int]) -> Any:
        return self._handle.begin.remote(tuple(numbers), *_this_process())

    # ---- the driver's side ----

    def at_work(self) -> list[AtWork]:
        """Return who is at work."""
        found: list[AtWork] = ray.get(self._handle.at_work.remote())
        return found

    def pop_failure(self, numbers: Sequence[int]) -> str:
        """Return why a worker died; empty if it gave no reason, or the registry was lost with it."""
        try:
            return str(ray.get(self._handle.pop_failure.remote(tuple(numbers))))
        except ray.exceptions.RayError:
            return ""


@contextlib.contextmanager
def open_registry(files: RunFiles, kept: Path | None = None) -> Iterator[RegistryClient]:
    """Run a registry on this machine until the block ends.

    Args:
        kept: where it keeps what it knows, so that its process may die; nobody else may use this file.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(WorkerRegistry)
    if kept is not None:
        kept = kept.resolve()
        kept.unlink(missing_ok=True)  # of a driver that was killed
    handle = actor.options(scheduling_strategy=here).remote(files.root, kept)
    try:
        yield RegistryClient(handle)
    finally:
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(handle.close.remote(), timeout=5)
        ray.kill(handle)


def _this_process() -> tuple[int, str]:
    return os.getpid(), ray.get_runtime_context().get_node_id()
