"""Trackio: one run for each model, and one for the sweep, in a group of the run's name."""

import os
from collections.abc import Mapping
from typing import Any

import trackio

from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState
from kdtune.trackers.grouped_runs import GroupedRuns
from kdtune.trackers.memory import Memory
from kdtune.trackers.tracker import PROJECT, SWEEP, metric_names


class TrackioRuns(GroupedRuns):
    """Writes through `trackio.init`, on this machine (`TRACKIO_DIR`), or where Trackio's own variables say."""

    def __init__(self, files: RunFiles, record: RunRecord, memory: Memory) -> None:
        super().__init__(files, record, memory)
        self._project = os.environ.get("TRACKIO_PROJECT") or PROJECT

    @property
    def where(self) -> str:
        """The project and the group; `trackio show` opens it."""
        place = os.environ.get("TRACKIO_SPACE_ID") or os.environ.get("TRACKIO_SERVER_URL") or "this machine"
        return f"project {self._project}, group {self._group} ({place})"

    def end(self, model: ModelState, time: float) -> None:
        """Log the last measures, and finish a model's run."""
        last = {f"final/{name}": value for name, value in metric_names(model.values).items()}
        self._of_model(model).log(last, step=model.epoch)
        self._finish(model.id)

    def end_sweep(self, state: str, front: tuple[str, ...], time: float) -> None:
        """Log the front, and finish the sweep's run."""
        self._of_sweep().log({"state": state, "front": ", ".join(front)})
        self._finish(SWEEP)

    def _id(self, name: str) -> str:
        again = f" ({self._memory.attempt})" if self._memory.attempt > 1 else ""
        return f"{self._group}/{name}{again}"

    def _begin(self, name: str, run_id: str, kind: str, config: Mapping[str, Any]) -> Any:
        return trackio.init(
            project=self._project,
            name=run_id,
            group=self._group,
            config={key: ", ".join(v) if isinstance(v, list) else v for key, v in config.items()},
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
