"""Inputs that may not fit into memory: decoded once into a .npy file, which is mapped and read only as needed."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kdtune.errors import DataError
from kdtune.files import cache_dir, open_regular, read_regular, sha256_of


def map_file(path: str | Path, *, mode: Literal["r", "c"] = "r") -> np.memmap:
    """Map a .npy file for reading (or copy-on-write, "c"); nothing is read before it is needed.

    Raises:
        DataError: it is gone, or not a whole .npy file.
    """
    try:
        open_regular(path).close()
        array = np.load(path, mmap_mode=mode, allow_pickle=False)
    except Exception as error:  # a damaged header can make numpy raise anything
        raise DataError(f"{path}: cannot be mapped ({error}): delete it, and it will be made again") from None
    if not isinstance(array, np.memmap):
        raise DataError(f"{path}: is not a .npy file of an array: delete it, and it will be made again")
    return array


def mapped_file(
    key: str,
    shape: tuple[int, ...],
    row: Callable[[int], NDArray[np.uint8]],
    *,
    check: Callable[[], None] = lambda: None,
    remedy: str,
) -> Path:
    """Return the .npy file (uint8, `shape`) kept under `key` in the cache; made from `row(0..n-1)` if need be.

    Rows are asked for in several threads; `check` is called once all are written, and may still refuse. A file
    of another shape, or cut short, is made again. Its bytes are not checked further, because reading them all
    is what it is there to avoid.

    Raises:
        DataError: the disk has no room for it (with `remedy`), or `row` or `check` raises it.
    """
    path = cache_dir() / f"{key}.npy"
    try:
        if os.path.exists(path) and (kept := _whole(path, shape)):
            return kept
        path.parent.mkdir(parents=True, exist_ok=True)
        return _filled(path, shape, row, check, remedy)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}): {remedy}, or set KDTUNE_CACHE to a folder of yours"
        ) from error


def _whole(path: Path, shape: tuple[int, ...]) -> Path | None:
    """Return the file if it has this shape; delete one that is none."""
    try:
        return path if map_file(path).shape == shape else None
    except DataError:
        path.unlink()
        return None


def _filled(
    path: Path,
    shape: tuple[int, ...],
    row: Callable[[int], NDArray[np.uint8]],
    check: Callable[[], None],
    remedy: str,
) -> Path:
    needed, free = int(np.prod(shape)), shutil.disk_usage(path.parent).free
    if needed > free:
        raise DataError(
            f"{path.parent}: {needed / 1e9:.1f} GB are needed for {shape[0]} decoded images, {free / 1e9:.1f} GB "
            f"are free: {remedy}, or set KDTUNE_CACHE to a larger disk"
        )
    name = path.with_name(
        f".{path.name}.{secrets.token_hex(4)}"
    )  # made with what the user's umask allows others
    try:
        array = np.lib.format.open_memmap(name, mode="w+", dtype=np.uint8, shape=shape)
        fill_rows(array, row)
        check()
        array.flush()
        del array
        os.replace(name, path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    return path


def file_hash(path: Path) -> str:
    """Return the SHA-256 (hex) of a mapped file; computed once, then stored beside it."""
    beside = path.with_suffix(".sha256")
    facts = path.stat()
    stamp = f"{facts.st_size} {facts.st_mtime_ns}"
    try:
        kept, _, value = read_regular(beside).decode("ascii").rpartition(" ")
        if kept == stamp and len(value) == 64:
            return value
    except (OSError, UnicodeDecodeError):
        pass
    value = sha256_of(path)
    with contextlib.suppress(OSError):
        beside.write_text(f"{stamp} {value}", encoding="ascii")
    return value


def fill_rows(array: NDArray[np.uint8], row: Callable[[int], NDArray[np.uint8]]) -> None:
    """Fill `array` with `row(0..n-1)`, from several threads; the first error of a row ends it."""

    def fill(number: int) -> None:
        array[number] = row(number)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        # In blocks: a million waiting futures would hold more memory than the images.
        for start in range(0, len(array), 4096):
            try:
                for _ in pool.map(fill, range(start, min(start + 4096, len(array)))):
                    pass
            except DataError:
                pool.shutdown(cancel_futures=True)
                raise
