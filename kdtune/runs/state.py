"""Folds a run's events into its current state: one fold for status, monitor, and a driver that resumes."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kdtune.runs.jsonl import Record

STUDY_SEED = "study_seed"
"""What the configuration of a study's model calls the seed of the study that it belongs to."""

FIRST_STEP = "data:"
"""How the message of a driver's first step begins; a driver that was killed leaves no other trace of its end."""


@dataclass
class ModelState:
    """One model in training: a trial (distilled student), or a baseline.

    Attributes:
        values: measures by name, of the last epoch reported; NaN where undefined.
        seconds: training and evaluation so far.
        message: why it failed, if it did.
        failures: how often its worker failed and it was run again.
        weights: SHA-256 of its file of weights in the run (a trial's checkpoint); empty if none is recorded.
        seen: objectives by name, on training examples after the last epoch (`kdtune.runs.choosing`).
        overfit: how much more accurate it is on those than on validation, in standard errors; None if nobody knows.
        predictions: SHA-256 of the file with its answers on validation; empty if none is recorded.
        lost: what it was before it was started over, because its files were lost; None once it has ended again.
        machine, gpu: where it is or was trained last, as Ray names the GPU; empty without one.
    """

    id: str
    kind: str
    config: Mapping[str, Any]
    epochs: int
    state: str = "running"
    epoch: int = 0
    values: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    started: float = 0.0
    ended: float | None = None
    message: str = ""
    cached: bool = False
    failures: int = 0
    weights: str = ""
    predictions: str = ""
    seen: dict[str, float] = field(default_factory=dict)
    overfit: float | None = None
    lost: "ModelState | None" = None
    machine: str = ""
    gpu: str = ""

    def state_now(self, *, lost: bool) -> str:
        """Return its state: of a run that is lost, because its driver is gone, nothing is in training."""
        return "interrupted" if lost and self.state == "running" else self.state


@dataclass
class RunState:
    """Everything that the events say about a run.

    Attributes:
        state: one of `kdtune.runs.records.RUN_STATES`.
        message: what the driver is doing, or why it stopped.
        trials_started: when the current or last driver began with the trials; later by the time in which it slept.
        hypervolume: of the front over time: (number of trials done, hypervolume then).
        steps: what the current driver has prepared, in order: (when it began, what).
        unknown: number of events that are not understood, or are about a model that no event began.
        damaged: number of whole lines that are no records; `fold`, which reads records, knows of none.
    """

    state: str = "preparing"
    message: str = ""
    started: float | None = None
    updated: float | None = None
    trials_started: float | None = None
    baselines: dict[str, ModelState] = field(default_factory=dict)
    trials: dict[str, ModelState] = field(default_factory=dict)
    hypervolume: list[tuple[int, float]] = field(default_factory=list)
    steps: list[tuple[float, str]] = field(default_factory=list)
    unknown: int = 0
    damaged: int = field(default=0, repr=False)

    @property
    def epochs_settled(self) -> int:
        """Epochs of the trials that need not be trained any more: a trial that ended early has none left."""
        unfinished = ("running", "interrupted")
        return sum(t.epoch if t.state in unfinished else t.epochs for t in self.trials.values())

    def preparation(self, now: float) -> list[tuple[str, float]]:
        """Return what the current driver has prepared, and the seconds that each step took; the last one up to now."""
        ends = [begun for begun, _ in self.steps[1:]] + [now]
        return [(what, max(0.0, end - begun)) for (begun, what), end in zip(self.steps, ends, strict=False)]

    def model(self, model_id: str) -> ModelState | None:
        """Return the trial or baseline with this id."""
        return self.trials.get(model_id) or self.baselines.get(model_id)

    def reference(self, model: ModelState, kind: str) -> ModelState | None:
        """Return the teacher (`teacher`) or non-distilled twin (`nds`) that a trial is compared with.

        In a study, which has baselines for each of its seeds, it is the one of the trial's own seed.
        """
        wanted = model.config.get("teacher" if kind == "teacher" else "student")
        seed = model.config.get(STUDY_SEED)
        of_kind = [i for i in self.baselines.values() if i.kind == kind and i.config.get(STUDY_SEED) == seed]
        for item in of_kind:
            if item.config.get("architecture") == wanted:
                return item
        return of_kind[0] if len(of_kind) == 1 and model.kind != kind else None

    def apply(self, event: Record) -> None:
        """Apply one event; count and skip one that is not understood (from a later version, or damaged)."""
        try:
            self._apply(event)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            self.unknown += 1

    def _apply(self, event: Record) -> None:
        time = float(event["t"])
        match event["kind"]:
            case "run":
                self._run_changed(event, time)
            case "baseline" | "trial" as kind:
                self._model_changed(event, time, is_trial=kind == "trial")
            case "report":
                model = self.model(event["id"])
                if model is None:
                    raise KeyError(event["id"])
                model.epoch = int(event["epoch"])
                model.values = _numbers(event["values"])
                model.seen = _numbers(event.get("seen", {}))
                model.overfit = None if event.get("overfit") is None else float(event["overfit"])
                model.seconds += float(event.get("seconds") or 0.0)
            case "values":
                model = self.model(event["id"])
                if model is None:
                    raise KeyError(event["id"])
                model.values.update(_numbers(event["values"]))
            case "place":
                model = self.model(event["id"])
                if model is None:
                    raise KeyError(event["id"])
                model.machine, model.gpu = str(event["machine"]), str(event["gpu"])
            case "front":
                self.hypervolume.append((int(event["done"]), float(event["hypervolume"])))
            case "away":
                self._time_away(float(event["seconds"]))
            case "record":
                pass
            case _:
                self.unknown += 1
        self.updated = time

    def _run_changed(self, event: Record, time: float) -> None:
        before, self.state = self.state, str(event["state"])
        self.message = str(event.get("message", ""))
        self.started = time if self.started is None else self.started
        if self.state == "preparing":
            if before != "preparing" or self.message.startswith(FIRST_STEP):
                self.steps = []
            self.steps.append((time, self.message))
        if self.state == "running" and before != "running":
            self.trials_started = time

    def _time_away(self, seconds: float) -> None:
        """Move what began before a sleep by its length, or by a step of the clock: times are compared with it."""
        if not math.isfinite(seconds):
            raise ValueError(seconds)
        if self.trials_started is not None:
            self.trials_started += seconds
        for model in self.trials.values():
            if model.state == "running":
                model.started += seconds

    def _model_changed(self, event: Record, time: float, *, is_trial: bool) -> None:
        models = self.trials if is_trial else self.baselines
        model = models.get(event["id"])
        if model is None:
            model = ModelState(
                id=str(event["id"]),
                kind=str(event["model"]),
                config=dict(event["config"]),
                epochs=int(event["epochs"]),
                started=time,
                cached=bool(event.get("cached", False)),
            )
            models[model.id] = model
        if event.get("anew", False):  # what it reported is void
            model.lost = model.lost or replace(model)
            model.epoch, model.values, model.seen, model.overfit = 0, {}, {}, None
        model.state = str(event["state"])
        model.failures += bool(event.get("failure", False))
        model.message = str(event.get("message", ""))
        model.weights = str(event.get("weights", ""))
        model.predictions = str(event.get("predictions", ""))
        if model.state in ("running", "interrupted"):  # it begins again somewhere else
            model.machine = model.gpu = ""
        model.ended = time if model.state in ("done", "stopped", "failed") else None
        if model.ended is not None:
            model.lost = None


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): math.nan if value is None else float(value) for name, value in values.items()}


def fold(events: Iterable[Record]) -> RunState:
    """Return the state that a run's events describe."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state
