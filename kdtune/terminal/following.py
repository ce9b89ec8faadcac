"""Progress of a sweep that runs in this process: from a thread that follows the run directory, as any reader does."""

import contextlib
import threading
from collections.abc import Iterator

from kdtune.runs.events import StateReader
from kdtune.runs.paths import RunFiles
from kdtune.terminal.notebook import NotebookProgress, in_notebook
from kdtune.terminal.progress import Progress

_POLL_SECONDS = 0.5


@contextlib.contextmanager
def followed(files: RunFiles) -> Iterator[None]:
    """Show a run's progress while the block runs: in a notebook a picture in its cell, elsewhere plain lines."""
    events, ended = StateReader(files.events), threading.Event()

    def follow(progress: Progress) -> None:
        while not ended.wait(_POLL_SECONDS):
            look(progress)

    def look(progress: Progress) -> None:
        with contextlib.suppress(Exception):  # what can't be shown now must not end what it is about
            events.update()
            if events.tail.offset:
                progress.show(events.state)

    with NotebookProgress(files) if in_notebook() else Progress(files, plain=True) as progress:
        thread = threading.Thread(target=follow, args=[progress], name="kdtune-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=5)
            look(progress)
