"""Reads and writes strict JSON, and replaces files and folders in one step."""

import contextlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kdtune.errors import DiskError, InputError, KdtuneError, RunError


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


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        RunError: the file is missing, or does not hold a JSON object.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path}: missing") from None
    except OSError as error:
        raise RunError(f"{path}: not readable ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(value, dict):
        raise RunError(f"{path}: holds a {type(value).__name__}, not an object")
    return value


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file in one step: a reader sees the whole old file or the whole new one."""
    write_bytes(path, (dumps(value) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step.

    Raises:
        DiskError: it can't be written; its old content is intact.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(aside, 0o644)
            os.replace(aside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(aside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DiskError.of(error, path) from error


@contextlib.contextmanager
def replace_folder(folder: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield an empty folder to write into; it replaces `folder` when the block ends without an error.

    Nobody ever sees a half-written folder, only the old one or the new one or, for a moment while one replaces the
    other, none. After an error the old one is untouched and the new one is gone. When two
    processes fill the same place at once, the folder of one of them stays, whole, and neither gets an error.

    Args:
        overwrite: whether an existing folder that is not empty is replaced.

    Raises:
        InputError: a file is in the way, or a folder that may not be overwritten.
        DiskError: something can't be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-incomplete-"))
        try:
            yield aside
            aside.chmod(0o755)
            _move_into_place(aside, folder, overwrite=overwrite)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except KdtuneError:
        raise
    except OSError as error:
        raise DiskError.of(error, folder) from error


def _move_into_place(new: Path, folder: Path, *, overwrite: bool) -> None:
    try:
        new.rename(folder)  # fails if the folder exists and is not empty
    except OSError:
        if folder.exists() and not (overwrite and folder.is_dir()):
            raise InputError(f"{folder}: is in the way: move it away, or name another folder") from None
        if not folder.exists():
            raise
        old = new.with_name(f"{new.name}-old")
        # If another process was faster, its folder is as good as ours.
        with contextlib.suppress(OSError):
            folder.rename(old)
            new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
