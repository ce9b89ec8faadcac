"""The losses of several students at once: each has its own settings and weights."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from kdtune.distill.arrays import DeviceData
from kdtune.distill.config import Distillation, Job
from kdtune.distill.losses.criterion import called, run_loss, settings_of
from kdtune.distill.losses.example_weights import example_weights
from kdtune.distill.losses.registry import Loss, find_loss
from kdtune.torch_defaults import torch_defaults


@dataclass(frozen=True)
class LossSettings:
    """What each of K students minimises: tensors of shape [K, 1, 1], so that they meet logits [K, n, C].

    Attributes:
        temperature: of the softmaxes of the soft term.
        soft: weight of the soft term, including T² if the loss scales by it.
        hard: weight of the cross-entropy.
        smoothing: share of each label that is spread over all classes; None if no student has it.
        loss: one that is none of these, by which all K learn; None for Hinton's.
        own: what that loss takes, [K] each.
    """

    temperature: Tensor
    soft: Tensor
    hard: Tensor
    smoothing: Tensor | None = None
    loss: Loss | None = None
    own: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        settings: Sequence[Distillation],
        device: torch.device,
        smoothing: Sequence[float] = (),
        dtype: torch.dtype = torch.float32,
    ) -> "LossSettings":
        """Return the settings of K students as tensors."""

        def column(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)[:, None, None]

        smoothing = smoothing or [0.0] * len(settings)
        name = settings[0].loss
        loss, own = None, {}
        if name != "kd":
            loss = find_loss(name)
            each = [settings_of(loss, s, share) for s, share in zip(settings, smoothing, strict=True)]
            own = {
                key: torch.tensor([float(values[key]) for values in each], dtype=dtype, device=device)
                for key in each[0]
            }
        return cls(
            temperature=column([s.temperature for s in settings]),
            soft=column([s.alpha * (s.temperature**2 if s.scale_by_t2 else 1.0) for s in settings]),
            hard=column([1 - s.alpha for s in settings]),
            smoothing=column(smoothing) if any(smoothing) else None,
            loss=loss,
            own=own,
        )


def weights_of(jobs: Sequence[Job], data: DeviceData) -> Tensor | None:
    """Return the weights of the training examples for each of K students, [K, n]; None where all weigh the same."""
    found = [example_weights(job.train, data.arrays) for job in jobs]
    if all(weights is None for weights in found):
        return None
    rows = [np.ones(len(data), np.float32) if weights is None else weights for weights in found]
    return torch.from_numpy(np.stack(rows)).to(data.device)


def losses_of(
    student: Tensor,
    teacher: Tensor | None,
    labels: Tensor,
    settings: LossSettings,
    weights: Tensor | None = None,
) -> Tensor:
    """Return the loss of each of K students, float32 [K]: what `Criterion` gives each alone.

    Args:
        student: logits float32 [K, n, C].
        teacher: logits float32 [K, n, C], or [1, n, C] if all learn from one; None if no student looks at them.
        labels: int64 [n].
        weights: of the examples, [K, n].
    """
    if settings.loss is None:
        return kd_losses(student, teacher, labels, settings, weights)
    each = _mapped(settings.loss, student, teacher, labels, settings.own)
    if weights is not None:
        each = each * weights
    return each.flatten(1).mean(dim=1) if each.dim() > 1 else each


def kd_losses(
    student: Tensor,
    teacher: Tensor | None,
    labels: Tensor,
    settings: LossSettings,
    weights: Tensor | None = None,
) -> Tensor:
    """Return Hinton's loss of each of K students, float32 [K]; arguments are those of `losses_of`."""
    n = len(labels)
    log_probabilities = functional.log_softmax(student, dim=2)
    truth = labels[None, :, None].expand(len(student), n, 1)
    wrong = -log_probabilities.gather(2, truth)
    if settings.smoothing is not None:
        spread = -log_probabilities.mean(dim=2, keepdim=True)
        wrong = (1 - settings.smoothing) * wrong + settings.smoothing * spread
    by_example = 1 if weights is None else weights[:, :, None]
    losses = (by_example * settings.hard * wrong).sum(dim=(1, 2))
    if teacher is not None:
        at_temperature = functional.log_softmax(student / settings.temperature, dim=2)
        target = functional.log_softmax(teacher / settings.temperature, dim=2)
        divergence = functional.kl_div(at_temperature, target, reduction="none", log_target=True)
        losses = losses + (by_example * settings.soft * divergence).sum(dim=(1, 2))
    return losses / n


def _mapped(
    loss: Loss, student: Tensor, teacher: Tensor | None, labels: Tensor, own: dict[str, Tensor]
) -> Tensor:
    """Return a loss of each of K students: [K, n], or [K] where the loss gives means."""
    teacher = student.detach() if teacher is None else teacher.expand_as(student)

    def alone(logits: Tensor, teacher_logits: Tensor, values: dict[str, Tensor]) -> Tensor:
        return run_loss(loss, {"logits": logits, "teacher_logits": teacher_logits, "labels": labels}, values)

    found: Tensor = torch.func.vmap(alone)(student, teacher, own)
    return found


def is_fusable(name: str, n_classes: int, *, weighted: bool = False) -> bool:
    """Return whether students with this loss can be trained as one: try it.

    For three students at once it must give the losses and the gradients that it gives each alone. What it prints goes
    to standard error. It is tried once for a loss that is registered: each cohort of a sweep asks.

    Args:
        weighted: whether examples have weights: then a loss that gives means is none that can.
    """
    return name == "kd" or _is_fusable(find_loss(name), n_classes, weighted)


@lru_cache(maxsize=64)
def _is_fusable(loss: Loss, n_classes: int, weighted: bool) -> bool:
    if loss.needs_features:
        return False
    try:
        with contextlib.redirect_stdout(sys.stderr), torch_defaults():
            together, apart = _tried(loss, n_classes, as_one=True), _tried(loss, n_classes, as_one=False)
    except Exception:  # vmap and the gradient may fail in any way; alone it fails with its own message
        return False
    if weighted and apart[0].dim() == 1:
        return False
    return all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-6, atol=1e-9)
        for a, b in zip(together, apart, strict=True)
    )


def _tried(loss: Loss, n_classes: int, *, as_one: bool) -> tuple[Tensor, Tensor]:
    """Return losses and gradients of three made-up students, which differ in all settings."""
    generator = torch.Generator().manual_seed(0)
    shape = (3, 6, n_classes)
    teacher, student = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    labels = torch.randint(n_classes, (6,), generator=generator)
    softs = [Distillation("", 1.0 + k, 0.3 + 0.2 * k, bool(k % 2), loss.name) for k in range(3)]
    smoothing = [0.0, 0.1, 0.2]
    student.requires_grad_()
    if as_one:
        own = LossSettings.of(softs, student.device, smoothing, torch.float64).own
        each = _mapped(loss, student, teacher, labels, own)
    else:
        each = torch.stack(
            [
                called(loss, {"logits": s, "teacher_logits": t, "labels": labels}, soft, share)
                for s, t, soft, share in zip(student, teacher, softs, smoothing, strict=True)
            ]
        )
    each.sum().backward()
    assert student.grad is not None
    return each.detach(), student.grad
