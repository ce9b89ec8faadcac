"""A limit of time for what might wait for ever, as at a FIFO."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let a test fail, rather than wait, if the block takes longer; a call that waits is interrupted."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"it took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
