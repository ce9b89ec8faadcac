"""Distillation: the loss, training that can be resumed, and frozen teachers. Uses neither Ray nor Optuna.

Names are resolved when they are used: reading a protocol (`TrainConfig`) does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kdtune.distill.arrays import Arrays, DeviceData
    from kdtune.distill.config import Distillation, Job, TrainConfig
    from kdtune.distill.losses.hinton import kd_loss
    from kdtune.distill.schedule import learning_rate
    from kdtune.distill.teachers.signal import FrozenTeacher, TeacherSignal, signal_of
    from kdtune.distill.training import DivergedError, Training

_HOMES = {
    "kd_loss": "losses.hinton",
    "learning_rate": "schedule",
    "Arrays": "arrays",
    "DeviceData": "arrays",
    "Distillation": "config",
    "Job": "config",
    "TrainConfig": "config",
    "FrozenTeacher": "teachers.signal",
    "TeacherSignal": "teachers.signal",
    "signal_of": "teachers.signal",
    "DivergedError": "training",
    "Training": "training",
}

__all__ = [
    "Arrays",
    "DeviceData",
    "Distillation",
    "DivergedError",
    "FrozenTeacher",
    "Job",
    "TeacherSignal",
    "TrainConfig",
    "Training",
    "kd_loss",
    "learning_rate",
    "signal_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
