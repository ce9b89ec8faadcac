"""The paths of a run's parts, and the ids of its models."""

import hashlib
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from kdtune.errors import RunError, expect

SCHEMA = 1
"""Version of the run directory's format; a reader refuses a newer one."""

_JOURNAL_LOCK = "study.journal.lock"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONGEST = 60
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,80}")
"""Architectures that are part of an id as they are."""


def runs_dir(given: str | Path | None = None) -> Path:
    """Return the folder that holds runs: the one given, `KDTUNE_RUNS`, or `./runs`.

    Raises:
        InputError: it is no path.
    """
    if given is not None:
        expect("the folder of runs", given, (str, Path), "a path")
    return Path(os.path.expanduser(given or os.environ.get("KDTUNE_RUNS") or "runs"))


@dataclass(frozen=True)
class RunFiles:
    """Paths inside one run directory."""

    root: Path

    @property
    def name(self) -> str:
        """The run's name: that of its folder, which a path such as `.` leaves out."""
        return self.root.name if self.root.name not in ("", "..") else self.root.resolve().name

    @property
    def argument(self) -> str:
        """What names the run in a command that is typed here: its name where that suffices, its path elsewhere."""
        found = runs_dir() / self.name
        try:
            known = found.absolute() == self.root.absolute() or found.resolve() == self.root.resolve()
        except FileNotFoundError:  # the current folder was deleted meanwhile
            known = False
        if known and not self.name.startswith("-"):
            return shlex.quote(self.name)
        path = str(self.root)
        return shlex.quote(f"./{path}" if path.startswith("-") else path)

    @property
    def record(self) -> Path:
        """What the run was asked for: `run.json`."""
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
        """Written to ask the sweep to stop; read and deleted by the driver."""
        return self.root / "stop"

    @property
    def at_work(self) -> Path:
        """What the registry of a sweep's workers knows; deleted at the end."""
        return self.root / ".at-work.json"

    @property
    def validation(self) -> Path:
        """Labels and groups of the validation examples."""
        return self.root / "validation.safetensors"

    @property
    def known(self) -> Path:
        """Trials of an earlier run that the sampler knows; none where the run began without."""
        return self.root / "known.json"

    @property
    def data(self) -> Path:
        """The data set that a program handed over, as `kdtune.data.save` writes it; none where the space names one."""
        return self.root / "data"

    @property
    def export(self) -> Path:
        """What `kdtune export` wrote."""
        return self.root / "export"

    def tracker(self, name: str) -> Path:
        """Return the file that says what was logged to a tracker (`kdtune.trackers`)."""
        return self.root / "trackers" / f"{name}.json"

    def model(self, model_id: str) -> Path:
        """Return the folder of a trial (`t0001`) or of a baseline (`teacher-resnet20`, `nds-lenet5`)."""
        expect("the name of a trial or baseline", model_id, str, "a text such as 't0001'")
        if not _ID.fullmatch(model_id):
            raise RunError(f"{self.root}: {model_id!r} is not the name of a trial or baseline")
        return self.root / ("trials" if is_trial(model_id) else "baselines") / model_id

    def reports(self, model_id: str) -> Path:
        """Return the file with the full report of each epoch."""
        return self.model(model_id) / "reports.jsonl"

    def predictions(self, model_id: str) -> Path:
        """Return the file with what a model answers on validation after its last epoch."""
        return self.model(model_id) / "predictions.safetensors"

    def config(self, model_id: str) -> Path:
        """Return the file that says what was trained."""
        return self.model(model_id) / "config.json"

    def checkpoint(self, model_id: str) -> Path:
        """Return the file with the weights and what is needed to continue training."""
        return self.model(model_id) / "checkpoint.pt"

    def cohort(self, name: str) -> Path:
        """Return the file with the state of students that are trained as one; it is deleted when they have ended."""
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


def baseline_id(role: str, architecture: str, study_seed: int | None = None) -> str:
    """Return the id of a baseline in a run: `teacher-resnet20`, `nds-lenet5`; in a study `teacher-resnet20-s3`.

    It names a folder: from an architecture such as `hf:./my-bert` it keeps what a file name may hold, and a digest.

    Args:
        study_seed: the seed of the study that it belongs to; None in a sweep.
    """
    if not _PLAIN.fullmatch(architecture):
        digest = hashlib.sha256(architecture.encode("utf-8", "surrogatepass")).hexdigest()[:6]
        architecture = f"{re.sub(r'[^A-Za-z0-9._]+', '-', architecture).strip('-.')[-_LONGEST:]}-{digest}"
    return f"{role}-{architecture}" + ("" if study_seed is None else f"-s{study_seed}")


def trial_number(model_id: str) -> int | None:
    """Return the study's number of a trial, None for a baseline's id."""
    return int(model_id[1:]) if is_trial(model_id) else None


def is_trial(model_id: str) -> bool:
    """Return whether an id is a trial's, not a baseline's."""
    return re.fullmatch(r"t\d{4,}", model_id) is not None


def check_no_links(files: RunFiles) -> None:
    """Refuse to write into a run that contains links: in a run from elsewhere they may lead to files outside it.

    This checks the run directory and the folders in which others are made; anything deeper is replaced, so that
    nothing is written through a link.

    Raises:
        RunError: there is a link; the message names it. The run directory itself may be one.
    """
    parents = [
        files.root,
        *(files.root / name for name in ("trials", "baselines", "cohorts", "replicates", "trackers")),
    ]
    for folder in parents:
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            links = [entry for entry in entries if entry.is_symlink()]
        # Optuna's own lock is a link that nothing is written through, and a killed driver leaves it behind.
        link = next((entry.path for entry in links if not entry.name.startswith(_JOURNAL_LOCK)), None)
        if link is not None:
            raise RunError(
                f"{link}: is a link, and kdtune writes only into files and folders of the run itself: replace it with "
                "what it leads to"
            )
