"""TensorBoard: one folder of event files for each model, in the run itself."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState
from kdtune.trackers.memory import Memory
from kdtune.trackers.tracker import SWEEP, metric_names, settings


class TensorBoardFiles:
    """Writes scalars by epoch, and each model's settings beside its last measures (TensorBoard's tab HParams)."""

    def __init__(self, files: RunFiles, _record: RunRecord, memory: Memory) -> None:
        self._folder = files.tracker("tensorboard").with_suffix("")
        self._writers: dict[str, SummaryWriter] = {}
        if (
            not memory.events and self._folder.exists()
        ):  # of another attempt: the same curves twice are of no use
            shutil.rmtree(self._folder)

    @property
    def where(self) -> str:
        """The folder that `tensorboard --logdir` opens."""
        return str(self._folder.resolve())

    def log(self, model: ModelState, values: Mapping[str, float], time: float) -> None:
        """Write one scalar a measure."""
        self._write(model.id, model.epoch, values, time)

    def end(self, model: ModelState, time: float) -> None:
        """Write the settings beside the last measures, and close the model's file."""
        writer = self._writer(model.id)
        final = metric_names(model.values)
        for summary in hparams(settings(model), final):
            writer.file_writer.add_summary(summary, model.epoch, walltime=time)
        writer.close()
        del self._writers[model.id]

    def log_sweep(self, done: int, values: Mapping[str, float], time: float) -> None:
        """Write scalars of the whole sweep, by the number of trials done."""
        self._write(SWEEP, done, values, time)

    def end_sweep(self, state: str, front: tuple[str, ...], time: float) -> None:
        """Write the front as a text."""
        writer = self._writer(SWEEP)
        writer.add_text("front", f"{state}; Pareto front: {', '.join(front) or 'empty'}", walltime=time)
        writer.flush()

    def close(self) -> None:
        """Close all files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _write(self, name: str, step: int, values: Mapping[str, float], time: float) -> None:
        writer = self._writer(name)
        for key, value in values.items():
            writer.add_scalar(key, value, step, walltime=time)
        writer.flush()

    def _writer(self, name: str) -> SummaryWriter:
        if name not in self._writers:
            self._writers[name] = SummaryWriter(logdir=str(Path(self._folder) / name))
        return self._writers[name]
