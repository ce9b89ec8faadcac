"""Training: a resume is exact to the bit, alpha 0 is the non-distilled student, divergence is an error."""

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kdtune import models
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.checkpoint import CheckpointError
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.training import DivergedError, Training
from kdtune.fairness import count
from kdtune.models import build
from kdtune.models._registry import models as registered


@pytest.fixture
def signal(arrays: Arrays, data: DeviceData) -> TeacherSignal:
    torch.manual_seed(1)
    return signal_of(build("resnet8", input_shape=arrays.input_shape, n_classes=3), data)


def weights(training: Training) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in training.model.state_dict().items()}


def assert_same(a: Training, b: Training) -> None:
    """Weights, optimiser and reports agree to the bit; only the clock differs."""
    for name, tensor in weights(a).items():
        assert torch.equal(tensor, weights(b)[name]), name
    left, right = a.optimizer.state_dict()["state"], b.optimizer.state_dict()["state"]
    assert left.keys() == right.keys()
    for key in left:
        for name, value in left[key].items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(right[key][name]))
    assert [replace(r, time=0, seconds=0) for r in a.reports] == [
        replace(r, time=0, seconds=0) for r in b.reports
    ]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_resumed_after_any_epoch_equals_an_uninterrupted_training(
    data: DeviceData, signal: TeacherSignal, make_job: Any, tmp_path: Path, optimizer: str, stop: int
) -> None:
    job = make_job(alpha=0.7, optimizer=optimizer, schedule="cosine", warmup=0.2)
    uninterrupted = Training(job, data, teacher=signal)
    uninterrupted.run()
    path = tmp_path / "checkpoint.pt"
    first = Training(job, data, teacher=signal, checkpoint=path)
    for _ in range(stop):
        first.step()
    torch.manual_seed(999)  # other work of the process must not matter
    second = Training(job, data, teacher=signal, checkpoint=path)
    assert second.epoch == stop
    second.run()
    assert_same(second, uninterrupted)


def test_killed_within_an_epoch_starts_that_epoch_anew(
    data: DeviceData, signal: TeacherSignal, make_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(alpha=0.7)
    uninterrupted = Training(job, data, teacher=signal)
    uninterrupted.run()
    for steps in range(1, 9):
        path = tmp_path / f"{steps}.pt"
        training = Training(job, data, teacher=signal, checkpoint=path)
        left = [steps]
        real = training.optimizer.step

        def step(left: list[int] = left, real: Any = real) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            real()

        monkeypatch.setattr(training.optimizer, "step", step)
        with pytest.raises(KeyboardInterrupt):
            training.run()
        resumed = Training(job, data, teacher=signal, checkpoint=path)
        resumed.run()
        assert_same(resumed, uninterrupted)


def test_killed_while_the_checkpoint_was_written_keeps_the_one_before(
    data: DeviceData, make_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    path = tmp_path / "checkpoint.pt"
    training = Training(make_job(), data, checkpoint=path)
    training.step()
    before = path.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        training.step()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["checkpoint.pt"]


def test_a_checkpoint_of_another_job_is_refused(data: DeviceData, make_job: Any, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    Training(make_job(), data, checkpoint=path).step()
    for other in (make_job(seed=1), make_job(lr=0.06), make_job(epochs=9), make_job("mlp-16")):
        with pytest.raises(CheckpointError, match="another configuration"):
            Training(other, data, checkpoint=path)


def test_alpha_zero_is_the_non_distilled_student(
    data: DeviceData, signal: TeacherSignal, make_job: Any
) -> None:
    hard, soft = Training(make_job(), data), Training(make_job(alpha=0.0), data, teacher=signal)
    hard.run()
    soft.run()
    for name, tensor in weights(hard).items():
        assert torch.equal(tensor, weights(soft)[name]), name
    assert [r.counts for r in hard.reports] == [r.counts for r in soft.reports]
    assert [r.train_loss for r in hard.reports] == [r.train_loss for r in soft.reports]


def test_alpha_zero_never_asks_the_teacher(data: DeviceData, make_job: Any) -> None:
    silent = TeacherSignal(lambda _: pytest.fail("asked"), np.zeros(30, dtype=int))
    Training(make_job(alpha=0.0), data, teacher=silent).step()


def test_alpha_one_never_looks_at_the_labels(arrays: Arrays, signal: TeacherSignal, make_job: Any) -> None:
    shuffled = replace(arrays, train_labels=np.roll(arrays.train_labels, 1))
    trained = []
    for version in (arrays, shuffled):
        data = DeviceData(version, torch.device("cpu"), view_seed=0, augment=True)
        training = Training(make_job(alpha=1.0), data, teacher=signal)
        training.step()
        trained.append(weights(training))
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


def test_same_seed_same_model_other_seed_other_model(data: DeviceData, make_job: Any) -> None:
    trained = []
    for seed in (0, 0, 1):
        training = Training(make_job(seed=seed), data)
        training.step()
        trained.append(weights(training))
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])
    assert not all(torch.equal(trained[0][name], trained[2][name]) for name in trained[0])


def test_a_model_that_draws_with_numpy_and_python_is_the_same_for_the_same_seed(
    data: DeviceData, make_job: Any
) -> None:
    class Draws(nn.Module):
        def __init__(self, shape: Any, n_classes: int) -> None:
            super().__init__()
            self.linear = nn.Linear(math.prod(shape), n_classes)
            nn.init.constant_(self.linear.bias, np.random.normal())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.linear(x.flatten(1)) * (random.random() if self.training else 1)
            return logits

    models.register_model("draws")(Draws)
    try:
        trained = [Training(make_job("draws", seed=seed), data) for seed in (0, 0, 1)]
    finally:
        registered._items.pop("draws")
    assert weights(trained[0])["linear.bias"][0] != weights(trained[2])["linear.bias"][0]
    for training in trained[:2]:
        training.step()
    assert_same(trained[0], trained[1])


def test_reports_are_what_the_model_says_on_validation(data: DeviceData, make_job: Any) -> None:
    training = Training(make_job("mlp-16", epochs=8), data)
    training.run()
    last = training.reports[-1]
    with torch.no_grad():
        logits = training.model.eval()(data.validation.plain(torch.arange(30)))
    hits = (logits.argmax(1) == data.validation_labels).double().mean()
    assert last.counts["all"].accuracy == pytest.approx(float(hits))
    expected = float(nn.functional.cross_entropy(logits, data.validation_labels))
    assert last.validation_loss == pytest.approx(expected, rel=1e-5)
    assert last.counts["sex"].group_sizes.tolist() == [15, 15]
    assert [r.epoch for r in training.reports] == list(range(1, 9))
    assert training.reports[-1].train_loss < training.reports[0].train_loss


def test_train_loss_is_the_mean_over_the_examples_that_were_seen(arrays: Arrays, make_job: Any) -> None:
    """A last batch of one example is left out, of the steps and of the mean: here all losses are log 3."""
    seventeen = replace(arrays, train_inputs=arrays.train_inputs[:17], train_labels=arrays.train_labels[:17])
    data = DeviceData(seventeen, torch.device("cpu"), view_seed=0, augment=False)
    training = Training(make_job("linear", lr=1e-12, optimizer="adamw"), data)
    for parameter in training.model.parameters():
        nn.init.zeros_(parameter)
    assert training.step().train_loss == pytest.approx(np.log(3), rel=1e-6)


def test_a_loss_that_is_not_finite_says_where(data: DeviceData, make_job: Any, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    training = Training(make_job("mlp-16", lr=1e30), data, checkpoint=path)
    with pytest.raises(DivergedError, match=r"(loss is|not finite).*epoch 1.*learning rate 1e\+30"):
        training.step()
    assert training.reports == []
    assert not path.exists()


def test_weights_that_are_not_finite_give_no_report(data: DeviceData, make_job: Any) -> None:
    """The last step may spoil the weights after a finite loss: the first class would pass for the answer."""
    training = Training(make_job("mlp-16"), data)
    real, last = training.optimizer.step, len(data) // 16

    def step(count: list[int] = [0]) -> None:  # noqa: B006 (counts over the calls)
        real()
        if count[0] == last:
            with torch.no_grad():
                next(training.model.parameters()).fill_(float("nan"))
        count[0] += 1

    training.optimizer.step = step  # type: ignore[method-assign, assignment]
    with pytest.raises(DivergedError, match="outputs are not finite after epoch 1"):
        training.step()
    assert training.reports == []


def test_extras_are_measured_after_the_last_epoch(data: DeviceData, make_job: Any) -> None:
    training = Training(make_job("linear", epochs=2), data, extras=("parameters", "individual_fairness"))
    training.run()
    assert training.reports[0].scalars == {}
    assert training.reports[1].scalars["parameters"] == 3 * 3 * 16 * 16 + 3
    assert training.reports[1].scalars["individual_fairness"] >= 0


def test_a_distilled_student_needs_its_teacher(data: DeviceData, make_job: Any) -> None:
    with pytest.raises(ValueError, match="teacher's signal"):
        Training(make_job(alpha=0.5), data)


def test_channels_last_and_bfloat16_train(data: DeviceData, signal: TeacherSignal, make_job: Any) -> None:
    job = make_job(alpha=0.5, epochs=1, channels_last=True, precision="bfloat16")
    report = Training(job, data, teacher=signal).step()
    assert np.isfinite(report.train_loss)
    assert all(p.dtype == torch.float32 for p in Training(job, data, teacher=signal).model.parameters())


def test_a_student_s_answers_on_training_examples_are_counted_once_it_is_trained(
    arrays: Arrays, signal: TeacherSignal, make_job: Any
) -> None:
    rng = np.random.default_rng(3)
    grouped = replace(arrays, train_groups={"sex": rng.integers(-1, 2, size=len(arrays.train_labels))})
    data = DeviceData(grouped, torch.device("cpu"), view_seed=0, augment=True)
    training = Training(make_job(alpha=0.5), data, teacher=signal)
    model = training.run()
    assert [bool(report.training) for report in training.reports] == [False, False, True]
    plain = DeviceData(grouped, torch.device("cpu"), view_seed=0, augment=False)
    with torch.inference_mode():
        answers = model(plain.train.plain(torch.arange(len(plain.train)))).argmax(dim=1).numpy()
    labels, groups = grouped.train_labels, grouped.train_groups["sex"]
    assert training.reports[-1].training == {
        "all": count(labels, answers, n_classes=3),
        "sex": count(labels, answers, groups, n_classes=3, n_groups=2),
    }


def test_a_baseline_s_answers_on_training_examples_are_not_counted(data: DeviceData, make_job: Any) -> None:
    training = Training(make_job(), data)
    training.run()
    assert not any(report.training for report in training.reports)
