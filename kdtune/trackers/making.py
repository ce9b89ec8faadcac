"""Makes a tracker's adapter by its name."""

from importlib import import_module

from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.trackers import check_installed
from kdtune.trackers.memory import Memory
from kdtune.trackers.tracker import Tracker

_ADAPTERS = {
    "tensorboard": ("kdtune.trackers.tensorboard_files", "TensorBoardFiles"),
    "mlflow": ("kdtune.trackers.mlflow_runs", "MlflowRuns"),
    "wandb": ("kdtune.trackers.wandb_runs", "WandbRuns"),
    "trackio": ("kdtune.trackers.trackio_runs", "TrackioRuns"),
}


def make_tracker(name: str, files: RunFiles, record: RunRecord, memory: Memory) -> Tracker:
    """Return the adapter of a tracker for one run.

    Args:
        memory: what was logged of the run before; the adapter keeps the tracker's own ids in it.

    Raises:
        InputError: its library is not installed.
    """
    check_installed(name)
    home, adapter = _ADAPTERS[name]
    tracker: Tracker = getattr(import_module(home), adapter)(files, record, memory)
    return tracker
