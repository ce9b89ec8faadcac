"""How a process of ours ends: without a search for garbage among all that it has imported, and without user threads."""

import atexit
import gc
import os
import sys
import threading

_PATIENCE = 10.0
"""Seconds that threads of user code have to end by themselves."""


def end_without_collecting() -> None:
    """Let this process collect nothing more once it ends; a process with torch and Ray in memory ends a second sooner.

    Files and other processes are not left to the collector anywhere. Only a process that is ours may do this: that of a
    command, a driver or a tracker.
    """
    atexit.register(_keep_all)


def end_in_spite_of_threads(code: int, *, patience: float = _PATIENCE) -> None:
    """Let this process end with an exit code even if a thread that user code started never does.

    Python waits for such threads for ever, and whoever waits for the process would, too. Call it last of all.

    Args:
        patience: seconds after which the process ends without them.
    """

    def end() -> None:
        ours = (threading.main_thread(), timer)
        names = ", ".join(
            thread.name for thread in threading.enumerate() if not (thread.daemon or thread in ours)
        )
        sys.stderr.write(
            f"kdtune: threads that never ended are not waited for: {names or 'none that Python knows'}\n"
        )
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(patience, end)
    timer.daemon = True
    timer.start()


def _keep_all() -> None:
    gc.disable()
    gc.freeze()
