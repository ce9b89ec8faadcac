"""Refuses, before any memory is taken, what would not fit into it: sizes come from numbers that a person types."""

import sys
from pathlib import Path

from kdtune.errors import InputError

GB = 10**9

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def free_memory() -> int:
    """Return the bytes of memory that a process can still get here, by a container's limit too; without psutil, any."""
    try:
        import psutil
    except ImportError:  # where a student is loaded, little need be installed
        return sys.maxsize
    return in_container(int(psutil.virtual_memory().available))


def in_container(size: int) -> int:
    """Return a number of bytes, or the limit of the container's memory if that is less."""
    for limit in _LIMITS:
        try:
            size = min(size, int(Path(limit).read_text(encoding="ascii")))
        except (OSError, ValueError):  # there is no such limit, or it is "max"
            continue
    return size


def check_memory(needed: int, what: str, remedy: str, kind: type[InputError] = InputError) -> None:
    """Refuse what needs more memory than there is.

    Args:
        needed: bytes, or fewer than are needed.
        what: what they are for, in the plural: it begins the message.
        remedy: what to do.
        kind: class of the error.

    Raises:
        InputError: with both sizes.
    """
    free = free_memory()
    if needed > free:
        raise kind(
            f"{what} take {needed / GB:,.1f} GB of memory, and {free / GB:,.1f} GB are free here: {remedy}"
        )
