"""One driver per run: a lock that dies with its owner, a heartbeat for readers, and the request to stop."""

import _thread
import contextlib
import errno
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kdtune.errors import DiskError, RunError
from kdtune.files import open_regular, read_json, read_regular, write_json
from kdtune.runs.jsonl import open_to_append
from kdtune.runs.paths import RunFiles

fcntl: Any
try:
    import fcntl
except ImportError:  # on Windows runs are only read
    fcntl = None

HEARTBEAT_SECONDS = 2.0
"""Interval between the heartbeats of a driver."""

LOST_AFTER_SECONDS = 15.0
"""A driver without a heartbeat for this long is considered dead."""

_CHANGE_SECONDS = 2.5 * HEARTBEAT_SECONDS
"""How long a heartbeat that another machine's clock dates wrongly is watched: a living driver changes it meanwhile."""

_OLD_SECONDS = 86_400.0
"""No clock is wrong by more: an older heartbeat is not watched."""

_LOCK_SECONDS = 1.0
"""How long a new driver waits for the lock, because a reader that checks it holds it for a moment."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""What file systems answer that know no locks (Lustre without its option, some of NFS and FUSE)."""

_OWNER_BYTES = 4096
_SIGNATURE = re.compile(r"process (?P<pid>\d{1,9}) on (?P<host>.+)")

_PREPARED_SECONDS = 300.0
"""How long another machine may take from a run's first moment to its first record."""

StopMode = Literal["clean", "now"]


@contextlib.contextmanager
def driver_lock(files: RunFiles) -> Iterator[None]:
    """Hold a run as its only driver.

    Raises:
        RunError: another process holds it.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open_to_append(files.lock))
        except OSError as error:
            raise DiskError.of(error, files.lock) from error
        locked = _locked(file.fileno(), _LOCK_SECONDS)
        if locked is None:
            stack.enter_context(_lease(files))
        elif not locked:
            raise busy(files)
        file.truncate(0)
        file.write(this_process().encode())
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                file.truncate(0)


def this_process() -> str:
    """Return how this process signs a run that it drives."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def owner_of(files: RunFiles) -> str:
    """Return how the last driver signed the run; empty if none did."""
    try:
        return read_regular(files.lock, limit=_OWNER_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def busy(files: RunFiles) -> RunError:
    """Return the error of a second driver; it names the first."""
    return RunError(
        f"{files.root}: driven by {owner_of(files) or 'another process'}: watch it with 'kdtune status "
        f"{files.argument}', end it with 'kdtune stop {files.argument}'"
    )


def check_idle(files: RunFiles) -> None:
    """Refuse a run that a driver is at work on.

    Raises:
        RunError: naming the driver.
    """
    if driver_seems_alive(files):
        raise busy(files)


def _locked(descriptor: int, seconds: float) -> bool | None:
    """Return whether the lock could be had; None where the file system knows no locks."""
    from filelock import lock_descriptor

    deadline = time.monotonic() + seconds
    try:
        while not lock_descriptor(descriptor, blocking=False):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


@contextlib.contextmanager
def _lease(files: RunFiles) -> Iterator[None]:
    """Hold a run by a file that its owner refreshes, where the file system knows no locks.

    An owner on this machine that has died is noticed at once, one on another machine when nothing was refreshed for
    `LOST_AFTER_SECONDS`. An owner that was taken for dead, because it was suspended, hears an interrupt.
    """
    from filelock import SoftFileLease, Timeout

    lease = SoftFileLease(
        _lease_file(files),
        lease_duration=LOST_AFTER_SECONDS,
        heartbeat_interval=HEARTBEAT_SECONDS,
        on_compromise=lambda _: _thread.interrupt_main(),
    )
    try:
        lease.acquire(timeout=LOST_AFTER_SECONDS + 2 * HEARTBEAT_SECONDS)
    except Timeout:
        raise busy(files) from None
    try:
        yield
    finally:
        lease.release()


def _lease_file(files: RunFiles) -> Path:
    return files.lock.with_name("lock.lease")


def is_driven(files: RunFiles) -> bool:
    """Return whether a living process on this machine drives the run; no, if the lock file can't be opened."""
    return bool(_is_locked(files))


def _is_locked(files: RunFiles) -> bool | None:
    """Return whether a process holds the lock; None where that can't be told."""
    if fcntl is None:
        return None
    try:
        # A shared lock on a file opened for reading: any number may check at once, even without permission to write.
        with open_regular(files.lock) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        return None if error.errno in _NO_LOCKS else False
    return False


def driver_seems_alive(files: RunFiles) -> bool:
    """Return whether a run has a driver, here or on another machine.

    On this machine the lock answers at once. For a driver elsewhere, or where the file system knows no locks, there is
    only its heartbeat. If that has a likely time, it is believed; if another machine's clock is wrong, the heartbeat is
    watched for some seconds, because what matters is whether it changes.
    """
    locked = _is_locked(files)
    if locked:
        return True
    heartbeat = last_heartbeat(files)
    if heartbeat is None:
        return False
    if heartbeat.host == socket.gethostname() and (locked is False or not signer_lives(files)):
        return False
    return heartbeat.is_fresh or (abs(heartbeat.age) <= _OLD_SECONDS and _changes(files, heartbeat))


def signer_lives(files: RunFiles) -> bool:
    """Return whether the process that signed the run last lives here, or signed elsewhere a moment ago.

    Before a driver holds the lock, whoever made the run's folder signs it.
    """
    signed = _SIGNATURE.fullmatch(owner_of(files))
    if signed is None:
        return False
    try:
        since = files.lock.stat().st_mtime
    except OSError:
        return False
    if signed["host"] != socket.gethostname():
        return time.time() - since < _PREPARED_SECONDS
    return _runs(int(signed["pid"]), since)


def _runs(pid: int, since: float) -> bool:
    """Return whether a process of this machine runs that was there at that time: a later one may get its number."""
    import psutil

    try:
        process = psutil.Process(pid)
        return bool(process.create_time() <= since + 1 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


_seen: dict[Path, tuple["Heartbeat", float, bool]] = {}
"""By run: the last heartbeat that was seen, since when by this process's clock, and whether one came before it."""


def _changes(files: RunFiles, heartbeat: "Heartbeat") -> bool:
    """Return whether heartbeats come; where this process never looked before, it waits for the next one."""
    known = _seen.get(files.root)
    if known is None or known[0] != heartbeat:
        _seen[files.root] = (heartbeat, time.monotonic(), known is not None)
    if known is None:
        deadline = time.monotonic() + _CHANGE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.1)
            now = last_heartbeat(files)
            if now is not None and now != heartbeat:
                _seen[files.root] = (now, time.monotonic(), True)
                break
    _, since, changed = _seen[files.root]
    return changed and time.monotonic() - since <= LOST_AFTER_SECONDS


@dataclass(frozen=True)
class Heartbeat:
    """The driver's last sign of life."""

    time: float
    pid: int
    host: str

    @property
    def age(self) -> float:
        """Seconds since this sign of life; below 0 if another machine's clock is ahead of this one's."""
        return time.time() - self.time

    @property
    def is_fresh(self) -> bool:
        """Whether it came so lately that its driver lives."""
        return 0 <= self.age <= LOST_AFTER_SECONDS


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
