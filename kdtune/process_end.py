"""How a process of ours ends: without a search for garbage among all that it has imported."""

import atexit
import gc


def end_without_collecting() -> None:
    """Let this process collect nothing more once it ends; a process with torch and Ray in memory ends a second sooner.

    Files and other processes are not left to the collector anywhere. Only a process that is ours may do this: that of a
    command, a driver or a tracker.
    """
    atexit.register(_keep_all)


def _keep_all() -> None:
    gc.disable()
    gc.freeze()
