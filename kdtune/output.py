"""The one door to standard output and standard error: text that a terminal can't show or take raises nothing.

A character that the terminal's encoding lacks is written as something near (`->` for `→`) or as its code. A reader that
is gone (`| head`) ends the output, not the command. Only a full disk below standard output is an error.
"""

import codecs
import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, TextIO, cast

from kdtune.text import plain_lines

_NEAREST = {
    "→": "->",
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "·": "*",
    "α": "a",
    "²": "^2",
    "≥": ">=",
    "≤": "<=",
    "∞": "inf",
    "±": "+-",
    "✓": "+",
    "✗": "x",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "\xa0": " ",
}
"""What stands for a character of our own messages where the encoding has no such character."""

_GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ESHUTDOWN, errno.ENXIO)
"""Errors that say that nobody reads the output any more, or that there is none."""

_ERRORS = "kdtune-nearest"

STANDARD_OUTPUT = "standard output"
"""What messages call it, instead of a file's name."""


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    shown = (_NEAREST.get(c) or c.encode("unicode_escape").decode("ascii") for c in lacking)
    return "".join(shown), error.end


codecs.register_error(_ERRORS, _nearest)


class _Tolerant:
    """A text stream that takes every text; what else it has is the stream's own.

    Args:
        name: for messages; None for a stream whose every failure is ignored, because nothing is left to report it on.
        owned: whether the process is ours, so that a stream that fails may be replaced.
    """

    def __init__(self, stream: TextIO, name: str | None, *, owned: bool) -> None:
        self._stream = stream
        self._name = name
        self._owned = owned
        self._gone = False
        self._error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, in what the encoding has."""
        if not self._gone:
            try:
                self._stream.write(self._encodable(text))
            except (OSError, ValueError) as error:
                self._fail(error)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what is kept back."""
        if self._error is not None:  # argparse ignores it
            raise self._error
        if not self._gone and hasattr(self._stream, "flush"):  # a program's own may do without
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._fail(error)

    def _encodable(self, text: str) -> str:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeError:
            return text.encode(encoding, _ERRORS).decode(encoding)
        except LookupError:  # an encoding that Python does not know: the stream decides
            pass
        return text

    def _fail(self, error: OSError | ValueError) -> None:
        self._gone = True
        if self._owned:  # what the stream still keeps back must not fail again when the process ends
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
        if self._name is not None and isinstance(error, OSError) and error.errno not in _GONE:
            error.filename, self._error = self._name, error
            raise error


def _tolerant(stream: TextIO | None, name: str | None, *, owned: bool = False) -> TextIO:
    if isinstance(stream, _Tolerant):
        return cast(TextIO, stream)
    return cast(TextIO, _Tolerant(stream or open(os.devnull, "w"), name, owned=owned))


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Make the standard streams of this process take every text while a command runs.

    Where the shell has closed one (`>&-`), the null device takes its place; otherwise the next file that is opened
    would become standard output.

    Raises:
        SystemExit: the last of the output can't be written, because the disk is full.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
    before = sys.stdout, sys.stderr
    sys.stdout = _tolerant(sys.stdout, STANDARD_OUTPUT, owned=True)
    sys.stderr = _tolerant(sys.stderr, None, owned=True)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename != STANDARD_OUTPUT:
            raise
        narrate(f"kdtune: {error.filename}: {error.strerror}", error=True)
        raise SystemExit(1) from None
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


_quiet = ContextVar("quiet", default=False)
"""Of each thread by itself: one may be quiet while another is not."""


@contextlib.contextmanager
def quieted(quiet: bool) -> Iterator[None]:
    """Print no messages but errors while the block runs, if that is asked for."""
    before = _quiet.set(quiet)
    try:
        yield
    finally:
        _quiet.reset(before)


def narrate(text: object, *, error: bool = False) -> None:
    """Print a message for people, on standard error; a new line begins only where the text has one.

    Args:
        error: whether it says that something went wrong: then it is printed under `--quiet` too.
    """
    if _quiet.get() and not error:
        return
    stream = _tolerant(sys.stderr, None)
    stream.write(f"{plain_lines(text)}\n")
    stream.flush()


def print_data(text: str, *, end: str = "\n") -> None:
    """Print what was asked for, on standard output, as it is."""
    output().write(f"{text}{end}")


def output() -> TextIO:
    """Return standard output, such that it takes every text."""
    return _tolerant(sys.stdout, STANDARD_OUTPUT)


def narration() -> TextIO:
    """Return standard error, such that it takes every text."""
    return _tolerant(sys.stderr, None)
