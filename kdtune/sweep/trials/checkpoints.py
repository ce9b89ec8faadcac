"""Which checkpoints a sweep keeps, and how much disk space it needs: a thousand students must not fill a disk."""

import contextlib
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from kdtune.data.dataset import Dataset
from kdtune.distill.checkpoint import read_checkpoint
from kdtune.distill.config import Job
from kdtune.errors import KdtuneError
from kdtune.fairness import count
from kdtune.files import read_json, sha256_of
from kdtune.runs.jsonl import read_backwards
from kdtune.runs.paths import RunFiles
from kdtune.runs.predictions import read_answers
from kdtune.runs.records import Report
from kdtune.runs.state import ModelState, RunState
from kdtune.sweep.plan import Plan
from kdtune.text import byte_size, counted
from kdtune.torch_defaults import torch_defaults

Keep = Literal["all", "front", "none"]

ENDED = ("done", "stopped", "failed")
_EVENT_BYTES = 40
"""Bytes of one measure in an event, including its name."""

_MEASURES, _CELLS = 16, 10
_STATES = {"sgd": 2, "adamw": 3}
"""Copies of the weights in a checkpoint: the weights themselves, and the optimiser's state of each."""


class CheckpointRetention:
    """Deletes the checkpoints of students that have ended and are not to be kept.

    A student at work always keeps its last checkpoint. Whoever can't come onto the front any more never can (see
    `kdtune.runs.choosing.possible_values`), so no checkpoint is deleted that a front could need later.
    """

    def __init__(self, keep: Keep, files: RunFiles) -> None:
        self._keep = keep
        self._files = files
        self._there: set[str] = set()

    def delete_superseded(self, state: RunState, ended: Collection[str], front: Collection[str]) -> None:
        """Delete the checkpoints, not to be kept, of students in `ended` and of those that have left the front."""
        if self._keep == "all":
            return
        now = [name for name in ended if state.trials[name].state in ENDED]
        kept = set(front) if self._keep == "front" else set()
        self._there.update(now)
        superseded = [self._files.checkpoint(name) for name in self._there - kept]
        for name in now:  # left by a worker that was killed while writing
            superseded += self._files.model(name).glob(".checkpoint.pt.*")
        for path in superseded:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        self._there &= kept


def why_lost(files: RunFiles, model: ModelState, *, checkpoint: bool) -> str:
    """Return why an export could not read what is kept of a finished student; empty if it could.

    Args:
        checkpoint: whether its weights are kept.
    """
    try:
        config = read_json(files.config(model.id))
        job = Job.from_dict(config["job"]) if "job" in config else Job.from_flat(config)
        record = next(read_backwards(files.reports(model.id)), {})
        if record.get("epoch") != model.epoch:
            return f"{files.reports(model.id).name} lacks its last report"
        last = Report.from_dict(record)
        if model.predictions:
            read_answers(files.predictions(model.id), model.predictions, model.epoch)
        return _why_not(files.checkpoint(model.id), model, job, last) if checkpoint else ""
    except (KdtuneError, OSError) as error:
        return str(error)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        return f"damaged ({error!r})"


def _why_not(path: Path, model: ModelState, job: Job, last: Report) -> str:
    """Return why a checkpoint is not that of a student's job after its last report; empty if it is."""
    if model.weights and model.weights != sha256_of(path):
        return f"{path.name} is not what was recorded"
    content = read_checkpoint(path)
    kept = Report.from_dict(content["reports"][-1])
    if Job.from_dict(content["job"]) != job or (kept.epoch, kept.counts) != (last.epoch, last.counts):
        return f"{path.name} does not agree with what was configured and reported"
    return ""


def checkpoint_digest(files: RunFiles, model_id: str) -> str:
    """Return the SHA-256 (hex) of a student's checkpoint; empty where there is none."""
    try:
        return sha256_of(files.checkpoint(model_id))
    except OSError:
        return ""


def room_needed(plan: Plan, workers: int) -> tuple[int, int, int]:
    """Return the bytes of one student's checkpoint (the largest), of all kept ones, and of the records of all trials.

    If those of the front are kept, only those at work are counted, because nobody knows how long a front will grow.
    """
    space, dataset = plan.space, plan.dataset
    weights = max(_weights(pair.student, plan) for pair in space.pairs)
    records = space.budget.epochs * _epoch_bytes(dataset) + len(dataset.validation)
    checkpoint = weights * _STATES[space.train_config().optimizer] + records
    trials = space.budget.trials or 0
    kept = checkpoint * (max(trials, workers) if space.keep == "all" else workers)
    return checkpoint, kept, trials * records


def say_room(plan: Plan, workers: int, root: Path) -> str:
    """Return one line that says how much disk space a sweep needs, and how much is free."""
    checkpoint, kept, records = room_needed(plan, workers)
    free = shutil.disk_usage(root).free
    which = {"all": "of every student", "front": "at work and on the front", "none": "at work"}[
        plan.space.keep
    ]
    trials = plan.space.budget.trials
    for_records = (
        "" if trials is None else f", {byte_size(records)} for the records of {counted(trials, 'trial')}"
    )
    line = f"disk: {byte_size(checkpoint)} per checkpoint (kept: {which}){for_records}; {byte_size(free)} are free"
    return (
        line if kept + records < free else f"{line}: NOT ENOUGH, about {byte_size(kept + records)} are needed"
    )


def _weights(architecture: str, plan: Plan) -> int:
    with torch_defaults(draws=True):
        model = plan.module("nds", architecture)
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


def _epoch_bytes(dataset: Dataset) -> int:
    """Return the bytes that one epoch's report and event take."""
    labels = dataset.validation.labels.numpy()
    tables = [count(labels, labels, n_classes=dataset.n_classes)]
    for name, groups in dataset.attributes.items():
        codes = dataset.validation.groups[name].numpy()
        tables.append(count(labels, labels, codes, n_classes=dataset.n_classes, n_groups=len(groups)))
    report = sum(len(json.dumps(table.to_dict(), separators=(",", ":"))) for table in tables)
    return report + _CELLS * dataset.n_classes + _EVENT_BYTES * (_MEASURES + 5 * len(dataset.attributes))
