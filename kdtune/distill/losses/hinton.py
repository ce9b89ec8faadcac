"""The distillation loss of Hinton et al. (2015, arXiv 1503.02531)."""

import torch
from torch import Tensor
from torch.nn import functional

from kdtune.errors import InputError


def kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor | None,
    labels: Tensor | None,
    *,
    temperature: float,
    alpha: float,
    scale_by_t2: bool = True,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return alpha * T² * KL(teacher_T || student_T) + (1 - alpha) * cross-entropy, a scalar: the batch mean.

    Both softmaxes of the KL are at temperature T, the cross-entropy at 1. `alpha` weighs the distillation
    term (elsewhere the same letter weighs the other term). T² keeps the size of the term's gradient at high T
    (Hinton et al., section 2); `scale_by_t2=False` leaves it out, as in the formula that Mohammadshahi and
    Ioannou (2025) print.

    `label_smoothing` spreads this share of each label evenly over all classes.

    Logits are [n, C] of any float type, labels int64 [n]; the result is float32, or float64 for float64 logits.
    A term of weight zero is not computed: teacher_logits may be None at alpha = 0, labels at alpha = 1.

    Raises:
        InputError: temperature is not above zero or not finite, alpha is not within 0..1, or an input
            that a term needs is missing.
    """
    if not 0 < temperature < float("inf"):
        raise InputError(f"temperature must be above zero and finite, not {temperature}")
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha must be from 0 to 1, not {alpha}")
    student = _at_least_float32(student_logits)
    terms = []
    if alpha > 0:
        if teacher_logits is None:
            raise InputError(f"teacher logits are missing: alpha = {alpha} needs them")
        weight = alpha * temperature**2 if scale_by_t2 else alpha
        terms.append(weight * _divergence(student, _at_least_float32(teacher_logits), temperature))
    if alpha < 1:
        if labels is None:
            raise InputError(f"labels are missing: alpha = {alpha} needs them")
        terms.append((1 - alpha) * functional.cross_entropy(student, labels, label_smoothing=label_smoothing))
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


def _divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the mean over the batch of KL(softmax(teacher / T) || softmax(student / T)), in nats."""
    return functional.kl_div(
        functional.log_softmax(student / temperature, dim=1),
        functional.log_softmax(teacher / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )


def _at_least_float32(logits: Tensor) -> Tensor:
    # At high T the classes differ by little: bfloat16 has 8 bits, and would round the soft targets away.
    return logits if logits.dtype == torch.float64 else logits.float()
