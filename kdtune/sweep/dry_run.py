"""What a sweep would do, without doing it: its data, models and trials, the disk that it needs, a guess of its time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdtune.errors import KdtuneError
from kdtune.models import parameter_count
from kdtune.output import narrate
from kdtune.runs.finding import list_runs
from kdtune.runs.measures.objectives import in_words
from kdtune.runs.reader import Run
from kdtune.runs.state import ModelState, RunState
from kdtune.space.reading import Space
from kdtune.space.trials import combinations
from kdtune.sweep.plan import Plan, make_plan
from kdtune.sweep.preparation import check_new, load_data
from kdtune.sweep.remote.cluster import allot_here
from kdtune.sweep.trials.checkpoints import say_room
from kdtune.text import counted, duration

_MOST_LISTED = 20
"""Classes or groups in a line."""


@dataclass(frozen=True)
class DryRun:
    """What a sweep would do.

    Attributes:
        dataset: name, classes, groups, notes and sizes, as a run records them.
        models: role, architecture, number of weights, epochs, and the file that it comes from, of each model.
        workers: trials at once; None on a cluster that is not asked.
        constraints: the bounds, those of every search too.
        feasible: the same in words.
        combinations: how many different trials there can be; None where there is no end of them.
        disk: one line.
        seconds: a guess from an earlier run on the same data; None where there is none.
        guessed_from: that run's name.
    """

    dataset: dict[str, Any]
    models: list[dict[str, Any]]
    objectives: list[str]
    constraints: list[str]
    feasible: list[str]
    trials: int | None
    minutes: float | None
    epochs: int
    workers: int | None
    combinations: int | None
    enqueued: int
    disk: str
    seconds: float | None
    guessed_from: str | None

    def lines(self) -> list[str]:
        """Return it for people."""
        return [*self._of_data(), *self._of_models(), *self._of_trials()]

    def _of_data(self) -> list[str]:
        train, held_out = self.dataset["splits"]["train"], self.dataset["splits"]["validation"]
        return [
            f"data: {self.dataset['name']}: {train['n']:,} train, {held_out['n']:,} validation",
            f"input: {_shape(self.dataset['input_shape'])}",
            f"classes: {_listed(_both(train['classes'], held_out['classes']))}",
            *(
                f"groups of {name}: {_listed(_both(_totals(groups), _totals(held_out['groups'][name])))}"
                f"{_missing(train['missing'][name], held_out['missing'][name])}"
                for name, groups in train["groups"].items()
            ),
            *(f"data: {note}" for note in self.dataset["notes"]),
        ]

    def _of_models(self) -> list[str]:
        lines = []
        for model in self.models:
            each = " each" if model["members"] else ""
            source = (
                f"from {model['file']}" if model["file"] else f"{counted(model['epochs'], 'epoch')}{each}"
            )
            if model["file"] and model["role"] != "teacher":
                source = f"{counted(model['epochs'], 'epoch')}, beginning {source}"
            what = "logits" if model["weights"] is None else f"{counted(model['weights'], 'weight')},"
            lines.append(f"{model['role']} {model['architecture']}: {what} {source}")
        return lines

    def _of_trials(self) -> list[str]:
        many = "without end" if self.trials is None else f"{self.trials:,}"
        limits = "" if self.minutes is None else f", at most {self.minutes:g} minutes"
        at_once = "" if self.workers is None else f", {self.workers} at once"
        lines = [f"trials: {many} of {counted(self.epochs, 'epoch')}{limits}{at_once}"]
        if self.enqueued:
            lines.append(f"first: {counted(self.enqueued, 'trial')} of enqueue")
        if self.combinations is not None:
            lines.append(f"combinations: {self.combinations:,}; each is tried before one is repeated")
        lines.append(f"objectives: {', '.join(self.objectives)}")
        if self.feasible:
            lines.append(f"feasible: {'; '.join(self.feasible)}")
        lines.append(self.disk)
        if self.seconds is None:
            return [*lines, "time: unknown: no earlier run here on these data with these models"]
        return [*lines, f"time: about {duration(self.seconds)}, as run {self.guessed_from} went"]


def dry_run(
    space: Space, runs: Path, *, address: str | None = None, known_from: Path | None = None
) -> DryRun:
    """Check a space as a sweep does before it starts Ray, and return what the sweep would do.

    Args:
        runs: the folder of runs; it need not exist.
        address: of a cluster, which is not asked.
        known_from: a run whose trials the sampler is to know.

    Raises:
        InputError: as the sweep itself.
    """
    plan = make_plan(space, load_data(space, narrate))
    check_new(plan, known_from, narrate)
    allotment = None if address is not None else allot_here(space.resources, trials=space.budget.trials)
    known = combinations(space.pairs, space.search)
    seconds, name = _guess(plan, runs)
    there = next(folder for folder in (runs.absolute(), *runs.absolute().parents) if folder.is_dir())
    budget = space.budget
    return DryRun(
        dataset=plan.dataset.describe(),
        models=[_model(plan, *model) for model in plan.architectures],
        objectives=[objective.name for objective in plan.objectives],
        constraints=[str(constraint) for constraint in plan.constraints],
        feasible=[in_words(constraint) for constraint in plan.constraints],
        trials=budget.trials,
        minutes=budget.minutes,
        epochs=budget.epochs,
        workers=None if allotment is None else allotment.workers,
        combinations=None if known is None else len(known),
        enqueued=len(space.enqueue),
        disk=say_room(plan, 1 if allotment is None else allotment.workers, there),
        seconds=seconds,
        guessed_from=name,
    )


def _model(plan: Plan, role: str, architecture: str) -> dict[str, Any]:
    job = plan.baseline_job(role, architecture)
    file = job.logits or plan.file(role, architecture)
    return {
        "role": role,
        "architecture": architecture,
        "weights": None if job.logits else parameter_count(plan.module(role, architecture)),
        "epochs": job.members[0].train.epochs if job.members else job.train.epochs,
        "members": [member.architecture for member in job.members],
        "file": None if file is None else str(file.path),
    }


def _guess(plan: Plan, runs: Path) -> tuple[float | None, str | None]:
    """Return the seconds that a sweep may take, and the newest run that they are taken from.

    The run must have had the same data and students. Of its own time count what it took to start, each baseline's time
    an epoch, and the time of all trials by the epochs that they were trained.
    """
    for files in reversed(list_runs(runs) if runs.is_dir() else []):
        run = Run(files)
        try:
            record = run.record
            if record.kind != "sweep" or record.dataset["fingerprint"] != plan.dataset.fingerprint:
                continue
            seconds = _as_before(plan, run.state())
        except (KdtuneError, KeyError):
            continue
        if seconds is not None:
            return seconds, run.name
    return None, None


def _as_before(plan: Plan, state: RunState) -> float | None:
    epochs = sum(trial.epoch for trial in state.trials.values())
    ends = [trial.ended for trial in state.trials.values() if trial.ended is not None]
    if state.started is None or state.trials_started is None or not epochs or not ends:
        return None
    if {str(trial.config.get("student")) for trial in state.trials.values()} != {
        pair.student for pair in plan.space.pairs
    }:
        return None
    baselines = {(m.kind, m.config.get("architecture")): m for m in state.baselines.values()}
    trained = sum(model.seconds for model in baselines.values() if not model.cached)
    total = max(0.0, state.trials_started - state.started - trained)
    for role, architecture in plan.architectures:
        model = baselines.get((role, architecture))
        if model is None:
            return None
        total += _baseline_seconds(model, plan.baseline_job(role, architecture).train.epochs)
    per_epoch = max(0.0, max(ends) - state.trials_started) / epochs
    budget = plan.space.budget
    limits = [] if budget.trials is None else [per_epoch * budget.trials * budget.epochs]
    limits += [] if budget.minutes is None else [60 * budget.minutes]
    return total + min(limits)


def _baseline_seconds(model: ModelState, epochs: int) -> float:
    """Return what a baseline may take; nothing where it was in the cache and would be the same."""
    if model.cached and model.epochs == epochs:
        return 0.0
    return model.seconds / max(1, model.epoch) * epochs


def _totals(groups: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(by_class.values()) for name, by_class in groups.items()}


def _both(train: Mapping[str, int], held_out: Mapping[str, int]) -> list[str]:
    return [f"{name} {n:,} + {held_out[name]:,}" for name, n in train.items()]


def _listed(sizes: Sequence[str]) -> str:
    shown = ", ".join(sizes[:_MOST_LISTED])
    more = f", and {len(sizes) - _MOST_LISTED} more" if len(sizes) > _MOST_LISTED else ""
    return f"{shown}{more} (train + validation)"


def _missing(train: int, held_out: int) -> str:
    return f"; of no group: {train:,} + {held_out:,}" if train or held_out else ""


def _shape(shape: Sequence[int]) -> str:
    if len(shape) == 3:
        return f"{shape[1]} × {shape[2]} pixels, {counted(shape[0], 'channel')}"
    return counted(shape[0], "feature") if len(shape) == 1 else f"{shape[0]} of {shape[1]:,} token ids"
