"""The losses of several students at once equal the loss of each alone."""

import pytest
import torch

from kdtune.distill.config import Distillation
from kdtune.distill.fused.loss import LossSettings, kd_losses
from kdtune.distill.losses.hinton import kd_loss

SETTINGS = [
    Distillation("t", 1.0, 0.5), Distillation("t", 40.0, 1.0), Distillation("t", 4.0, 0.0),
    Distillation("t", 7.0, 0.9, scale_by_t2=False),
]  # fmt: skip


@pytest.mark.parametrize("teachers", [1, 4])
def test_each_loss_equals_the_loss_of_one_alone(teachers: int) -> None:
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(4, 9, 5, generator=generator, requires_grad=True)
    teacher = 3 * torch.randn(teachers, 9, 5, generator=generator)
    labels = torch.arange(9) % 5
    losses = kd_losses(student, teacher, labels, LossSettings.of(SETTINGS, torch.device("cpu")))
    [gradient] = torch.autograd.grad(losses.sum(), [student])
    for k, s in enumerate(SETTINGS):
        alone = student[k].detach().requires_grad_()
        expected = kd_loss(
            alone, teacher[k % teachers], labels,
            temperature=s.temperature, alpha=s.alpha, scale_by_t2=s.scale_by_t2,
        )  # fmt: skip
        torch.testing.assert_close(losses[k], expected)
        torch.testing.assert_close(gradient[k], torch.autograd.grad(expected, [alone])[0])


def test_without_a_teacher_it_is_the_cross_entropy() -> None:
    student, labels = torch.randn(2, 6, 3), torch.arange(6) % 3
    hard = [Distillation("", 1.0, 0.0)] * 2
    losses = kd_losses(student, None, labels, LossSettings.of(hard, torch.device("cpu")))
    for k in range(2):
        torch.testing.assert_close(losses[k], torch.nn.functional.cross_entropy(student[k], labels))
