"""MLflow: one run for the sweep, and below it one for each model."""

import os
from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState
from kdtune.trackers.memory import Memory
from kdtune.trackers.tracker import PROJECT, SWEEP, metric_names, settings

_ENDS = {"done": "FINISHED", "stopped": "KILLED", "failed": "FAILED", "finished": "FINISHED"}
_LONGEST = 500
"""Characters of a value that older servers take."""


class MlflowRuns:
    """Writes through MLflow's client, to `MLFLOW_TRACKING_URI`, or where MLflow keeps its runs by default."""

    def __init__(self, files: RunFiles, record: RunRecord, memory: Memory) -> None:
        self._client = MlflowClient()
        self._experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT
        self._name = files.name
        self._record = record
        self._ids = memory.ids
        self._experiment_id = ""

    @property
    def where(self) -> str:
        """The tracking server's address and the experiment."""
        return f"{self._client.tracking_uri} (experiment {self._experiment})"

    def log(self, model: ModelState, values: Mapping[str, float], time: float) -> None:
        """Log one metric a measure, with the time at which it was measured."""
        self._log(self._run_of(model), model.epoch, values, time)

    def end(self, model: ModelState, time: float) -> None:
        """End a model's run, with its last measures; a trial that was stopped early counts as killed."""
        run_id = self._run_of(model)
        self._log(run_id, model.epoch, metric_names(model.values), time)
        if model.message:
            self._client.set_tag(run_id, "message", model.message[:_LONGEST])
        self._client.set_terminated(run_id, _ENDS[model.state], int(1000 * time))

    def log_sweep(self, done: int, values: Mapping[str, float], time: float) -> None:
        """Log values of the whole sweep, by the number of trials done."""
        self._log(self._sweep(), done, values, time)

    def end_sweep(self, state: str, front: tuple[str, ...], time: float) -> None:
        """End the sweep's run, and mark the runs on its front."""
        run_id = self._sweep()
        self._client.set_tag(run_id, "front", ", ".join(front)[:_LONGEST])
        for model_id, child in self._ids.items():
            if model_id != SWEEP:
                self._client.set_tag(child, "front", str(model_id in front).lower())
        self._client.set_terminated(run_id, _ENDS.get(state, "KILLED"), int(1000 * time))

    def close(self) -> None:
        """Do nothing: each call has written what it was given."""

    def _log(self, run_id: str, step: int, values: Mapping[str, float], time: float) -> None:
        at = int(1000 * time)
        self._client.log_batch(
            run_id, metrics=[Metric(key, value, at, step) for key, value in values.items()]
        )

    def _run_of(self, model: ModelState) -> str:
        if model.id not in self._ids:
            tags = {"mlflow.parentRunId": self._sweep(), "kdtune.kind": model.kind, "kdtune.run": self._name}
            self._ids[model.id] = self._begin(model.id, model.started, tags, settings(model))
        return self._ids[model.id]

    def _sweep(self) -> str:
        if SWEEP not in self._ids:
            record = self._record
            asked = {
                "dataset": record.dataset["name"],
                "objectives": ", ".join(record.objectives),
                "pairs": ", ".join(record.pairs),
                "seed": record.seed,
                "trials": record.trials,
                "epochs": record.epochs,
            }
            self._ids[SWEEP] = self._begin(self._name, record.created, {"kdtune.kind": record.kind}, asked)
        return self._ids[SWEEP]

    def _begin(self, name: str, time: float, tags: Mapping[str, str], values: Mapping[str, Any]) -> str:
        if not self._experiment_id:
            known = self._client.get_experiment_by_name(self._experiment)
            self._experiment_id = (
                self._client.create_experiment(self._experiment) if known is None else known.experiment_id
            )
        begun = self._client.create_run(self._experiment_id, int(1000 * time), run_name=name)
        self._client.log_batch(
            begun.info.run_id,
            params=[Param(key, str(value)[:_LONGEST]) for key, value in values.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        return str(begun.info.run_id)
