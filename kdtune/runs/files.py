"""Where the parts of a run lie, and how a run is found by name."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdtune.errors import DiskError, RunError, did_you_mean
from kdtune.runs.jsonl import dumps

SCHEMA = 1
"""Version of the run directory's form; a reader refuses what is newer than itself."""

_JOURNAL_LOCK = "study.journal.lock"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class RunFiles:
    """Paths inside one run directory."""

    root: Path

    @property
    def record(self) -> Path:
        """What was asked: `run.json`."""
        return self.root / "run.json"

    @property
    def events(self) -> Path:
        """State changes and the scalars of every report."""
        return self.root / "events.jsonl"

    @property
    def journal(self) -> Path:
        """Optuna's storage."""
        return self.root / "study.journal"

    @property
    def log(self) -> Path:
        """What Ray and the driver print."""
        return self.root / "driver.log"

    @property
    def heartbeat(self) -> Path:
        """Rewritten by the driver while it lives."""
        return self.root / "heartbeat.json"

    @property
    def lock(self) -> Path:
        """Locked by the one driver of this run."""
        return self.root / "lock"

    @property
    def stop_request(self) -> Path:
        """Written by whoever wants the sweep to stop; read and removed by the driver."""
        return self.root / "stop"

    @property
    def export(self) -> Path:
        """What `kdtune export` wrote."""
        return self.root / "export"

    def model(self, model_id: str) -> Path:
        """Return the folder of a trial (`t0001`) or of a baseline (`teacher-resnet20`, `nds-lenet5`)."""
        if not _ID.fullmatch(model_id):
            raise RunError(f"{self.root}: {model_id!r} is not the name of a trial or baseline")
        return self.root / ("trials" if is_trial(model_id) else "baselines") / model_id

    def reports(self, model_id: str) -> Path:
        """Return the file with the full report of each epoch."""
        return self.model(model_id) / "reports.jsonl"

    def config(self, model_id: str) -> Path:
        """Return the file that says what was trained."""
        return self.model(model_id) / "config.json"

    def checkpoint(self, model_id: str) -> Path:
        """Return the file with the weights and what is needed to go on training."""
        return self.model(model_id) / "checkpoint.pt"

    def cohort(self, name: str) -> Path:
        """Return the file with the state of students that are trained as one; it is gone when they have ended."""
        return self.root / "cohorts" / f"{name}.pt"

    def weights(self, model_id: str) -> Path:
        """Return the file with a baseline's weights."""
        return self.model(model_id) / "model.safetensors"

    def replicate(self, model_id: str, number: int) -> Path:
        """Return the folder of a model trained again with another seed, from 1."""
        return self.root / "replicates" / f"{model_id}-s{number}"


def trial_id(number: int) -> str:
    """Return the id of the study's trial with this number: `t0007`."""
    return f"t{number:04d}"


def baseline_id(role: str, architecture: str) -> str:
    """Return the id of a baseline in a run: `teacher-resnet20`, `nds-lenet5`."""
    return f"{role}-{architecture}"


def trial_number(model_id: str) -> int | None:
    """Return the study's number of a trial, None for a baseline's id."""
    return int(model_id[1:]) if is_trial(model_id) else None


def is_trial(model_id: str) -> bool:
    """Tell a trial's id from a baseline's."""
    return re.fullmatch(r"t\d{4,}", model_id) is not None


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
    """Tell whether a folder is that of a run whose driver was killed before it recorded what was asked."""
    from kdtune.runs.lock import is_driven  # it needs the paths above

    files = RunFiles(folder)
    own = {files.lock, files.log, files.events, files.heartbeat, files.stop_request}
    return files.lock.is_file() and not is_driven(files) and own.issuperset(folder.iterdir())


def check_no_links(files: RunFiles) -> None:
    """Refuse to write into a run that holds links: one from elsewhere may lead to files which are not the run's.

    Looked at are the run directory and the folders in which others are made; what lies deeper is replaced, not
    written through.

    Raises:
        RunError: naming the link. The run directory itself may be one.
    """
    parents = [files.root, *(files.root / name for name in ("trials", "baselines", "cohorts", "replicates"))]
    for folder in parents:
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            links = [entry for entry in entries if entry.is_symlink()]
        # Optuna's own lock is a link, which nothing is written through, and a driver that is killed leaves it.
        link = next((entry.path for entry in links if not entry.name.startswith(_JOURNAL_LOCK)), None)
        if link is not None:
            raise RunError(
                f"{link}: is a link, and a run is written only into files and folders of its own: put there what it "
                "leads to"
            )


def list_runs(base: Path) -> list[RunFiles]:
    """Return the runs in a folder, the oldest first."""
    found = [RunFiles(path.parent) for path in base.glob("*/run.json")]
    return sorted(found, key=lambda files: (files.record.stat().st_ctime, files.root.name))


def find_run(run: str | Path | None, base: Path | None = None, *, recorded: bool = True) -> RunFiles:
    """Return the run that a name or a path means; the newest one where `run` is None.

    Args:
        recorded: whether it must have its `run.json`: until its data are loaded, a run has only a driver.

    Raises:
        RunError: there is no such run; the message says where it was looked for, and what is there.
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


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        RunError: the file is missing, or does not hold a JSON object.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path}: missing") from None
    except OSError as error:
        raise RunError(f"{path}: not readable ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(value, dict):
        raise RunError(f"{path}: holds a {type(value).__name__}, not an object")
    return value


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file in one step: a reader sees the old one or the new one, whole."""
    write_bytes(path, (dumps(value) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step.

    Raises:
        DiskError: it can't be written; it is what it was before.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(aside, 0o644)
            os.replace(aside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(aside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DiskError.of(error, path) from error
