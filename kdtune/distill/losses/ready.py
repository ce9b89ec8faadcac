"""The ready losses, each for every example of a batch: [n]."""

from torch import Tensor
from torch.nn import functional

_AWAY = 1e9
"""Taken from the logarithm of the true class, so that it has no probability."""


def kd(
    logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    temperature: float,
    alpha: float,
    scale_by_t2: bool,
    label_smoothing: float,
) -> Tensor:
    """Return Hinton's loss (see `kdtune.distill.kd_loss`) of each example, [n]."""
    divergence = functional.kl_div(
        functional.log_softmax(logits / temperature, dim=1),
        functional.log_softmax(teacher_logits / temperature, dim=1),
        reduction="none",
        log_target=True,
    ).sum(dim=1)
    hard = cross_entropy(logits, labels, label_smoothing)
    return alpha * _scale(temperature, scale_by_t2) * divergence + (1 - alpha) * hard


def dkd(
    logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    temperature: float,
    alpha: float,
    scale_by_t2: bool,
    label_smoothing: float,
    beta: float,
) -> Tensor:
    """Return decoupled KD (Zhao et al. 2022, arXiv 2203.08679) of each example, [n].

    alpha * T² * (TCKD + beta * NCKD) + (1 - alpha) * cross-entropy. TCKD is the divergence of the probability of the
    true class from the teacher's, NCKD that of the probabilities of the other classes among themselves. Hinton's
    divergence is TCKD + (1 - p) * NCKD with p the teacher's probability of the true class; here NCKD keeps its weight
    where the teacher is sure. With two classes NCKD is 0 and this is Hinton's loss. The paper's weights, CE + TCKD +
    beta * NCKD, are those of alpha = 0.5, at twice the learning rate.
    """
    student = functional.log_softmax(logits / temperature, dim=1)
    teacher = functional.log_softmax(teacher_logits / temperature, dim=1)
    truth = functional.one_hot(labels, logits.shape[1]).to(student.dtype)
    log_p, log_q = (teacher * truth).sum(dim=1), (student * truth).sum(dim=1)
    # log(1 - p) from the other classes: 1 - p itself is rounded to 0 where the teacher is sure.
    rest_t, rest_s = _of_others(teacher, truth), _of_others(student, truth)
    target = log_p.exp() * (log_p - log_q) + rest_t.exp() * (rest_t - rest_s)
    among_t, among_s = teacher - rest_t[:, None], student - rest_s[:, None]
    soft = target + beta * ((among_t - _AWAY * truth).exp() * (among_t - among_s)).sum(dim=1)
    hard = cross_entropy(logits, labels, label_smoothing)
    return alpha * _scale(temperature, scale_by_t2) * soft + (1 - alpha) * hard


def hint(
    logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    hints: Tensor,
    teacher_features: Tensor,
    *,
    temperature: float,
    alpha: float,
    scale_by_t2: bool,
    label_smoothing: float,
    hint: float,
) -> Tensor:
    """Return Hinton's loss plus `hint` times the mean squared distance of the features, of each example, [n].

    The hint is that of FitNets (Romero et al. 2015, arXiv 1412.6550): a linear layer, trained with the student, maps
    the student's features to the teacher's width. It is taken at the input of the last layer and from the first step
    on, where the paper takes it in the middle of the network and trains the lower half on it first.
    """
    soft = kd(
        logits,
        teacher_logits,
        labels,
        temperature=temperature,
        alpha=alpha,
        scale_by_t2=scale_by_t2,
        label_smoothing=label_smoothing,
    )
    return soft + hint * (hints - teacher_features).square().mean(dim=1)


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """Return the cross-entropy of each example, [n], with a share of its label spread evenly over all classes."""
    log_probabilities = functional.log_softmax(logits, dim=1)
    truth = -log_probabilities.gather(1, labels[:, None])[:, 0]
    return (1 - label_smoothing) * truth - label_smoothing * log_probabilities.mean(dim=1)


def _scale(temperature: float, scale_by_t2: bool) -> float:
    # A product, no branch: under vmap both may be tensors.
    return 1 + scale_by_t2 * (temperature**2 - 1)


def _of_others(log_probabilities: Tensor, truth: Tensor) -> Tensor:
    """Return the logarithm of the probability of all classes but the true one: [n, C], one-hot [n, C] -> [n]."""
    return (log_probabilities - _AWAY * truth).logsumexp(dim=1)
