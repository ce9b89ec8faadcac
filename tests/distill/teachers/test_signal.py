"""The teacher is frozen and stays in evaluation mode; its cached logits equal its live ones."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.teachers.signal import FrozenTeacher, signal_of
from kdtune.distill.training import Training
from kdtune.models import build


@pytest.fixture
def model(arrays: Arrays) -> nn.Module:
    torch.manual_seed(1)
    return build("resnet8", input_shape=arrays.input_shape, n_classes=3)


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_the_teacher_stays_in_evaluation_mode_for_good(model: nn.Module) -> None:
    teacher = FrozenTeacher(model.train())
    holder = nn.ModuleDict({"student": nn.Linear(2, 2), "teacher": teacher})
    holder.train()
    assert holder["student"].training
    assert not any(module.training for module in teacher.modules())
    teacher.train(True)
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_no_gradient_reaches_the_teacher(model: nn.Module) -> None:
    inputs = torch.randn(4, 3, 16, 16, requires_grad=True)
    assert not FrozenTeacher(model)(inputs).requires_grad


def test_training_a_student_leaves_the_teacher_as_it_was(
    model: nn.Module, data: DeviceData, make_job: Any
) -> None:
    """Batch statistics included: they change in training mode without any gradient."""
    before = snapshot(model)
    signal = signal_of(model, data)
    Training(make_job(alpha=0.9), data, teacher=signal).run()
    for name, tensor in before.items():
        assert torch.equal(tensor, model.state_dict()[name]), name


def test_cached_logits_are_those_of_the_live_teacher_on_the_student_s_pixels(
    model: nn.Module, data: DeviceData
) -> None:
    signal = signal_of(model, data)
    everything = torch.arange(len(data))
    for view in (0, 3, 0):
        live = FrozenTeacher(model)(data.train.batch(view, everything))
        assert torch.equal(signal.logits(view), live)
    assert not torch.equal(signal.logits(0), signal.logits(3))


def test_cached_logits_belong_to_their_examples_whatever_the_batch(
    model: nn.Module, data: DeviceData
) -> None:
    """With another batch size the sums may round differently; the example is the same."""
    signal = signal_of(model, data)
    for indices in torch.randperm(len(data)).split(7):
        live = FrozenTeacher(model)(data.train.batch(2, indices))
        torch.testing.assert_close(signal.logits(2)[indices], live, rtol=1e-4, atol=1e-5)


def test_another_process_with_the_same_seed_sees_the_same_views(model: nn.Module, arrays: Arrays) -> None:
    cpu = torch.device("cpu")
    first, second = (DeviceData(arrays, cpu, view_seed=5, augment=True) for _ in range(2))
    other = DeviceData(arrays, cpu, view_seed=6, augment=True)
    indices = torch.arange(len(first))
    second.train.batch(9, indices)  # earlier requests do not matter
    assert torch.equal(first.train.batch(4, indices), second.train.batch(4, indices))
    assert not torch.equal(first.train.batch(4, indices), other.train.batch(4, indices))
    assert torch.equal(signal_of(model, first).logits(4), signal_of(model, second).logits(4))


def test_without_augmentation_there_is_one_view(model: nn.Module, arrays: Arrays) -> None:
    data = DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=False)
    assert [data.view(epoch) for epoch in range(3)] == [0, 0, 0]


def test_the_cache_gives_what_no_cache_gives(model: nn.Module, data: DeviceData, make_job: Any) -> None:
    """A student on cached logits and one on logits computed each time end with the same weights."""
    from kdtune.distill.teachers.signal import TeacherSignal

    cached = signal_of(model, data)
    live = TeacherSignal(
        lambda view: predict_logits(FrozenTeacher(model), data.train, view=view).clone(),
        cached.validation_predictions,
    )
    trained = []
    for signal in (cached, live):
        training = Training(make_job(alpha=0.8), data, teacher=signal)
        training.run()
        trained.append(snapshot(training.model))
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


def test_validation_predictions_are_the_teacher_s(model: nn.Module, data: DeviceData) -> None:
    with torch.no_grad():
        expected = model.eval()(data.validation.plain(torch.arange(30))).argmax(1)
    assert signal_of(model, data).validation_predictions.tolist() == expected.tolist()
