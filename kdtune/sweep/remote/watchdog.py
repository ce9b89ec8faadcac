"""Kills a worker that hangs: one that was not heard of for far longer than work of its kind takes."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from kdtune.runs.paths import baseline_id, trial_id
from kdtune.runs.state import ModelState, RunState
from kdtune.sweep.remote.worker_registry import AtWork, RegistryClient

EPOCHS = 10
"""An epoch that lasts as long as so many usual ones is taken to hang, where it is past the limit too."""

_POLL_SECONDS = 1.0


def usual_epoch(state: RunState, numbers: Sequence[int]) -> float:
    """Return how many seconds an epoch of these trials, trained as one, may be expected to last.

    Taken from the slowest of what ran before: epochs of their teachers, of their architectures without a teacher, of
    trials of the same pair.
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


def is_stalled(worker: AtWork, usual: float, limit: float, now: float) -> bool:
    """Tell whether a worker signed in longer ago than the limit, and than ten usual epochs (seconds each)."""
    return now - worker.since > max(limit, EPOCHS * usual)


@contextlib.contextmanager
def watchdog(
    registry: RegistryClient | None,
    usual: Callable[[Sequence[int]], float],
    limit: float | None,
    *,
    ready: Any = None,
    what: str = "epoch",
) -> Iterator[None]:
    """Watch all workers that sign in at the registry until the block ends; a worker that hangs is killed.

    Args:
        usual: tells how many seconds an epoch of these models may be expected to last; 0 where only the limit counts.
        limit: seconds after which a worker that did not sign in again may be taken to hang; None to watch nothing, as
            without a registry.
        ready: reference to an answer of what workers wait for at first: until it is there, none of them hangs.
        what: before each of which they sign in.
    """
    ended = threading.Event()

    def watch(registry: RegistryClient, limit: float) -> None:
        while ready is not None and not ray.wait([ready], timeout=_POLL_SECONDS)[0]:
            if ended.is_set():
                return
        begun = time.time()
        while not ended.wait(min(_POLL_SECONDS, limit / 4)):
            with contextlib.suppress(ray.exceptions.RayError):  # asked again in a second
                for seen in registry.at_work():
                    worker = replace(seen, since=max(seen.since, begun))
                    if is_stalled(worker, usual(worker.numbers), limit, time.time()):
                        seconds = time.time() - worker.since
                        words = f"no {what} ended for {seconds:.0f} s: it was taken to hang (resources.stall_seconds)"
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
    """Kill a process on its machine: one that is stopped, or waits for a device, hears nothing less."""
    if worker.node == ray.get_runtime_context().get_node_id():
        _kill_here(worker.pid)
        return
    there = NodeAffinitySchedulingStrategy(worker.node, soft=False)
    task: Any = ray.remote(num_cpus=0, max_retries=0)(_kill_here)
    ray.get(task.options(scheduling_strategy=there).remote(worker.pid), timeout=60)


def _kill_here(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
