"""Limits of time for what might wait for ever."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

PATIENCE = 600.0
"""Seconds after which something hangs; with eight other busy processes, a machine may take twenty times as long."""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let a test fail, rather than wait, if the block takes longer; a call that waits, as at a FIFO, is interrupted."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"it took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
