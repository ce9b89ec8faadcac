"""Logs a run to TensorBoard, MLflow, Weights & Biases or Trackio, from its events: while it runs, or afterwards."""

from importlib.util import find_spec

from kdtune.errors import InputError

__all__ = ["TRACKERS", "check_installed"]

TRACKERS = ("tensorboard", "mlflow", "wandb", "trackio")
"""Names of the trackers: what `log` in a space, and `kdtune log --to`, may say."""

_LIBRARIES = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb", "trackio": "trackio"}


def check_installed(name: str) -> None:
    """Raise InputError if a tracker's library is not installed.

    The library is looked for, not imported: MLflow's import takes seconds.
    """
    if find_spec(_LIBRARIES[name]) is None:
        raise InputError(f"{name} is not installed: pip install 'kdtune[{name}]'")
