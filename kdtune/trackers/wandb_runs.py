"""Weights & Biases: one run for each model, and one for the sweep, in a group of the run's name."""

import os
from collections.abc import Mapping
from typing import Any

import wandb

from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState
from kdtune.trackers.grouped_runs import GroupedRuns
from kdtune.trackers.memory import Memory
from kdtune.trackers.tracker import PROJECT, SWEEP, metric_names


class WandbRuns(GroupedRuns):
    """Writes through `wandb.init`; `WANDB_MODE=offline` keeps everything in the run, for `wandb sync` later."""

    def __init__(self, files: RunFiles, record: RunRecord, memory: Memory) -> None:
        super().__init__(files, record, memory)
        self._project = os.environ.get("WANDB_PROJECT") or PROJECT
        self._folder = files.tracker("wandb").with_suffix("")
        self._folder.mkdir(exist_ok=True)

    @property
    def where(self) -> str:
        """The project, and the folder for what is not sent."""
        mode = os.environ.get("WANDB_MODE") or "online"
        kept = f", in {(self._folder / 'wandb').resolve()}" if mode == "offline" else ""
        return f"project {self._project}, group {self._group} ({mode}{kept})"

    def end(self, model: ModelState, time: float) -> None:
        """Finish a model's run, with how it ended and its last measures in the summary."""
        ended = {"state": model.state, "message": model.message}
        self._of_model(model).summary.update({**metric_names(model.values), **ended})
        self._finish(model.id, exit_code=int(model.state == "failed"))

    def end_sweep(self, state: str, front: tuple[str, ...], time: float) -> None:
        """Finish the sweep's run, with its front in the summary."""
        self._of_sweep().summary.update({"state": state, "front": list(front)})
        self._finish(SWEEP, exit_code=int(state == "failed"))

    def _id(self, name: str) -> str:
        return f"{self._group}-{int(self._record.created)}-{self._memory.attempt}-{name}"

    def _begin(self, name: str, run_id: str, kind: str, config: Mapping[str, Any]) -> Any:
        return wandb.init(
            project=self._project,
            group=self._group,
            name=name,
            id=run_id,
            job_type=kind,
            config=dict(config),
            dir=str(self._folder),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, disable_git=True, disable_code=True, console="off"),
        )
