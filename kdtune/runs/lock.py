"""One driver per run: a lock that dies with its owner, a heartbeat for readers, and the request to stop."""

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kdtune.errors import RunError
from kdtune.files import read_json, write_json
from kdtune.runs.paths import RunFiles

HEARTBEAT_SECONDS = 2.0
"""Interval between the heartbeats of a driver."""

LOST_AFTER_SECONDS = 15.0
"""A driver without a heartbeat for this long is considered dead."""

_LOCK_SECONDS = 1.0
"""How long a new driver waits for the lock, because a reader that checks it holds it for a moment."""

StopMode = Literal["clean", "now"]


@contextlib.contextmanager
def driver_lock(files: RunFiles) -> Iterator[None]:
    """Hold a run as its only driver.

    Raises:
        RunError: another process holds it.
    """
    with open(files.lock, "a+") as file:
        if not _locked(file.fileno(), _LOCK_SECONDS):
            raise busy(files)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def busy(files: RunFiles) -> RunError:
    """Return the error of a second driver; it names the first."""
    try:
        owner = files.lock.read_text(encoding="utf-8").strip()
    except OSError:
        owner = ""
    return RunError(
        f"{files.root}: driven by {owner or 'another process'}: watch it with 'kdtune status {files.root.name}', "
        f"end it with 'kdtune stop {files.root.name}'"
    )


def _locked(descriptor: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def is_driven(files: RunFiles) -> bool:
    """Return whether a living process on this machine drives the run; no, if the lock file can't be opened."""
    try:
        # A shared lock on a file opened for reading: any number may check at once, even without permission to write.
        with open(files.lock) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def driver_seems_alive(files: RunFiles) -> bool:
    """Return whether a run has a driver, here or on another machine.

    On this machine the lock answers at once; for a driver elsewhere there is only its heartbeat.
    """
    if is_driven(files):
        return True
    heartbeat = last_heartbeat(files)
    if heartbeat is None or heartbeat.host == socket.gethostname():
        return False
    return heartbeat.age <= LOST_AFTER_SECONDS


@dataclass(frozen=True)
class Heartbeat:
    """The driver's last sign of life."""

    time: float
    pid: int
    host: str

    @property
    def age(self) -> float:
        """Seconds since this sign of life."""
        return max(0.0, time.time() - self.time)


def beat(files: RunFiles) -> None:
    """Record that this process, the driver, is alive."""
    write_json(files.heartbeat, {"time": time.time(), "pid": os.getpid(), "host": socket.gethostname()})


def last_heartbeat(files: RunFiles) -> Heartbeat | None:
    """Return the driver's last sign of life, or None."""
    try:
        record = read_json(files.heartbeat)
        return Heartbeat(float(record["time"]), int(record["pid"]), str(record["host"]))
    except (RunError, KeyError, TypeError, ValueError, OverflowError):
        return None


def request_stop(files: RunFiles, mode: StopMode = "clean") -> None:
    """Ask the driver to stop: after the current epochs, or at once. Either way the run can be resumed."""
    write_json(files.stop_request, {"mode": mode, "time": time.time()})


def requested_stop(files: RunFiles) -> StopMode | None:
    """Return how the driver is asked to stop, or None."""
    if not files.stop_request.exists():
        return None
    try:
        return "now" if read_json(files.stop_request).get("mode") == "now" else "clean"
    except RunError:
        return "clean"
