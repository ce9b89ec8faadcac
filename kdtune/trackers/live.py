"""Logs a run while it runs: one process for each tracker, which follows the run's events as any reader does.

A tracker's library may hang, take memory, or end its process: none of that reaches the sweep.
"""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from kdtune.runs.jsonl import open_to_append
from kdtune.runs.paths import RunFiles
from kdtune.trackers.feed import opened

POLL_SECONDS = 1.0
PATIENCE = 30.0
"""Seconds that a sweep waits at its end for its trackers; those that need longer go on by themselves."""

THREAD = "kdtune-tracker"
"""Name of the threads that wait for them."""

Follow = Callable[[Sequence[str]], None]


@contextlib.contextmanager
def followed_by_trackers(files: RunFiles) -> Iterator[Follow]:
    """Give a function that starts trackers on a run; at the end of the block they get time for the last events."""
    started: list[subprocess.Popen[bytes]] = []

    def follow(names: Sequence[str]) -> None:
        for name in names:
            # -P: no modules from the current folder
            command = [sys.executable, "-P", "-m", "kdtune.trackers", str(files.root.resolve()), name]
            with open_to_append(files.log) as log:
                started.append(
                    subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                    )
                )

    try:
        yield follow
    finally:
        until = time.monotonic() + PATIENCE
        for process in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.1, until - time.monotonic()))
                continue
            threading.Thread(target=process.wait, name=THREAD, daemon=True).start()


def follow_to_the_end(files: RunFiles, name: str) -> None:
    """Log a run to a tracker until the run has ended.

    Raises:
        KdtuneError: the tracker refused, or can't be used.
    """
    with opened(files, name) as feed:
        while True:
            ended = feed.ended  # before the last look, so that nothing is written between them
            feed.update()
            if ended:
                return
            time.sleep(POLL_SECONDS)
