"""The sweep as a Python call."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdtune.errors import SweepError
from kdtune.output import narrate
from kdtune.runs.finding import create_run, runs_dir
from kdtune.runs.reader import Run
from kdtune.space.reading import Space, parse_space, read_space
from kdtune.sweep.driver import SweepRequest, run_sweep
from kdtune.terminal.following import followed
from kdtune.trackers.feed import lines_about

if TYPE_CHECKING:
    from kdtune.data.dataset import Dataset


def search(
    space: str | Path | Mapping[str, Any] | Space = "default",
    name: str | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    *,
    data: "Dataset | None" = None,
    address: str | None = None,
    directory: str | Path | None = None,
    progress: bool = True,
) -> Run:
    """Run a sweep in this process, wait for its end, and return the run.

    The sweep and its workers know the data sets and models that the calling program has registered. It may be called
    from a script, a notebook's cell, a thread or a coroutine (which it blocks). An interrupt (Ctrl-C, a notebook's
    stop button) reaches the main thread: the sweep stops after the current epochs, and at once on the second one.

    Args:
        space: a ready space's name, a YAML file, or its content.
        name: name of the run; by default the space's name and a number.
        trials, minutes, seed: replace those of the space.
        data: a data set in memory (`kdtune.data.from_arrays`, `from_dataframe`, …), instead of the space's `dataset`.
            The run keeps a copy in its folder, so that resuming and exporting it need nothing of this program.
        address: address of a running Ray cluster (host:port).
        directory: where runs are kept; by default `KDTUNE_RUNS`, or `./runs`.
        progress: show what the sweep is doing: in a notebook below the cell, elsewhere as lines on standard error.

    Raises:
        KeyboardInterrupt: an interrupt has stopped the sweep; what was recorded is kept, and can be resumed.
        InputError: something that was asked for can't be used; nothing was trained, and nothing is left behind.
        SweepError: the sweep could not go on; what was recorded is kept.
    """
    stem = "search"
    kept = {} if data is None else {"dataset": {"name": "saved", "path": "data"}}
    if isinstance(space, str | Path):
        resolved, stem = read_space(str(space), [f"{key}={json.dumps(value)}" for key, value in kept.items()])
    elif isinstance(space, Space):
        resolved = space
    else:
        resolved = parse_space({**space, **kept}, "space")
    content = resolved.to_dict()
    content["budget"] |= {k: v for k, v in {"trials": trials, "minutes": minutes}.items() if v is not None}
    if seed is not None:
        content["seed"] = seed
    resolved = parse_space(content, stem).with_absolute_paths()
    files = create_run(runs_dir(None if directory is None else Path(directory)), name, stem)
    try:
        if data is not None:
            from kdtune.data import save

            kept = {"dataset": {"name": "saved", "path": str(save(data, files.data))}}
            resolved = parse_space({**resolved.to_dict(), **kept}, stem)
        with followed(files) if progress else contextlib.nullcontext():
            run_sweep(SweepRequest(files, resolved, address=address))
    finally:
        if not files.record.exists():
            _discard(files.root)
    if not files.record.exists():
        raise SweepError(f"{files.root.name} was asked to stop before it began: nothing is kept")
    for line in lines_about(files):
        narrate(line)
    return Run(files)


def _discard(folder: Path) -> None:
    """Remove the folder of a run that was refused before it began."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
