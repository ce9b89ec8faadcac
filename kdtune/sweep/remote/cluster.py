"""Starts Ray on this machine, or joins a running cluster, and decides how many trials run at once, on what."""

import contextlib
import faulthandler
import logging
import os
import random
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from kdtune.errors import InputError
from kdtune.output import narrate
from kdtune.space.reading import Resources
from kdtune.sweep.remote.allotment import Allotment, Node, allotted, cores_here, workers_on

# Each of these is needed (see the comments). A driver must set them before it imports Ray.
_ENVIRONMENT = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` Ray would rebuild the environment for every worker
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # no tables of Tune's own
    "RAY_DEDUP_LOGS": "0",
    "RAY_health_check_period_ms": "1000",  # a dead raylet is noticed after 5 s, not 15
    "RAY_agent_register_timeout_ms": "600000",  # on a busy machine an agent imports for minutes
    "RAY_worker_register_timeout_seconds": "600",  # and so does a worker
    # A raylet connects to its own store before that listens, more often than not, and would try again after a second.
    "RAY_raylet_client_connect_timeout_milliseconds": "20",
    "RAY_raylet_client_num_connect_attempts": "500",  # for ten seconds, as by default
    "RAY_memory_monitor_refresh_ms": "0",  # a kill by Ray's memory monitor ends the whole sweep
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a worker that was given no GPU sees none
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the run directory is the log
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a missing metric ends a trial, not the sweep
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the driver decides what Ctrl-C means
    "TUNE_GLOBAL_CHECKPOINT_S": "inf",  # Tune keeps no trial as JSON for a restore: the run directory restores
    "TUNE_MAX_PENDING_TRIALS_PG": "8",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_worker_niceness": "0",  # with Ray's 15, other work on the machine leaves workers next to nothing
}


_TOKEN = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()


def prepare_environment() -> None:
    """Set what Ray reads from the environment; must be called before Ray is imported."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def connected(
    address: str | None, say: Callable[[str], object] = narrate, libraries: Collection[str] = ()
) -> Iterator[None]:
    """Hold a connection to Ray: one started on this machine, or the cluster at `address` (host:port).

    If the process is already connected to Ray, that connection is used and left open. Afterwards the environment and
    Python's random numbers are as they were: Ray sets variables too, one of which would take over `breakpoint()`, and
    Tune shuffles its workers.

    Args:
        say: called with what keeps Ray from starting, while it is tried again.
        libraries: modules that all workers will import; those of a Ray on this machine are forked with them in memory.

    Raises:
        InputError: nobody answers at the address, or this process is a fork of one that has used Ray.
        SweepError: Ray did not start on this machine.
    """
    if _used_by not in (None, os.getpid()):
        raise InputError(
            "this process is a fork of one that has searched, and what Ray keeps in memory does not survive that: "
            "start it otherwise, as with multiprocessing.get_context('spawn')"
        )
    if address not in (None, "auto"):
        _probe(address)
    global _connections, _own  # noqa: PLW0603
    in_peace, drawn = False, random.getstate()
    with _connecting:
        before = dict(os.environ)
        try:
            prepare_environment()
            if not _connections or _is_closed():
                _own = _connect(address, say, libraries)
        finally:
            for name in os.environ:
                if os.environ[name] != before.get(name):
                    _replaced.setdefault(name, before.get(name))
        _connections += 1
    try:
        yield
        in_peace = True
    finally:
        with _connecting:
            _connections -= 1
            if not _connections:
                if _own is not None:
                    _own.close(in_peace=in_peace)
                _restore_environment()
                random.setstate(drawn)


@dataclass(frozen=True)
class _Own:
    """A connection that was opened here; `session` is the folder of a Ray that was started here."""

    session: Path | None

    def close(self, *, in_peace: bool) -> None:
        """Close it, and delete what the session leaves; after an error its logs may tell why."""
        import ray

        ray.shutdown()
        if self.session is None:
            return
        from kdtune.sweep.remote.local_ray import end_servers, keep_session, remove_session

        end_servers()
        if in_peace:
            remove_session(self.session)
        else:
            keep_session(self.session)


_connecting = threading.Lock()
_replaced: dict[str, str | None] = {}
"""Variables of the environment that are set while a connection is held, and what they were before."""

_used_by: int | None = None
"""The process that has connected to Ray; in a fork of it, Ray would end the process with a segmentation fault."""

_connections = 0
_own: _Own | None = None
"""Sweeps in threads of one process share a connection; the last one closes it, unless the user's code opened it."""


def _restore_environment() -> None:
    while _replaced:
        name, value = _replaced.popitem()
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def is_connected() -> bool:
    """Return whether this process uses a Ray already, ours or the user's."""
    return "ray" in sys.modules and not _is_closed()


def _is_closed() -> bool:
    """Return whether somebody else closed the connection: `ray.shutdown()` in a notebook does."""
    import ray

    return not ray.is_initialized()


def _connect(address: str | None, say: Callable[[str], object], libraries: Collection[str]) -> _Own | None:
    """Connect this process to Ray; return None if it already was."""
    if address is not None and _TOKEN.exists():
        # 'ray start --head' requires the token; a driver that joins does not send it by default.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    with warnings.catch_warnings(), _own_handlers(), _standard_error():
        warnings.simplefilter("ignore")
        import ray

        global _used_by  # noqa: PLW0603
        _used_by = os.getpid()
        if ray.is_initialized():
            return None
        from kdtune.sweep.remote.local_ray import job_of_this_process, start_ray

        if address is None:
            return _Own(start_ray(cores_here(), usable_gpus(), say, libraries))
        try:
            ray.init(
                address=address,
                job_config=job_of_this_process(),
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
        except (ConnectionError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise InputError(
                f"--address {address!r}: no Ray cluster to join ({reason}); start one with 'ray start --head'"
            ) from None
        return _Own(None)


@contextlib.contextmanager
def _standard_error() -> Iterator[None]:
    """Give Ray, which asks standard error for its descriptor, another where the program's has none."""
    try:
        sys.stderr.fileno()
    except Exception:  # it is None, or a program's own, of which nothing is known
        with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
            enabled = faulthandler.is_enabled()
            try:
                yield
            finally:
                if not enabled:
                    faulthandler.disable()  # Ray lets it write there
        return
    yield


@contextlib.contextmanager
def _own_handlers() -> Iterator[None]:
    """Let SIGTERM, and an error that nobody catches, mean what they meant before.

    Ray sets handlers of its own, and warns where it can't.
    """
    hook = sys.excepthook
    try:
        with _own_handler_of_sigterm():
            yield
    finally:
        sys.excepthook = hook


@contextlib.contextmanager
def _own_handler_of_sigterm() -> Iterator[None]:
    if threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGTERM)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
        return
    from ray._private import worker

    level = worker.logger.level
    worker.logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        worker.logger.setLevel(level)


def allot(resources: Resources, *, trials: int | None = None) -> Allotment:
    """Choose from what Ray has how many trials run at once, unless the space says so (see `allotted`)."""
    return allotted(resources, _nodes(), "Ray has", trials=trials)


def allot_here(resources: Resources, *, trials: int | None = None) -> Allotment:
    """Choose as `allot` does if Ray is started on this machine, without starting it."""
    here = Node(float(cores_here()), float(usable_gpus()))
    return allotted(resources, [here], "there is", trials=trials)


def workers_now(allotment: Allotment, resources: Resources) -> int:
    """Return how many trials may run at once on what Ray has now."""
    return workers_on(_nodes(), allotment, resources)


def usable_gpus() -> int:
    """Return how many GPUs torch can compute on here: Ray also counts those that this build of torch can't use.

    Slices of a GPU (MIG) that `CUDA_VISIBLE_DEVICES` lists count as GPUs: a process sees the first one alone, and Ray
    gives each process one of them.
    """
    import torch

    if not torch.cuda.is_available():
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    slices = [name for name in visible if name.strip().startswith("MIG-")]
    return len(slices) or torch.cuda.device_count()


def _nodes() -> list[Node]:
    import ray

    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(float(has.get("CPU", 0)), float(has.get("GPU", 0))) for has in alive]


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
