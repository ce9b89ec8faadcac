"""A frozen teacher, and its logits: computed once for each view, then looked up."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from kdtune.distill.arrays import DeviceData
from kdtune.distill.evaluation.forward import gathered, outputs
from kdtune.distill.evaluation.spread import spread_logits
from kdtune.errors import InputError
from kdtune.models import penultimate


class FrozenTeacher(nn.Module):
    """A model that gives logits and nothing else: it has no gradients and stays in evaluation mode.

    `train()` on a module that contains it does not reach it: batch statistics stay those of its own training.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> "FrozenTeacher":
        """Stay in evaluation mode."""
        super().train(False)
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits [n, classes]."""
        with torch.no_grad():
            logits: Tensor = self.model(inputs)
            return logits


def _no_features(_view: int) -> Tensor:
    raise InputError(
        "this teacher is known by its logits alone: a loss of features has nothing to learn from"
    )


@dataclass(frozen=True)
class TeacherSignal:
    """What a student learns from: logits by view, and the classes that the teacher gives the validation examples.

    Attributes:
        logits: view -> float32 [n, classes], for all training examples in their order.
        validation_predictions: int64 [m].
        features: view -> float32 [n, D], the inputs of the teacher's last layer.
    """

    logits: Callable[[int], Tensor]
    validation_predictions: np.ndarray
    features: Callable[[int], Tensor] = _no_features


def signal_of(
    model: nn.Module,
    data: DeviceData,
    *,
    precision: str = "float32",
    threads: int = 1,
    validation_predictions: np.ndarray | None = None,
) -> TeacherSignal:
    """Return a teacher's signal; its logits are computed when asked for, and those of the latest view are kept.

    Args:
        threads: how many batches are computed at once, at most.
        validation_predictions: the classes that the teacher gives the validation examples, int64 [m]; without them,
            they are computed.
    """
    teacher = FrozenTeacher(model).to(data.device)
    predict = partial(spread_logits, teacher, precision=precision, threads=threads)
    kept: dict[int, Tensor] = {}
    kept_features: dict[int, Tensor] = {}

    def logits(view: int) -> Tensor:
        if view not in kept:
            kept.clear()
            kept[view] = predict(views=data.train, view=view).clone()
        return kept[view]

    @torch.inference_mode()
    def features(view: int) -> Tensor:
        if view not in kept_features:
            kept_features.clear()
            last = partial(penultimate, teacher)
            parts = outputs(last, data.train, view=view, precision=precision)
            kept_features[view] = gathered(parts, len(data.train))
        return kept_features[view]

    if validation_predictions is None:
        validation_predictions = predict(views=data.validation).argmax(dim=1).cpu().numpy()
    return TeacherSignal(logits, validation_predictions, features)
