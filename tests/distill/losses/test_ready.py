"""The ready losses against their definitions, written out with probabilities."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from kdtune.distill import kd_loss
from kdtune.distill.losses import ready

SOFT = {"temperature": 3.0, "alpha": 0.7, "scale_by_t2": True, "label_smoothing": 0.1}


def drawn(classes: int = 5, n: int = 7, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    student, teacher = (3 * torch.randn(n, classes, generator=g, dtype=torch.float64) for _ in range(2))
    return student, teacher, torch.randint(classes, (n,), generator=g)


@pytest.mark.parametrize("scale_by_t2", [True, False])
def test_hinton_s_loss_of_each_example_has_the_loss_of_the_batch_as_its_mean(scale_by_t2: bool) -> None:
    student, teacher, labels = drawn()
    settings = {**SOFT, "scale_by_t2": scale_by_t2}
    each = ready.kd(student, teacher, labels, **settings)  # type: ignore[arg-type]
    assert each.shape == (7,)
    whole = kd_loss(student, teacher, labels, **settings)  # type: ignore[arg-type]
    assert each.mean().item() == pytest.approx(whole.item(), rel=1e-14)


def test_label_smoothing_is_torch_s() -> None:
    student, _, labels = drawn()
    theirs = functional.cross_entropy(student, labels, label_smoothing=0.2, reduction="none")
    torch.testing.assert_close(ready.cross_entropy(student, labels, 0.2), theirs, rtol=1e-14, atol=0)


def parts(student: Tensor, teacher: Tensor, labels: Tensor, t: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the teacher's probability of the truth, TCKD and NCKD of each example, as the paper defines them."""
    found = []
    for s, u, y in zip(student, teacher, labels, strict=True):
        p, q = (u / t).softmax(0), (s / t).softmax(0)
        binary_p, binary_q = torch.stack([p[y], 1 - p[y]]), torch.stack([q[y], 1 - q[y]])
        others = torch.arange(len(s)) != y
        rest_p, rest_q = p[others] / p[others].sum(), q[others] / q[others].sum()
        found.append(
            (
                p[y],
                (binary_p * (binary_p / binary_q).log()).sum(),
                (rest_p * (rest_p / rest_q).log()).sum(),
            )
        )
    truth, target, among = (torch.stack(column) for column in zip(*found, strict=True))
    return truth, target, among


@pytest.mark.parametrize("beta", [0.0, 1.0, 8.0])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_decoupled_kd_is_the_paper_s(classes: int, beta: float) -> None:
    student, teacher, labels = drawn(classes)
    truth, target, among = parts(student, teacher, labels, 3.0)
    hard = functional.cross_entropy(student, labels, label_smoothing=0.1, reduction="none")
    expected = 0.7 * 9 * (target + beta * among) + 0.3 * hard
    found = ready.dkd(student, teacher, labels, **SOFT, beta=beta)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    # What it decouples: Hinton's divergence is TCKD + (1 - p) NCKD.
    kd = ready.kd(student, teacher, labels, **SOFT)  # type: ignore[arg-type]
    torch.testing.assert_close(
        kd, 0.7 * 9 * (target + (1 - truth) * among) + 0.3 * hard, rtol=1e-9, atol=1e-12
    )


def test_with_two_classes_decoupled_kd_is_hinton_s() -> None:
    student, teacher, labels = drawn(2)
    decoupled = ready.dkd(student, teacher, labels, **SOFT, beta=8.0)  # type: ignore[arg-type]
    torch.testing.assert_close(decoupled, ready.kd(student, teacher, labels, **SOFT))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [30.0, 300.0])
def test_a_sure_teacher_gives_finite_losses_and_gradients(size: float) -> None:
    teacher = torch.tensor([[size, 0.0, -size], [0.0, size, 0.0]])
    student = torch.tensor([[-size, 0.0, size], [0.0, size, 1.0]], requires_grad=True)
    settings = {**SOFT, "temperature": 1.0}
    ready.dkd(student, teacher, torch.tensor([0, 1]), **settings, beta=8.0).sum().backward()  # type: ignore[arg-type]
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_a_hint_adds_the_distance_of_the_features() -> None:
    student, teacher, labels = drawn()
    near, far = torch.zeros(7, 4, dtype=torch.float64), torch.full((7, 4), 2.0, dtype=torch.float64)
    found = ready.hint(student, teacher, labels, near, far, **SOFT, hint=0.5)  # type: ignore[arg-type]
    torch.testing.assert_close(found, ready.kd(student, teacher, labels, **SOFT) + 0.5 * 4)  # type: ignore[arg-type]
