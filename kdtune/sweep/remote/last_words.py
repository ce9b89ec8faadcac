"""Says why a process has ended that could not say so itself.

If its raylet dies, Ray ends the process that is connected to it, at once and without a word.
"""

import contextlib
import subprocess
from collections.abc import Iterator

_SAY = ["sh", "-c", 'read -r left || printf "%s\\n" "$0" >&2']
"""Waits for a word, and for the end of the process that has the other end of its input."""


@contextlib.contextmanager
def last_words(what_to_do: str) -> Iterator[None]:
    """Have it said on standard error if this process ends within the block without leaving it.

    Args:
        what_to_do: how a person goes on then.
    """
    words = (
        f"error: this process was ended, by somebody or by Ray, whose process raylet is gone: {what_to_do}"
    )
    try:
        sayer = subprocess.Popen([*_SAY, words], stdin=subprocess.PIPE)
    except OSError:  # nobody to say it
        yield
        return
    assert sayer.stdin is not None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            sayer.stdin.write(b"left\n")
            sayer.stdin.close()
        sayer.wait()
