"""Creates runs, and finds them by name."""

import os
import re
import shutil
from pathlib import Path

from kdtune.errors import DiskError, RunError, did_you_mean
from kdtune.runs.lock import is_driven
from kdtune.runs.paths import RunFiles

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def runs_dir(given: Path | None = None) -> Path:
    """Return the folder that holds runs: the one given, `KDTUNE_RUNS`, or `./runs`."""
    return given or Path(os.environ.get("KDTUNE_RUNS") or "runs")


def create_run(base: Path, name: str | None, stem: str) -> RunFiles:
    """Make an empty run directory, `base/name` or the first free `base/stem-N`.

    Raises:
        DiskError: the folder can't be written.
        RunError: the name is taken, or is not made of letters, digits, '.', '_' and '-'.
    """
    try:
        base.mkdir(parents=True, exist_ok=True)
        return _create_run(base, name, stem)
    except OSError as error:
        raise DiskError.of(error, base) from error


def _create_run(base: Path, name: str | None, stem: str) -> RunFiles:
    if name is not None:
        if not _NAME.fullmatch(name):
            raise RunError(f"{name!r} can't name a run: use letters, digits, '.', '_' and '-'")
        if _never_began(base / name):
            shutil.rmtree(base / name)
        try:
            (base / name).mkdir()
        except FileExistsError:
            raise RunError(
                f"run {str(base / name)!r} exists: choose another --name, or go on with it: --resume {name}"
            ) from None
        return RunFiles(base / name)
    number = 1
    while True:
        try:
            (base / f"{stem}-{number}").mkdir()
        except FileExistsError:
            number += 1
        else:
            return RunFiles(base / f"{stem}-{number}")


def _never_began(folder: Path) -> bool:
    """Return whether a folder is that of a run whose driver was killed before it wrote `run.json`."""
    files = RunFiles(folder)
    own = {files.lock, files.log, files.events, files.heartbeat, files.stop_request}
    return files.lock.is_file() and not is_driven(files) and own.issuperset(folder.iterdir())


def list_runs(base: Path) -> list[RunFiles]:
    """Return the runs in a folder, the oldest first."""
    found = [RunFiles(path.parent) for path in base.glob("*/run.json")]
    return sorted(found, key=lambda files: (files.record.stat().st_ctime, files.root.name))


def find_run(run: str | Path | None, base: Path | None = None, *, recorded: bool = True) -> RunFiles:
    """Return the run that a name or a path refers to; the newest one if `run` is None.

    Args:
        recorded: whether the run must have its `run.json`: until its data are loaded, a run has only a lock file.

    Raises:
        RunError: there is no such run; the message says which folder was searched, and which runs are there.
    """
    folder = runs_dir(base)
    known = list_runs(folder) if folder.is_dir() else []
    if run is None:
        if not known:
            raise RunError(
                f"no run in {str(folder)!r}: start one with 'kdtune search', or name another --runs-dir"
            )
        return known[-1]
    for candidate in (folder / run, Path(run)):
        found = RunFiles(candidate)
        if found.record.is_file() or (not recorded and found.lock.is_file()):
            return found
    if (folder / run).is_dir() and str(run):
        raise RunError(
            f"{folder / run}: no run.json there: the run is still being prepared (try again in a moment), "
            "or this is not a run"
        )
    names = [files.root.name for files in known]
    listing = f" (there: {', '.join(names[-10:])})" if names else ""
    raise RunError(f"no run {str(run)!r} in {str(folder)!r}{did_you_mean(str(run), names)}{listing}")
