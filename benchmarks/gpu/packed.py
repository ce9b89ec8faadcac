"""Several processes that train on one GPU at once, with and without NVIDIA's multi-process service (MPS)."""

import contextlib
import multiprocessing
import os
import queue
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.setups import arrays_of, computing_device, data_on, synchronise
from kdtune.distill.config import Job
from kdtune.distill.steps import solo_step


class WorkerDiedError(RuntimeError):
    """A process ended before it had measured."""


def rate(job: Job, size: int, processes: int, seconds: float, patience: float) -> float:
    """Return the steps per second of several processes together.

    Raises:
        WorkerDiedError: one of them died.
        TimeoutError: they did not end within `patience` seconds.
    """
    context = multiprocessing.get_context("spawn")
    barrier, rates = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_work, args=(job, size, seconds, barrier, rates), daemon=True)
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    found: list[float] = []
    until = time.monotonic() + patience
    try:
        while len(found) < processes:
            with contextlib.suppress(queue.Empty):
                found.append(rates.get(timeout=0.1))
                continue
            dead = [worker.exitcode for worker in workers if worker.exitcode]
            if dead:
                raise WorkerDiedError(f"a process ended with code {dead[0]}")
            if time.monotonic() > until:
                raise TimeoutError(f"{processes} processes did not end within {patience:.0f} s")
    finally:
        for worker in workers:
            if len(found) < processes:
                worker.kill()
            worker.join()
    return sum(found)


def _work(job: Job, size: int, seconds: float, barrier: Any, rates: Any) -> None:
    """Train in a process of its own as long as the others do, and report its steps per second."""
    device = computing_device()
    step = solo_step(job, data_on(device, arrays_of(size, job.train.batch_size)))
    step()
    synchronise(device)
    barrier.wait()
    started, n = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        n += 1
    synchronise(device)
    rates.put(n / (time.perf_counter() - started))


def can_share() -> bool:
    """Return whether this machine has NVIDIA's multi-process service."""
    return shutil.which("nvidia-cuda-mps-control") is not None


@contextlib.contextmanager
def shared_by_mps() -> Iterator[None]:
    """Run NVIDIA's multi-process service for the processes that are started in the block."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        subprocess.run(["nvidia-cuda-mps-control", "-d"], env={**os.environ, **own}, check=True, timeout=30)
        before = {name: os.environ.get(name) for name in own}
        os.environ.update(own)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            subprocess.run(
                ["nvidia-cuda-mps-control"],
                input="quit\n",
                text=True,
                env={**os.environ, **own},
                check=False,
                timeout=30,
            )
