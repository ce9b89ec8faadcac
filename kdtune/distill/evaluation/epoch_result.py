"""What a model, or each of several, gave in an epoch: computed on the device, fetched in one copy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from kdtune.distill.one_copy import to_host


@dataclass(frozen=True, eq=False)
class EpochResult:
    """What one model gave in an epoch, on the host.

    Attributes:
        train_loss: mean over the training examples; NaN where nothing was trained.
        validation_loss: mean cross-entropy over the validation examples.
        finite: whether all logits are.
        predictions: classes of the validation examples, int64 [m].
        training: classes of the training examples, int64 [n]; None where they were not asked for.
        logits: those of the validation examples, float32 [m, C]; None where they were not asked for.
    """

    train_loss: float
    validation_loss: float
    finite: bool
    predictions: np.ndarray
    training: np.ndarray | None
    logits: Tensor | None


@torch.inference_mode()
def results_of(
    losses: Tensor,
    seen: int,
    logits: Tensor,
    labels: Tensor,
    training: Tensor | None = None,
    *,
    keep_logits: bool = False,
) -> list[EpochResult]:
    """Return what each of K models gave.

    Args:
        losses: sums of the training losses of the `seen` examples, float32 [K].
        logits: on validation, float32 [K, m, C].
        labels: of the validation examples, int64 [m].
        training: classes of the training examples, int64 [K, n].
        keep_logits: whether the results have the validation logits.
    """
    wanted: Sequence[Tensor] = (
        losses,
        torch.stack([functional.cross_entropy(part, labels) for part in logits]),
        torch.isfinite(logits).flatten(1).all(dim=1),
        logits.argmax(dim=2),
        *(() if training is None else (training,)),
        *((logits,) if keep_logits else ()),
    )
    arrived = to_host(wanted)
    train, validation, finite, predictions = (part.numpy() for part in arrived[:4])
    return [
        EpochResult(
            train_loss=float(train[k]) / seen,
            validation_loss=float(validation[k]),
            finite=bool(finite[k]),
            predictions=predictions[k],
            training=None if training is None else arrived[4].numpy()[k],
            logits=arrived[-1][k] if keep_logits else None,
        )
        for k in range(len(logits))
    ]
