"""Deletes a run."""

import os
import shutil
import tempfile
from pathlib import Path

from kdtune.errors import DiskError, RunError
from kdtune.runs.lock import check_idle, driver_lock
from kdtune.runs.paths import RunFiles


def check_deletable(files: RunFiles) -> None:
    """Refuse what must not be deleted.

    Raises:
        RunError: the run is a link, somebody drives it, or its folder is no run's.
    """
    root = files.root
    if root.is_symlink():
        raise RunError(f"{root}: is a link: delete the run that it leads to, under its own name")
    if not root.is_dir() or not os.path.lexists(files.record):
        raise RunError(f"{root}: no run.json there, so this is not known to be a run: nothing is deleted")
    check_idle(files)


def size_of(files: RunFiles) -> int:
    """Return the bytes of all files of a run; links are not followed."""
    total = 0
    for folder, _, names in os.walk(files.root):
        for name in names:
            try:
                total += os.lstat(Path(folder, name)).st_size
            except OSError:  # it is gone meanwhile
                continue
    return total


def delete_run(files: RunFiles) -> None:
    """Delete a run with everything in its folder. Links in it are removed; what they lead to is left alone.

    It is moved aside first: a deletion that is interrupted leaves no half of a run under its name.

    Raises:
        RunError: see `check_deletable`.
        DiskError: a file can't be deleted.
    """
    check_deletable(files)
    root = files.root.resolve()  # it may be named as `.`
    try:
        with driver_lock(files):  # nobody resumes it meanwhile
            aside = Path(tempfile.mkdtemp(prefix=f".{root.name}.", suffix=".deleted", dir=root.parent))
            try:
                os.rename(root, aside / root.name)
            except OSError:
                aside.rmdir()
                raise
        shutil.rmtree(aside)
    except OSError as error:
        raise DiskError.of(error, error.filename or root) from error
