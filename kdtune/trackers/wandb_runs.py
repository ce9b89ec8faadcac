"""Weights & Biases: one run for each model, and one for the sweep, in a group of the run's name."""

import os
from collections.abc import Mapping
from typing import Any

import wandb

from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState
from kdtune.trackers.memory import Memory
from kdtune.trackers.tracker import PROJECT, SWEEP, metric_names, settings


class WandbRuns:
    """Writes through `wandb.init`; `WANDB_MODE=offline` keeps everything in the run, for `wandb sync` later."""

    def __init__(self, files: RunFiles, record: RunRecord, memory: Memory) -> None:
        self._project = os.environ.get("WANDB_PROJECT") or PROJECT
        self._folder = files.tracker("wandb").with_suffix("")
        self._folder.mkdir(exist_ok=True)
        self._name = files.root.name
        self._record = record
        self._memory = memory
        self._open: dict[str, Any] = {}

    @property
    def where(self) -> str:
        """The project, and the folder for what is not sent."""
        mode = os.environ.get("WANDB_MODE") or "online"
        kept = f", in {(self._folder / 'wandb').resolve()}" if mode == "offline" else ""
        return f"project {self._project}, group {self._name} ({mode}{kept})"

    def log(self, model: ModelState, values: Mapping[str, float], time: float) -> None:
        """Log one epoch's measures; the epoch is the step."""
        self._run(model.id, model.kind, settings(model)).log(dict(values), step=model.epoch)

    def end(self, model: ModelState, time: float) -> None:
        """Finish a model's run, with how it ended and its last measures in the summary."""
        run = self._run(model.id, model.kind, settings(model))
        run.summary.update({**metric_names(model.values), "state": model.state, "message": model.message})
        run.finish(exit_code=int(model.state == "failed"))
        del self._open[model.id]

    def log_sweep(self, done: int, values: Mapping[str, float], time: float) -> None:
        """Log values of the whole sweep; the number of trials done is the step."""
        self._sweep().log(dict(values), step=done)

    def end_sweep(self, state: str, front: tuple[str, ...], time: float) -> None:
        """Finish the sweep's run, with its front in the summary."""
        run = self._sweep()
        run.summary.update({"state": state, "front": list(front)})
        run.finish(exit_code=int(state == "failed"))
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
            "objectives": list(record.objectives),
            "seed": record.seed,
        }
        return self._run(SWEEP, record.kind, asked)

    def _run(self, name: str, kind: str, config: Mapping[str, Any]) -> Any:
        if name not in self._open:
            unique = f"{self._name}-{int(self._record.created)}-{self._memory.attempt}-{name}"
            self._memory.ids.setdefault(name, unique)
            self._open[name] = wandb.init(
                project=self._project,
                group=self._name,
                name=name,
                id=self._memory.ids[name],
                job_type=kind,
                config=dict(config),
                dir=str(self._folder),
                resume="allow",
                reinit="create_new",
                settings=wandb.Settings(silent=True, disable_git=True, disable_code=True, console="off"),
            )
        return self._open[name]
