"""The distillation loss of several students at once: each has its own temperature and weight."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from kdtune.distill.config import Distillation


@dataclass(frozen=True)
class LossSettings:
    """What each of K students minimises: tensors of shape [K, 1, 1], so that they meet logits [K, n, C].

    Attributes:
        temperature: of the softmaxes of the soft term.
        soft: weight of the soft term, including T² if the loss scales by it.
        hard: weight of the cross-entropy.
    """

    temperature: Tensor
    soft: Tensor
    hard: Tensor

    @classmethod
    def of(cls, settings: Sequence[Distillation], device: torch.device) -> "LossSettings":
        """Return the settings of K students as tensors."""

        def column(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]

        return cls(
            temperature=column([s.temperature for s in settings]),
            soft=column([s.alpha * (s.temperature**2 if s.scale_by_t2 else 1.0) for s in settings]),
            hard=column([1 - s.alpha for s in settings]),
        )


def kd_losses(student: Tensor, teacher: Tensor | None, labels: Tensor, settings: LossSettings) -> Tensor:
    """Return the loss of each of K students, float32 [K]: `kdtune.distill.kd_loss` for each.

    Args:
        student: logits float32 [K, n, C].
        teacher: logits float32 [K, n, C], or [1, n, C] if all learn from one; None if no student has a soft
            term.
        labels: int64 [n].
    """
    n = len(labels)
    log_probabilities = functional.log_softmax(student, dim=2)
    truth = labels[None, :, None].expand(len(student), n, 1)
    losses = -(settings.hard * log_probabilities.gather(2, truth)).sum(dim=(1, 2))
    if teacher is not None:
        at_temperature = functional.log_softmax(student / settings.temperature, dim=2)
        target = functional.log_softmax(teacher / settings.temperature, dim=2)
        divergence = functional.kl_div(at_temperature, target, reduction="none", log_target=True)
        losses = losses + (settings.soft * divergence).sum(dim=(1, 2))
    return losses / n
