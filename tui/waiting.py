"""Waits for the record of a sweep that has just begun, and says what its driver is doing meanwhile."""

import sys
import time
from pathlib import Path
from typing import TextIO

from kdtune.runs.events import StateReader
from kdtune.runs.finding import runs_dir
from kdtune.runs.lock import is_driven
from kdtune.runs.paths import RunFiles
from kdtune.text import duration, plain

STARTING_SECONDS = 10.0
"""A folder without record and driver for so long is no run."""

_LOOK_SECONDS = 0.2


def await_record(run: str | Path | None, base: Path | None, out: TextIO | None = None) -> None:
    """Return once the run has its record, or is none: a driver writes it when it has loaded the data.

    Args:
        run: name or path of the run; None for the newest one that has a record.
        base: the folder that holds the runs.
        out: where to say what the driver is doing; a terminal gets one line with a clock that runs.
    """
    if run is None:
        return
    folder = next((path for path in (runs_dir(base) / run, Path(run)) if path.is_dir()), None)
    if folder is None:
        return
    files, out = RunFiles(folder), out or sys.stderr
    reader, said = StateReader(files.events), ""
    limit = time.monotonic() + STARTING_SECONDS
    begun = time.time()
    while not files.record.exists() and time.monotonic() < limit:
        if is_driven(files):
            limit = time.monotonic() + STARTING_SECONDS
        state = reader.update()
        step = f": {plain(state.message)}" if state.message else ""
        clock = f"  {duration(time.time() - (state.started or begun))}" if out.isatty() else ""
        line = f"kdtune: {plain(folder.name)} is being prepared{step}{clock}"
        if line != said:
            said = line
            out.write(f"\r\x1b[2K{line}" if out.isatty() else f"{line}\n")
            out.flush()
        time.sleep(_LOOK_SECONDS)
    if said and out.isatty():
        out.write("\n")
