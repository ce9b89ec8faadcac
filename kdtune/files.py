"""The one door to the disk: opens regular files only, replaces files and folders in one step, makes them durable.

A file that is replaced is the old one or the new one for every reader. What a machine that loses its power keeps of it
is another matter: only what was synced is sure to be there again, under its name and with its content.
"""

import contextlib
import errno
import hashlib
import io
import json
import math
import os
import secrets
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from kdtune.errors import DiskError, InputError, KdtuneError, RunError, UnreadableError

LARGEST_JSON = 1 << 26
"""Bytes of a JSON document that a run or an export may hold; kdtune's own have some kilobytes."""

LARGEST_WEIGHTS = 1 << 35
"""Bytes of a file of weights."""

_LARGEST_TEXT = 1 << 32

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOT_SYNCED = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.ENOSYS)
"""What file systems answer that have no notion of syncing a folder."""

_SYNCED_AT_ONCE = 8
"""Files for which the disk is asked at a time; more gain nothing."""

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: str | Path, *, limit: int | None = None) -> io.BufferedReader:
    """Open a file for reading, unless it is something else than a file.

    A folder from elsewhere may hold a FIFO, which keeps its reader waiting for ever, or a device, which never ends.

    Args:
        limit: bytes that the file may have.

    Raises:
        OSError: it is missing, can't be read, is no regular file, or is larger than the limit.
    """
    _check_regular(os.stat(path), path, limit)  # first, because opening a device may do things
    descriptor = os.open(path, _READ)
    try:
        _check_regular(os.fstat(descriptor), path, limit)
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check_regular(facts: os.stat_result, path: str | Path, limit: int | None) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(facts.st_mode):
        kind = _KINDS.get(stat.S_IFMT(facts.st_mode), "something else")
        raise OSError(errno.EINVAL, f"{kind}, not a file", str(path))
    if limit is not None and facts.st_size > limit:
        raise OSError(errno.EINVAL, f"{facts.st_size:,} bytes, and {limit:,} are the most", str(path))


def read_regular(path: str | Path, *, limit: int = LARGEST_JSON) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: see `open_regular`.
    """
    with open_regular(path, limit=limit) as file:
        return file.read(os.fstat(file.fileno()).st_size)  # no more, should it grow


def read_text(path: str | Path, *, encoding: str = "utf-8") -> str:
    """Return the content of a text file: a list of names or annotations, whose size the data set decides.

    Raises:
        OSError: see `open_regular`.
        UnicodeDecodeError: it is not written in this encoding.
    """
    return read_regular(path, limit=_LARGEST_TEXT).decode(encoding)


def current_folder() -> Path:
    """Return this process's current folder, as an absolute path.

    Raises:
        InputError: it was deleted: no relative path leads anywhere, and Ray does not start there.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise InputError(
            "the current folder was deleted: change to one that exists (cd) and try again"
        ) from None


def cache_dir() -> Path:
    """Return the folder for things that can be made again: `KDTUNE_CACHE`, or the user's cache folder."""
    asked = os.environ.get("KDTUNE_CACHE")
    if asked:
        return Path(asked).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("kdtune"))


def dumps(record: Any) -> str:
    """Return `record` as one line of strict JSON; NaN and infinities (undefined quantities) become null."""
    try:
        line = json.dumps(record, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        line = json.dumps(_without_nan(record), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    # A file name that is not valid text has lone surrogates; UTF-8 can't encode them, but JSON can escape them.
    return line.encode("utf-8", "backslashreplace").decode()


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


def sha256_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file.

    Raises:
        OSError: see `open_regular`.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        RunError: the file is missing, or does not hold a JSON object.
    """
    try:
        value = json.loads(read_regular(path))
    except FileNotFoundError:
        raise RunError(f"{path}: missing") from None
    except OSError as error:
        raise UnreadableError.of(error, path) from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(value, dict):
        raise RunError(f"{path}: holds a {type(value).__name__}, not an object")
    return value


def write_json(path: Path, value: Any, *, durable: bool = False) -> None:
    """Replace a JSON file in one step; see `write_bytes`."""
    write_bytes(path, (dumps(value) + "\n").encode(), durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Replace a file in one step: a reader sees the whole old file or the whole new one.

    Args:
        durable: whether to wait until the disk has it, and its name.

    Raises:
        DiskError: it can't be written; its old content is intact.
    """
    aside = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(os.open(aside, _NEW, 0o666), "wb") as file:  # the user's umask says who may read it
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
        if durable:
            sync(path.parent)
    except OSError as error:
        raise DiskError.of(error, path) from error


def sync(*paths: Path) -> None:
    """Wait until the disk has the content of these files, and the names in these folders.

    It is asked for several at a time, because a disk writes them together: fifty files take a fifteenth of the time.

    Raises:
        DiskError: the disk reports an error.
    """
    if len(paths) < 2:
        for path in paths:
            _sync(path)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(_SYNCED_AT_ONCE, len(paths))) as pool:
        list(pool.map(_sync, paths))


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, _READ)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SYNCED:
            raise DiskError.of(error, path) from error


def sync_folders(*folders: Path) -> None:
    """Wait until the disk has all files in these folders, with their names, and the names of the folders themselves.

    Raises:
        DiskError: the disk reports an error.
    """
    found: dict[Path, None] = {}
    for folder in folders:
        for root, _, names in os.walk(folder):
            paths = [Path(root, name) for name in sorted(names)]
            found |= dict.fromkeys(path for path in paths if path.is_file() and not path.is_symlink())
            found[Path(root)] = None
        found[folder.parent] = None
    sync(*found)


@contextlib.contextmanager
def replace_folder(folder: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield an empty folder to write into; it replaces `folder` when the block ends without an error, and is durable.

    Nobody ever sees a half-written folder, only the old one or the new one or, for a moment while one replaces the
    other, none. After an error the old one is untouched and the new one is gone; what a killed process leaves aside is
    deleted by the next one. When two processes fill the same place at once, the folder of one of them stays, whole, and
    neither gets an error.

    Args:
        overwrite: whether an existing folder that is not empty is replaced.

    Raises:
        InputError: a file is in the way, or a folder that may not be overwritten.
        DiskError: something can't be written.
    """
    aside = _aside(folder)
    try:
        if not overwrite and os.path.lexists(folder) and not (folder.is_dir() and not os.listdir(folder)):
            raise _in_the_way(folder)  # before anything is computed for it
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder.parent, partial(_pid_after, _begin(folder.name)))
        aside.mkdir()
        try:
            yield aside
            sync_folders(aside)
            _move_into_place(aside, folder, overwrite=overwrite)
            sync(folder.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except KdtuneError:
        raise
    except OSError as error:
        raise DiskError.of(error, folder) from error


def check_place(path: Path, remedy: str) -> None:
    """Refuse a path at which no file and no folder can be made, before anything is computed for it.

    What is made to find it out is deleted at once; folders above that are missing stay so.

    Args:
        remedy: what to do, for the message.

    Raises:
        InputError: the message names the folder in which nothing can be made, and the system's reason.
    """
    whole = path.absolute()
    missing, above = [whole.name], whole.parent
    while not os.path.lexists(above) and above != above.parent:
        missing.append(above.name)
        above = above.parent
    try:
        for name in missing:
            aside = _aside(above / name)
            aside.mkdir()
            aside.rmdir()
    except (OSError, ValueError) as error:  # a ValueError, where no name of a file has such characters
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: can't be written (in {str(above)!r}: {reason}): {remedy}") from None


def temporary_folder(purpose: str) -> Path:
    """Make a folder among the system's temporary files, which the caller deletes.

    Folders of the same purpose whose processes were killed before they could do so are deleted now.
    """
    parent, begin = Path(tempfile.gettempdir()), f"kdtune-{purpose}-{this_machine()}-"
    remove_abandoned(parent, partial(_pid_after, begin))
    return Path(tempfile.mkdtemp(prefix=f"{begin}{os.getpid()}-", dir=parent))


def remove_abandoned(parent: Path, pid_of: Callable[["os.DirEntry[str]"], str]) -> None:
    """Delete the folders in `parent` that are this user's and whose processes are gone: those were killed.

    Links are not followed. What can't be read or deleted stays.

    Args:
        pid_of: returns the number of the process of this machine that made a folder; empty for one that is not ours.
    """
    import psutil

    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                own = stat.S_ISDIR(facts.st_mode) and facts.st_uid == getattr(os, "geteuid", lambda: 0)()
                pid = pid_of(entry) if own else ""
                if pid.isdigit() and not psutil.pid_exists(int(pid)):
                    shutil.rmtree(entry.path, ignore_errors=True)


def this_machine() -> str:
    """Return a short name of this machine or container: only inside it does the number of a process mean the same."""
    space = ""
    with contextlib.suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _begin(name: str) -> str:
    return f".{name}-incomplete-{this_machine()}-"


def _aside(folder: Path) -> Path:
    return folder.parent / f"{_begin(folder.name)}{os.getpid()}-{secrets.token_hex(4)}"


def _pid_after(begin: str, entry: "os.DirEntry[str]") -> str:
    return entry.name.removeprefix(begin).partition("-")[0] if entry.name.startswith(begin) else ""


def _in_the_way(folder: Path) -> InputError:
    return InputError(f"{folder}: is in the way: move it away, or name another folder")


def _move_into_place(new: Path, folder: Path, *, overwrite: bool) -> None:
    try:
        new.rename(folder)  # fails if the folder exists and is not empty
    except OSError:
        if folder.exists() and not (overwrite and folder.is_dir()):
            raise _in_the_way(folder) from None
        if not folder.exists():
            raise
        old = new.with_name(f"{new.name}-old")
        # If another process was faster, its folder is as good as ours.
        with contextlib.suppress(OSError):
            folder.rename(old)
            new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
