"""Creates runs, and finds them by name."""

import contextlib
import os
import re
import shutil
from pathlib import Path

from kdtune.errors import DiskError, RunError, did_you_mean, expect
from kdtune.files import write_bytes
from kdtune.runs.lock import driver_seems_alive, signer_lives, this_process
from kdtune.runs.paths import RunFiles, runs_dir
from kdtune.text import plain

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


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
        check_name(base, name)
        if never_began(base / name):
            shutil.rmtree(base / name)
        try:
            return _signed(base / name)
        except FileExistsError:
            raise _taken(base / name) from None
    number = 1
    while True:
        with contextlib.suppress(FileExistsError):
            return _signed(base / f"{stem}-{number}")
        number += 1


def check_name(base: Path, name: str) -> None:
    """Refuse a name that no new run in a folder can have.

    Raises:
        RunError: the name is taken, or is not made of letters, digits, '.', '_' and '-'.
    """
    expect("name", name, str, "the name of a run")
    if not _NAME.fullmatch(name):
        raise RunError(
            f"{name!r} can't name a run: use up to 100 letters, digits, '.', '_' and '-', a letter or digit first"
        )
    if os.path.lexists(base / name) and not never_began(base / name):
        raise _taken(base / name)


def _taken(folder: Path) -> RunError:
    return RunError(
        f"run {str(folder)!r} exists: choose another --name, or go on with it: --resume {RunFiles(folder).argument}"
    )


def _signed(folder: Path) -> RunFiles:
    """Make a folder that says whose it is from its first moment, before its driver holds the lock."""
    folder.mkdir()
    files = RunFiles(folder)
    write_bytes(files.lock, this_process().encode())
    return files


def never_began(folder: Path) -> bool:
    """Return whether a folder is that of a run whose driver was killed before it wrote `run.json`."""
    files = RunFiles(folder)
    if not folder.is_dir() or folder.is_symlink() or driver_seems_alive(files) or signer_lives(files):
        return False
    own = {path.name for path in (files.lock, files.log, files.events, files.heartbeat, files.stop_request)}
    aside = re.compile(rf"\.({'|'.join(map(re.escape, {*own, files.record.name}))})\.[0-9a-z_]+")
    lease = f"{files.lock.name}.lease"
    return all(
        item.name in own or item.name.startswith(lease) or aside.fullmatch(item.name)
        for item in folder.iterdir()
    )


def list_runs(base: Path) -> list[RunFiles]:
    """Return the runs in a folder, the oldest first, also those that have lost their `run.json`."""
    signs = list(base.glob("*/run.json"))
    known = {record.parent for record in signs}
    lost = (path for path in base.glob("*/events.jsonl") if path.parent not in known)
    signs += [path for path in lost if _lost_its_record(RunFiles(path.parent))]
    found = []
    for sign in signs:
        with contextlib.suppress(OSError):  # it is deleted meanwhile
            found.append((sign.lstat().st_ctime, sign.parent.name, sign.parent))
    return [RunFiles(folder) for *_, folder in sorted(found)]


def _lost_its_record(files: RunFiles) -> bool:
    """Return whether a folder is that of a run that trained models and has no `run.json` now: half copied, say.

    Its record is then read from the events, which hold a copy.
    """
    trained = any((files.root / name).is_dir() for name in ("trials", "baselines"))
    return trained and files.events.is_file() and not driver_seems_alive(files)


def find_run(run: str | Path | None, base: str | Path | None = None, *, recorded: bool = True) -> RunFiles:
    """Return the run that a name or a path refers to; the newest one if `run` is None.

    Args:
        recorded: whether the run must have its `run.json`: until its data are loaded, a run has only a lock file.

    Raises:
        InputError: `run` is neither a name nor a path.
        RunError: there is no such run; the message says which folder was searched, and which runs are there.
    """
    if run is not None:
        expect("run", run, (str, Path), "the name or the path of a run")
    folder = runs_dir(base)
    known = list_runs(folder) if folder.is_dir() else []
    if run is None:
        readable = [
            files for files in known if files.record.is_file()
        ]  # a run from elsewhere hides no others
        if not readable:
            raise RunError(
                f"no run in {str(folder)!r}: start one with 'kdtune search', or name another --runs-dir"
            )
        return readable[-1]
    for candidate in (folder / run, Path(os.path.expanduser(run))):
        found = RunFiles(candidate)
        if (
            os.path.lexists(found.record)
            or (not recorded and found.lock.is_file())
            or _lost_its_record(found)
        ):
            return found
    if (folder / run).is_dir() and str(run):
        if never_began(folder / run):
            raise RunError(
                f"{folder / run}: its driver was ended before it recorded anything: begin anew, under the same --name "
                "if you like"
            )
        raise RunError(
            f"{folder / run}: no run.json there: the run is still being prepared (try again in a moment), "
            "or this is not a run"
        )
    names = [files.name for files in known]
    listing = f" (there: {', '.join(map(plain, names[-10:]))})" if names else ""
    raise RunError(f"no run {str(run)!r} in {str(folder)!r}{did_you_mean(str(run), names)}{listing}")
