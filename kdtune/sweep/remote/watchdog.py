"""Kills a worker that hangs: it has not reported for far longer than work of its kind takes."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from kdtune.runs.paths import baseline_id, trial_id
from kdtune.runs.state import ModelState, RunState
from kdtune.sweep.remote.worker_registry import AtWork, RegistryClient

EPOCHS = 10
"""An epoch that lasts as long as this many usual ones is assumed to hang, if it is past the limit too."""

_POLL_SECONDS = 1.0

_LONGEST_GAP = 5.0
"""Seconds between two looks beyond which nothing is known of the time between: this process, or all, stood still."""


def usual_epoch(state: RunState, numbers: Sequence[int]) -> float:
    """Return how many seconds an epoch of these trials, trained as one, is expected to last.

    The estimate is the slowest of the epochs so far of their teachers, of their architectures without a teacher, and
    of trials of the same pair.
    """
    total = 0.0
    for number in numbers:
        trial = state.trials.get(trial_id(number))
        if trial is None:
            continue
        config = trial.config
        alike: list[ModelState | None] = [
            state.baselines.get(baseline_id("teacher", str(config.get("teacher")))),
            state.baselines.get(baseline_id("nds", str(config.get("student")))),
            *(
                other
                for other in list(state.trials.values())
                if other.config.get("pair") == config.get("pair")
            ),
        ]
        total += max(
            (model.seconds / model.epoch for model in alike if model is not None and model.epoch), default=0
        )
    return total


class Silences:
    """For how long each worker has reported nothing, by the watchdog's own clock.

    What counts is whether a report came between two looks, never when a worker says that it came, so the clocks of two
    processes are not compared. After a gap between two looks all silences begin anew: the machine slept, or everything
    was stopped, and a worker may not have had the time to report.

    Args:
        limit: seconds of silence after which a worker may be assumed to hang.
        usual: returns how many seconds an epoch of these models is expected to last.
    """

    def __init__(self, limit: float, usual: Callable[[Sequence[int]], float]) -> None:
        self._limit = limit
        self._usual = usual
        self._since: dict[AtWork, float] = {}
        self._last: float | None = None

    def look(self, workers: Iterable[AtWork], now: float) -> list[tuple[AtWork, float]]:
        """Return the workers that hang, each with its seconds of silence: longer than the limit and ten usual epochs.

        Args:
            workers: who is at work.
            now: seconds by a monotonic clock.
        """
        if self._last is None or now - self._last > min(_LONGEST_GAP, self._limit / 2):
            self._since.clear()
        self._last = now
        self._since = {worker: self._since.get(worker, now) for worker in workers}
        return [
            (worker, now - since)
            for worker, since in self._since.items()
            if now - since > max(self._limit, EPOCHS * self._usual(worker.numbers))
        ]


@contextlib.contextmanager
def watchdog(
    registry: RegistryClient | None,
    usual: Callable[[Sequence[int]], float],
    limit: float | None,
    *,
    ready: Any = None,
    what: str = "epoch",
) -> Iterator[None]:
    """Watch all workers that report to the registry until the block ends, and kill a worker that hangs.

    Args:
        usual: returns how many seconds an epoch of these models is expected to last; 0 if only the limit counts.
        limit: seconds without a report after which a worker may be assumed to hang; None to watch nothing, as
            without a registry.
        ready: reference to an answer that workers wait for at first: until it is there, none of them hangs.
        what: unit of work before which a worker reports.
    """
    ended = threading.Event()

    def watch(registry: RegistryClient, limit: float) -> None:
        while ready is not None and not ray.wait([ready], timeout=_POLL_SECONDS)[0]:
            if ended.is_set():
                return
        silences = Silences(limit, usual)
        while not ended.wait(min(_POLL_SECONDS, limit / 8)):
            with contextlib.suppress(ray.exceptions.RayError):  # the next poll asks again
                for worker, seconds in silences.look(registry.at_work(), time.monotonic()):
                    words = f"no {what} ended for {seconds:.0f} s: it counted as hanging (resources.stall_seconds)"
                    registry.report_failure(worker.numbers, words)
                    _kill(worker)

    thread = None
    if registry is not None and limit is not None:
        thread = threading.Thread(target=watch, args=(registry, limit), name="kdtune-watchdog", daemon=True)
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread is not None:
            thread.join(timeout=5)


def _kill(worker: AtWork) -> None:
    """Kill a process on its machine: one that is stopped or waits for a device ignores anything weaker."""
    if worker.node == ray.get_runtime_context().get_node_id():
        _kill_here(worker.pid)
        return
    there = NodeAffinitySchedulingStrategy(worker.node, soft=False)
    task: Any = ray.remote(num_cpus=0, max_retries=0)(_kill_here)
    ray.get(task.options(scheduling_strategy=there).remote(worker.pid), timeout=60)


def _kill_here(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
