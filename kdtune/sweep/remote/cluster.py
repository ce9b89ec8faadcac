"""Starts Ray on this machine, or joins a running cluster, and decides how many trials run at once, on what."""

import atexit
import contextlib
import gc
import logging
import math
import os
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kdtune.bytecode import bytecode_for_children
from kdtune.errors import InputError, SweepError
from kdtune.space.reading import Resources
from kdtune.user_code import added_folders

# Each of these is needed (see the comments). A driver must set them before it imports Ray.
_ENVIRONMENT = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` Ray would rebuild the environment for every worker
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # no tables of Tune's own
    "RAY_DEDUP_LOGS": "0",
    "RAY_health_check_period_ms": "1000",  # a dead raylet is noticed after 5 s, not 15
    "RAY_memory_monitor_refresh_ms": "0",  # a kill by Ray's memory monitor ends the whole sweep
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a worker that was given no GPU sees none
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the run directory is the log
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a missing metric ends a trial, not the sweep
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the driver decides what Ctrl-C means
    "TUNE_MAX_PENDING_TRIALS_PG": "8",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


_TOKEN = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()

TEACHER_GPU = 0.01
"""Share of a GPU for the process with the teachers, so that Ray puts it where there is one; trials leave this free."""


@dataclass(frozen=True)
class Allotment:
    """How a sweep uses its machine or cluster.

    Attributes:
        workers: trials at once.
        cpus: cores of each trial; whole numbers are also its threads.
        gpus: GPUs of each trial; fractions share a GPU.
        largest_node: cores of the machine that has the most.
    """

    workers: int
    cpus: float
    gpus: float
    total_cpus: float
    total_gpus: float
    largest_node: float = math.inf

    @property
    def threads(self) -> int:
        """Threads of one trial."""
        return max(1, int(self.cpus))


def prepare_environment() -> None:
    """Set what Ray reads from the environment; must be called before Ray is imported."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Hold a connection to Ray: one started on this machine, or the cluster at `address` (host:port).

    If the process is already connected to Ray, that connection is used and left open.

    Raises:
        InputError: nobody answers at the address.
    """
    prepare_environment()
    if address is not None:
        if address != "auto":
            _probe(address)
        # 'ray start --head' requires the token; a driver that joins does not send it by default.
        if _TOKEN.exists():
            os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    if ray.is_initialized():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if address is None:
            _start_ray()
        else:
            try:
                with _nowhere():
                    ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
            except (ConnectionError, RuntimeError) as error:
                reason = str(error).strip().partition("\n")[0]
                raise InputError(
                    f"--address {address!r}: no Ray cluster to join ({reason}); start one with 'ray start --head'"
                ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _start_ray() -> None:
    """Start Ray on this machine; on a busy machine that may take more than the 30 s that Ray allows.

    Raises:
        SweepError: it did not start, even on the last try.
    """
    import psutil
    import ray

    before = set(psutil.Process().children())
    for tries_left in (2, 1, 0):
        gc.collect()  # frees what is left of a failed start
        try:
            with bytecode_for_children(), _loopback_only(), _bare(), _nowhere():
                ray.init(
                    address="local",
                    num_cpus=_cores(),
                    include_dashboard=False,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    object_store_memory=_object_store_bytes(),
                )
            return
        except Exception as error:  # Ray has no exception class for this
            ray.shutdown()
            for process in set(psutil.Process().children()) - before:
                process.kill()  # Ray leaves a half-started node running
            if not tries_left or "timed out during startup" not in str(error):
                reason = str(error).strip().partition("\n")[0]
                raise SweepError(
                    f"Ray did not start ({reason}): is the machine out of memory, disk space in /tmp, or very busy?"
                ) from error


@contextlib.contextmanager
def _loopback_only() -> Iterator[None]:
    """Let a starting Ray bind to the loopback, as it does on macOS and Windows: else it listens everywhere.

    On Linux, Ray accepts no address for this; this constant decides.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextlib.contextmanager
def _bare() -> Iterator[None]:
    """Start Ray without parts that nobody uses here: they take two fifths of a start's processor time, and 270 MB.

    These are the monitor of the autoscaler, which has only one machine to scale, the monitor of the logs, which
    nobody asked for, and the server of the dashboard, which starts even if the dashboard is off.
    """
    from ray._private.node import Node

    names = ("start_monitor", "start_log_monitor", "start_api_server")
    before = {name: getattr(Node, name) for name in names}
    for name in names:
        setattr(Node, name, lambda _, **__: None)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(Node, name, method)


@contextlib.contextmanager
def _nowhere() -> Iterator[None]:
    """Start Ray from an empty folder, unless this process imports from the current one itself.

    Otherwise its workers would look for every module in the folder where the driver started, and a folder of data may
    contain a file called torch.py.
    """
    here = os.getcwd()
    if "" in sys.path or (here in sys.path and here not in added_folders()):
        yield
        return
    empty = tempfile.mkdtemp(prefix="kdtune-")
    # The folder stays until this process ends: torch can't load its own libraries in a folder that is gone.
    atexit.register(shutil.rmtree, empty, ignore_errors=True)
    os.chdir(empty)
    try:
        yield
    finally:
        os.chdir(here)


def allot(resources: Resources) -> Allotment:
    """Choose from what Ray has how many trials run at once, unless the space says so.

    Without a GPU a trial gets one core. With GPUs it gets a quarter of one, because the small students of distillation
    leave most of a GPU idle.
    """
    import ray

    total = ray.cluster_resources()
    cpus, gpus = float(total.get("CPU", 1)), float(total.get("GPU", 0))
    largest = max(float(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"])
    return _allotted(resources, cpus, gpus, largest, "Ray has")


def allot_here(resources: Resources) -> Allotment:
    """Choose as `allot` does if Ray is started on this machine, without starting it."""
    import torch

    gpus = float(torch.cuda.device_count())
    return _allotted(resources, float(_cores()), gpus, float(_cores()), "this machine has")


def _allotted(resources: Resources, cpus: float, gpus: float, largest: float, whose: str) -> Allotment:
    per_trial = resources.gpus_per_trial
    if per_trial is None:
        per_trial = 0.25 if gpus else 0.0
    if per_trial > gpus:
        raise InputError(f"resources.gpus_per_trial is {per_trial:g}, and {whose} {gpus:g} GPUs")
    if resources.cpus_per_trial > cpus:
        raise InputError(
            f"resources.cpus_per_trial is {resources.cpus_per_trial:g}, and {whose} {cpus:g} cores"
        )
    fit = cpus / resources.cpus_per_trial
    if per_trial:
        fit = min(fit, gpus / per_trial)
    workers = min(resources.workers or int(fit), int(fit))
    if 0 < per_trial <= 1:
        per_trial *= 1 - TEACHER_GPU
    return Allotment(max(1, workers), resources.cpus_per_trial, per_trial, cpus, gpus, largest)


def workers_now(allotment: Allotment, resources: Resources) -> int:
    """Return how many trials may run at once on what Ray has now: a cluster loses machines and gets new ones."""
    import ray

    total = ray.cluster_resources()
    fit = float(total.get("CPU", 0)) / allotment.cpus
    if allotment.gpus:
        fit = min(fit, float(total.get("GPU", 0)) / allotment.gpus)
    return max(1, min(resources.workers or int(fit), int(fit)))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _object_store_bytes() -> int:
    """Return a tenth of the memory, within [200 MB, 8 GB] and what shared memory holds: data and logits are small."""
    import psutil

    free = psutil.virtual_memory().available // 10
    with contextlib.suppress(OSError):
        shared = os.statvfs("/dev/shm")
        free = min(free, shared.f_bavail * shared.f_frsize * 8 // 10)
    return int(min(max(free, 200 * 2**20), 8 * 2**30))


def _probe(address: str) -> None:
    """Raise InputError if nobody answers at the address: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--address {address!r}: write host:port, as 'ray start --head' prints it")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--address {address!r}: nobody answers ({getattr(error, 'strerror', None) or error}); "
            "start a cluster with 'ray start --head'"
        ) from None
