"""How a process of ours ends: what it has imported is not taken apart, and user threads are waited for only so long."""

import atexit
import contextlib
import gc
import os
import sys
import threading
from typing import NoReturn

_PATIENCE = 10.0
"""Seconds that threads of user code have to end by themselves."""


def end_process(code: int, *, patience: float = _PATIENCE) -> NoReturn:
    """End this process as Python would, but leave what is in memory to the system. Call it last of all.

    Threads are waited for, then what `atexit` registered is run, then standard output and standard error are flushed.
    Python would also take every module apart: with torch and Ray in memory that takes a third of a second, for nothing.
    Files and other processes are not left to that anywhere. Only a process that is ours may end so: that of a command,
    a driver or a tracker.

    Args:
        code: the exit code.
        patience: seconds after which the process ends in spite of threads that a user's code has started, and that
            never end. Python would wait for them for ever, and whoever waits for this process would, too.
    """

    def end_in_spite_of_threads() -> None:
        ours = (threading.main_thread(), timer)
        names = ", ".join(
            thread.name for thread in threading.enumerate() if not (thread.daemon or thread in ours)
        )
        sys.stderr.write(
            f"kdtune: threads that never ended are not waited for: {names or 'none that Python knows'}\n"
        )
        _leave(code)

    timer = threading.Timer(patience, end_in_spite_of_threads)
    timer.daemon = True
    timer.start()
    threading._shutdown()  # type: ignore[attr-defined]  # as at the end of each process of multiprocessing
    atexit._run_exitfuncs()
    _leave(code)


def _leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        # There may be none, or nobody who reads it any more.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


def end_without_collecting() -> None:
    """Let this process collect nothing more once it ends, where it does not end by `end_process`."""
    atexit.register(_keep_all)


def _keep_all() -> None:
    gc.disable()
    gc.freeze()
