"""Waits for the record of a sweep that has just begun, and shows what its driver is doing meanwhile."""

import contextlib
import sys
import time
from pathlib import Path
from typing import TextIO

from kdtune.runs.events import StateReader
from kdtune.runs.lock import is_driven
from kdtune.runs.paths import RunFiles, runs_dir
from kdtune.runs.state import RunState
from kdtune.terminal.progress import Progress
from kdtune.text import plain

STARTING_SECONDS = 10.0
"""A folder without record and driver for so long is no run."""

_LOOK_SECONDS = 0.2


def await_record(run: str | Path | None, base: Path | None, out: TextIO | None = None) -> None:
    """Return once the run has its record, or is none: a driver writes it when it has loaded the data.

    Args:
        run: name or path of the run; None for the newest one that has a record.
        base: the folder that holds the runs.
        out: where to say what the driver is doing; a terminal gets its steps with a clock that runs.
    """
    if run is None:
        return
    folder = next((path for path in (runs_dir(base) / run, Path(run)) if path.is_dir()), None)
    if folder is None:
        return
    files, out = RunFiles(folder), out or sys.stderr
    if files.record.exists():
        return
    reader = StateReader(files.events)
    limit = time.monotonic() + STARTING_SECONDS
    in_terminal = out.isatty()
    with Progress(files, plain=False, out=out) if in_terminal else contextlib.nullcontext() as picture:
        said = ""
        while not files.record.exists() and time.monotonic() < limit:
            if is_driven(files):
                limit = time.monotonic() + STARTING_SECONDS
            state = reader.update()
            if picture is not None:
                picture.show(state)
            elif (line := _line(folder, state)) != said:
                said = line
                out.write(f"{line}\n")
                out.flush()
            time.sleep(_LOOK_SECONDS)


def _line(folder: Path, state: RunState) -> str:
    step = f": {plain(state.message)}" if state.message else ""
    return f"kdtune: {plain(folder.name)} is being prepared{step}"
