"""Errors that a person can fix: one small tree of exceptions.

The command line prints `str(error)` and exits with `error.exit_code`; any other exception that escapes is a bug.
"""

import contextlib
import difflib
import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kdtune.lookalikes import differing, nearest_alike

_SUBJECTS = ("Input", "List", "Tuple", "Dictionary", "String")
"""How pydantic calls a value."""

_BESIDE = re.compile(r", unable to .*| after validation, not .*", re.DOTALL)
"""What it says beside what the value should be."""


class KdtuneError(Exception):
    """Root of every error that kdtune raises on purpose: the message says what is wrong, where, and what to do."""

    exit_code = 1


class InputError(KdtuneError):
    """Something that was asked for, or a file that was named, cannot be used as it is."""

    exit_code = 2


def expect(name: str, value: object, kinds: type | tuple[type, ...], words: str) -> None:
    """Refuse an argument of another type.

    Args:
        name: of the argument.
        kinds: what it may be; `bool` counts as `int` only where it is named.
        words: the same for people, with an article.

    Raises:
        InputError: it names the argument, what is expected, and what was given.
    """
    listed = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and not {bool, object} & set(listed)):
        shown = "None" if value is None else f"{repr(value)[:60]} ({type(value).__name__})"
        raise InputError(f"{name}: {words} is expected, not {shown}")


def expect_texts(name: str, value: object, words: str) -> list[str]:
    """Return a text, or several, as a list.

    Raises:
        InputError: it is neither.
    """
    if isinstance(value, str):
        return [value]
    expect(name, value, (list, tuple, set, frozenset), words)
    assert isinstance(value, Iterable)
    for item in value:
        expect(name, item, str, words)
    return list(value)


class SpaceError(InputError):
    """A search space is not valid: the message names the file and the key."""


class DataError(InputError):
    """A data set cannot be read or used: the message names the file, row, column, class or group."""


class UnknownNameError(InputError):
    """A name that no registry holds: the message offers the nearest one and lists the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = did_you_mean(name, names) if isinstance(name, str) else ""  # a program may have given anything
        super().__init__(f"unknown {kind} {name!r}{near} (known: {', '.join(names)})")
        self.kind = kind
        self.name = name


@contextlib.contextmanager
def about(key: str) -> Iterator[None]:
    """Let an InputError that is raised in here begin with the key of the space that it is about."""
    try:
        yield
    except InputError as error:
        error.args = (f"{key}: {error}",)
        raise


class RunError(InputError):
    """A run directory is missing, of another kind, of a newer version, or busy."""


class UnreadableError(RunError, OSError):
    """A file of a run is there, and can't be read."""

    def __str__(self) -> str:
        return str(self.args[0])  # not `[Errno …]`, as an OSError with a number and a reason would say

    @classmethod
    def of(cls, error: OSError, path: str | os.PathLike[str]) -> "UnreadableError":
        """Return an error that says what the system reported about a file."""
        reason = error.strerror or str(error)
        raised = cls(f"{os.fspath(path)}: not readable ({reason})")
        raised.errno, raised.strerror = error.errno, reason
        return raised


class SweepError(KdtuneError):
    """A sweep could not go on; what was recorded so far is kept."""


class DiskError(KdtuneError, OSError):
    """A file can't be written: the disk is full, read-only or gone; what was written before is intact."""

    @classmethod
    def of(cls, error: OSError, path: str | os.PathLike[str]) -> "DiskError":
        """Return an error that says what the system reported about a file, and what to do; one that does so stays."""
        if isinstance(error, cls):
            return error
        remedy = _DISK.get(error.errno or 0, "is the disk still there?")
        raised = cls(f"{os.fspath(path)}: can't be written ({error.strerror or error}): {remedy}")
        raised.errno = error.errno
        return raised


_DISK = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room: your quota on that disk is used up",
    errno.EFBIG: "files may not grow that large here",
    errno.EROFS: "the disk is read-only; name another folder",
    errno.EACCES: "you may not write there; name another folder",
    errno.EPERM: "you may not write there; name another folder",
    errno.EIO: "the disk is failing",
}


_IN_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What no reading of a file gives."""


def disk_words(error: OSError) -> str:
    """Return an error of the disk in words, of a file that may have been read or written."""
    where = error.filename if error.filename is not None else "a file"
    if error.errno in _IN_WRITING:
        return str(DiskError.of(error, where))
    return f"{os.fspath(where)}: {error.strerror}"


def is_disk_error(error: OSError) -> bool:
    """Return whether an error comes from the disk, not from a mistake in the program."""
    return error.errno in _DISK or error.errno in (errno.ESTALE, errno.ENODEV, errno.ENXIO)


def should_be(problem: Mapping[str, Any]) -> str:
    """Return what a value should be, of a problem that pydantic found: `should be greater than 0`.

    Empty where pydantic says something else, such as what a check of our own raised.
    """
    subject, found, rest = str(problem["msg"]).partition(" should ")
    return f"should {_BESIDE.sub('', rest)}" if found and subject in _SUBJECTS else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the nearest known name, or an empty string."""
    names = list(known)
    alike = nearest_alike(name, names)
    near = [alike] if alike is not None else difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}{differing(name, near[0])}?" if near else ""
