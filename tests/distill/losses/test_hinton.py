import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from kdtune.distill.losses.hinton import kd_loss
from kdtune.errors import InputError


def logits_and_labels(seed: int = 0, n: int = 6, classes: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    student, teacher = (3 * torch.randn(n, classes, generator=g, dtype=torch.float64) for _ in range(2))
    return student, teacher, torch.randint(classes, (n,), generator=g)


def test_two_classes_by_hand() -> None:
    # Logits (a, 0) have the probability sigmoid(a / T) for class 0.
    a, b, T, alpha = 1.3, -0.4, 2.5, 0.7
    p, q = 1 / (1 + math.exp(-b / T)), 1 / (1 + math.exp(-a / T))
    kl = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    cross_entropy = math.log1p(math.exp(a))  # of class 1, whose logit is 0
    student = torch.tensor([[a, 0.0]], dtype=torch.float64)
    teacher = torch.tensor([[b, 0.0]], dtype=torch.float64)
    loss = kd_loss(student, teacher, torch.tensor([1]), temperature=T, alpha=alpha)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(alpha * T**2 * kl + (1 - alpha) * cross_entropy, rel=1e-12)


def test_equals_the_sum_over_classes_written_out() -> None:
    student, teacher, labels = logits_and_labels()
    expected = 0.0
    for s, t, label in zip(student.tolist(), teacher.tolist(), labels.tolist(), strict=True):
        soft = [math.exp(z / 3) / sum(math.exp(y / 3) for y in t) for z in t]
        log_student = [z / 3 - math.log(sum(math.exp(y / 3) for y in s)) for z in s]
        kl = sum(p * (math.log(p) - log_q) for p, log_q in zip(soft, log_student, strict=True))
        expected += 0.25 * 9 * kl - 0.75 * (s[label] - math.log(sum(math.exp(y) for y in s)))
    loss = kd_loss(student, teacher, labels, temperature=3, alpha=0.25)
    assert loss.item() == pytest.approx(expected / len(student), rel=1e-12)


@settings(deadline=None, max_examples=30)
@given(alpha=st.floats(0, 1), temperature=st.floats(0.5, 50), seed=st.integers(0, 1000))
def test_is_affine_in_alpha(alpha: float, temperature: float, seed: int) -> None:
    args = logits_and_labels(seed)
    at = [kd_loss(*args, temperature=temperature, alpha=a).item() for a in (0.0, alpha, 1.0)]
    assert at[1] == pytest.approx((1 - alpha) * at[0] + alpha * at[2], rel=1e-9)


def test_alpha_weighs_the_distillation_term() -> None:
    student, teacher, labels = logits_and_labels()
    nds = kd_loss(student, None, labels, temperature=4, alpha=0)
    assert nds.item() == pytest.approx(functional.cross_entropy(student, labels).item(), rel=1e-12)
    one = kd_loss(student, teacher, None, temperature=4, alpha=1)
    other = kd_loss(student, teacher, (labels + 1) % 5, temperature=4, alpha=1)
    assert one.item() == other.item()


def test_alpha_zero_does_not_touch_the_teacher() -> None:
    student, teacher, labels = logits_and_labels()
    broken = torch.full_like(teacher, math.nan)
    assert kd_loss(student, broken, labels, temperature=4, alpha=0).isfinite()


@pytest.mark.parametrize("temperature", [1.0, 7.0])
def test_divergence_is_zero_where_logits_are_equal_up_to_a_shift(temperature: float) -> None:
    student, _, _ = logits_and_labels()
    student.requires_grad_()
    shift = torch.arange(len(student), dtype=torch.float64)[:, None]
    loss = kd_loss(student, student.detach() + shift, None, temperature=temperature, alpha=1)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert student.grad is not None
    assert student.grad.abs().max() < 1e-12


def test_logits_may_be_shifted_and_examples_permuted() -> None:
    student, teacher, labels = logits_and_labels()
    expected = kd_loss(student, teacher, labels, temperature=4, alpha=0.5).item()
    shifted = kd_loss(student + 5, teacher - 3, labels, temperature=4, alpha=0.5)
    assert shifted.item() == pytest.approx(expected, rel=1e-10)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    permuted = kd_loss(student[order], teacher[order], labels[order], temperature=4, alpha=0.5)
    assert permuted.item() == pytest.approx(expected, rel=1e-10)


def test_gradient_at_high_temperature_is_that_of_logit_matching() -> None:
    # Hinton et al., equations 2 to 4: T² dKL/dz_i -> (z_i - v_i) / C for logits without their means.
    student, teacher, _ = logits_and_labels()
    student.requires_grad_()
    kd_loss(student, teacher, None, temperature=1e5, alpha=1).backward()
    difference = student.detach() - teacher
    expected = (difference - difference.mean(dim=1, keepdim=True)) / 5 / len(student)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, expected, rtol=1e-3, atol=1e-5)


def test_t_squared_is_exactly_the_factor() -> None:
    student, teacher, labels = logits_and_labels()
    with_it = kd_loss(student, teacher, labels, temperature=8, alpha=1)
    without = kd_loss(student, teacher, labels, temperature=8, alpha=1, scale_by_t2=False)
    assert with_it.item() == 64 * without.item()


def test_gradient_is_right() -> None:
    student, teacher, labels = logits_and_labels(n=3, classes=4)
    student.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: kd_loss(z, teacher, labels, temperature=3.0, alpha=0.6), [student]
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_is_raised_before_the_division(dtype: torch.dtype) -> None:
    student, teacher, labels = logits_and_labels()
    low_student, low_teacher = student.to(dtype), teacher.to(dtype)
    loss = kd_loss(low_student, low_teacher, labels, temperature=30, alpha=0.5)
    expected = kd_loss(low_student.float(), low_teacher.float(), labels, temperature=30, alpha=0.5)
    assert loss.dtype == torch.float32
    assert loss.item() == expected.item()


@pytest.mark.parametrize(
    ("given_type", "expected"), [(torch.float32, torch.float32), (torch.float64, torch.float64)]
)
def test_result_type(given_type: torch.dtype, expected: torch.dtype) -> None:
    student, teacher, labels = logits_and_labels()
    loss = kd_loss(student.to(given_type), teacher.to(torch.float16), labels, temperature=2, alpha=0.5)
    assert loss.dtype == expected


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_refuses_temperatures(temperature: float) -> None:
    with pytest.raises(InputError, match="temperature"):
        kd_loss(*logits_and_labels(), temperature=temperature, alpha=0.5)


@pytest.mark.parametrize("alpha", [-0.01, 1.01, math.nan])
def test_refuses_alphas(alpha: float) -> None:
    with pytest.raises(InputError, match="alpha"):
        kd_loss(*logits_and_labels(), temperature=1, alpha=alpha)


def test_says_what_is_missing() -> None:
    student, teacher, labels = logits_and_labels()
    with pytest.raises(InputError, match="teacher logits are missing"):
        kd_loss(student, None, labels, temperature=1, alpha=0.5)
    with pytest.raises(InputError, match="labels are missing"):
        kd_loss(student, teacher, None, temperature=1, alpha=0.5)
