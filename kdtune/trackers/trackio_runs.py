"""Trackio: one run for each model, and one for the sweep, in a group of the run's name."""

import os
from collections.abc import Mapping
from typing import Any

import trackio

from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState
from kdtune.trackers.memory import Memory
from kdtune.trackers.tracker import PROJECT, SWEEP, metric_names, settings


class TrackioRuns:
    """Writes through `trackio.init`, on this machine (`TRACKIO_DIR`), or where Trackio's own variables say."""

    def __init__(self, files: RunFiles, record: RunRecord, memory: Memory) -> None:
        self._project = os.environ.get("TRACKIO_PROJECT") or PROJECT
        self._name = files.root.name
        self._record = record
        self._memory = memory
        self._open: dict[str, Any] = {}

    @property
    def where(self) -> str:
        """The project and the group; `trackio show` opens it."""
        place = os.environ.get("TRACKIO_SPACE_ID") or os.environ.get("TRACKIO_SERVER_URL") or "this machine"
        return f"project {self._project}, group {self._name} ({place})"

    def log(self, model: ModelState, values: Mapping[str, float], time: float) -> None:
        """Log one epoch's measures; the epoch is the step."""
        self._run(model.id, settings(model)).log(dict(values), step=model.epoch)

    def end(self, model: ModelState, time: float) -> None:
        """Log the last measures, and finish a model's run."""
        run = self._run(model.id, settings(model))
        run.log(
            {f"final/{name}": value for name, value in metric_names(model.values).items()}, step=model.epoch
        )
        run.finish()
        del self._open[model.id]

    def log_sweep(self, done: int, values: Mapping[str, float], time: float) -> None:
        """Log values of the whole sweep; the number of trials done is the step."""
        self._sweep().log(dict(values), step=done)

    def end_sweep(self, state: str, front: tuple[str, ...], time: float) -> None:
        """Log the front, and finish the sweep's run."""
        run = self._sweep()
        run.log({"state": state, "front": ", ".join(front)})
        run.finish()
        del self._open[SWEEP]

    def close(self) -> None:
        """Finish what is open."""
        for run in self._open.values():
            run.finish()
        self._open.clear()

    def _sweep(self) -> Any:
        record = self._record
        asked = {
            "dataset": record.dataset["name"],
            "objectives": ", ".join(record.objectives),
            "seed": record.seed,
        }
        return self._run(SWEEP, asked)

    def _run(self, name: str, config: Mapping[str, Any]) -> Any:
        if name not in self._open:
            again = f" ({self._memory.attempt})" if self._memory.attempt > 1 else ""
            self._memory.ids.setdefault(name, f"{self._name}/{name}{again}")
            self._open[name] = trackio.init(
                project=self._project,
                name=self._memory.ids[name],
                group=self._name,
                config=dict(config),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        return self._open[name]
