"""Where Ray keeps its sockets, its logs and the data that processes share: a short path, with room."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from kdtune.errors import SweepError

LONGEST = 40
"""Letters of the folder: a socket's path in it has 66 more, and the system allows 107."""

_OTHERS = ("/tmp", "/var/tmp", "/dev/shm")
_ROOM, _FEW_FILES = 64 * 2**20, 200
"""Bytes and files that a session needs."""

_LEAST_STORE, _LARGEST_STORE = 200 * 2**20, 8 * 2**30
_SHARED = Path("/dev/shm")


def choose_folder(say: Callable[[str], object]) -> Path:
    """Return the folder in which Ray makes that of its session: its own choice, if that will do, or another.

    Args:
        say: called if it is another.

    Raises:
        SweepError: none will do; the message says why not.
    """
    from ray._common.utils import get_default_ray_temp_dir

    first = Path(get_default_ray_temp_dir())
    reasons: dict[Path, str] = {}
    for folder in dict.fromkeys([first, *(Path(place, "ray") for place in _OTHERS)]):
        why = unfit(folder)
        if not why:
            if folder != first:
                say(f"{first} won't do for Ray ({reasons[first]}), so Ray keeps its files in {folder}")
            return folder
        reasons[folder] = why
    raise SweepError(
        f"Ray has no place for its files ({'; '.join(f'{place}: {why}' for place, why in reasons.items())}): "
        "make room, or name a short path with RAY_TMPDIR"
    )


def unfit(folder: Path) -> str:
    """Return why Ray can't keep its files in a folder; empty if it can."""
    if len(os.fsencode(folder)) > LONGEST:
        return f"more than {LONGEST} letters, and the names of sockets would be too long"
    there = _existing(folder)
    try:
        facts = os.statvfs(there)
    except OSError as error:
        return error.strerror or str(error)
    problems = {
        "not a folder": not there.is_dir(),
        "read-only": facts.f_flag & getattr(os, "ST_RDONLY", 0),
        "you may not write there": not os.access(there, os.W_OK | os.X_OK),
        "full": facts.f_bavail * facts.f_frsize < _ROOM,
        "no inodes left": facts.f_files and facts.f_favail < _FEW_FILES,
    }
    return next((why for why, found in problems.items() if found), "")


def _existing(folder: Path) -> Path:
    """Return the nearest of a folder and its parents that exists."""
    return next((place for place in (folder, *folder.parents) if place.exists()), folder)


def object_store_bytes(folder: Path, say: Callable[[str], object]) -> int:
    """Return a tenth of the memory, within [200 MB, 8 GB] and what shared memory holds: data and logits are small.

    Where shared memory has less than that, as in a container, Ray uses a file in its folder.
    """
    import psutil

    wanted = min(max(psutil.virtual_memory().available // 10, _LEAST_STORE), _LARGEST_STORE)
    with contextlib.suppress(OSError):
        shared = _free(_SHARED) * 8 // 10
        if shared < _LEAST_STORE:
            say(
                f"{_SHARED} has only {shared * 10 // 8 / 1e6:.0f} MB free: Ray shares data through files in {folder} "
                "instead, which is slower (in a container: --shm-size=2g)"
            )
            shared = _free(_existing(folder)) // 2
        wanted = min(wanted, shared)
    return int(max(wanted, 80 * 2**20))


def _free(place: Path) -> int:
    facts = os.statvfs(place)
    return facts.f_bavail * facts.f_frsize
