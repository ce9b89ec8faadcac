"""Deletes runs from the command line, after asking."""

import sys
from collections.abc import Sequence
from pathlib import Path

from kdtune.errors import InputError, RunError
from kdtune.output import narrate
from kdtune.runs.deleting import check_deletable, delete_run, size_of
from kdtune.runs.finding import find_run
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import Run
from kdtune.terminal.console import print_json
from kdtune.text import byte_size, counted, plain


def delete_runs(names: Sequence[str], base: Path | None, *, yes: bool, as_json: bool) -> int:
    """Delete runs, each after a question; return the exit code: 0, or 1 if one was kept.

    Raises:
        RunError: one of them must not be deleted; then none is.
        InputError: nobody can be asked, and `yes` was not said.
    """
    found = list(
        {files.root.absolute(): files for files in (find_run(name, base) for name in names)}.values()
    )
    for files in found:
        check_deletable(files)
    if not yes and not sys.stdin.isatty():
        raise InputError("--delete asks before it deletes, and there is no terminal to ask on: say --yes")
    deleted = [files for files in found if yes or _agreed(files)]
    for files in deleted:
        delete_run(files)
        narrate(f"deleted {files.root}")
    if as_json:
        print_json({"deleted": [str(files.root) for files in deleted]})
    return 0 if len(deleted) == len(found) else 1


def _agreed(files: RunFiles) -> bool:
    try:
        trials = f", {counted(len(Run(files).state().trials), 'trial')}"
    except RunError:  # a damaged run may be deleted too
        trials = ""
    exported = ", its export too" if files.export.exists() else ""
    narrate(f"delete {plain(str(files.root))} ({byte_size(size_of(files))}{trials}{exported})? [y/N]")
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False
