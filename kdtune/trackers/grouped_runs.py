"""What W&B and Trackio have in common: runs that stay open while they are logged to, in a group of the run's name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState
from kdtune.trackers.memory import Memory
from kdtune.trackers.tracker import SWEEP, settings


class GroupedRuns(ABC):
    """One run of the tracker's for each model, and one for the sweep; each is begun when something is logged to it."""

    def __init__(self, files: RunFiles, record: RunRecord, memory: Memory) -> None:
        self._group = files.name
        self._record = record
        self._memory = memory
        self._open: dict[str, Any] = {}

    def log(self, model: ModelState, values: Mapping[str, float], time: float) -> None:
        """Log one epoch's measures; the epoch is the step."""
        self._of_model(model).log(dict(values), step=model.epoch)

    def log_sweep(self, done: int, values: Mapping[str, float], time: float) -> None:
        """Log values of the whole sweep; the number of trials done is the step."""
        self._of_sweep().log(dict(values), step=done)

    def close(self) -> None:
        """Finish what is open."""
        for run in self._open.values():
            run.finish()
        self._open.clear()

    def _of_model(self, model: ModelState) -> Any:
        return self._run(model.id, model.kind, settings(model))

    def _of_sweep(self) -> Any:
        record = self._record
        asked = {
            "dataset": record.dataset["name"],
            "objectives": list(record.objectives),
            "seed": record.seed,
        }
        return self._run(SWEEP, record.kind, asked)

    def _run(self, name: str, kind: str, config: Mapping[str, Any]) -> Any:
        if name not in self._open:
            self._memory.ids.setdefault(name, self._id(name))
            self._open[name] = self._begin(name, self._memory.ids[name], kind, config)
        return self._open[name]

    def _finish(self, name: str, **how: Any) -> None:
        self._open.pop(name).finish(**how)

    @abstractmethod
    def _id(self, name: str) -> str:
        """Return an id for a new run: that of a model, or `SWEEP`."""

    @abstractmethod
    def _begin(self, name: str, run_id: str, kind: str, config: Mapping[str, Any]) -> Any:
        """Begin a run of the tracker's, or go on with it."""
