"""Students trained as one: each gets the result it would get alone, even if others leave or it is interrupted."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.checkpoint import read_checkpoint
from kdtune.distill.cohorts.cohort import Cohort, CohortMember
from kdtune.distill.cohorts.open_cohort import open_cohort
from kdtune.distill.config import Distillation, Job, TrainConfig
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.training import Training
from kdtune.models import build

EPOCHS = 3

Make = Callable[..., list[CohortMember]]


@pytest.fixture
def signals(arrays: Arrays, data: DeviceData) -> list[TeacherSignal]:
    torch.manual_seed(1)
    return [signal_of(build("mlp-16", input_shape=arrays.input_shape, n_classes=3), data) for _ in range(2)]


@pytest.fixture
def make(signals: list[TeacherSignal], tmp_path: Path) -> Make:
    """Return a function that makes students that differ in all that may differ within a cohort."""

    def members(architecture: str, k: int = 4, folder: str = "a", **train: Any) -> list[CohortMember]:
        made = []
        for n in range(k):
            soft = Distillation(f"teacher{n % 2}", 1.0 + 3 * n, [0.7, 0.0, 1.0, 0.3][n % 4], n % 3 != 1)
            own = {
                "lr": [0.02, 0.005, 0.01, 0.03][n % 4],
                "weight_decay": [5e-4, 0.0, 0.01][n % 3],
                "momentum": [0.9, 0.5, 0.0][n % 3],
            }
            config = TrainConfig(**{"epochs": EPOCHS, "batch_size": 16, **own, **train})
            job = Job(architecture, config, seed=10 + n, view_seed=3, distillation=soft)
            path = tmp_path / folder / f"{n}.pt"
            path.parent.mkdir(exist_ok=True)
            made.append(CohortMember(n, job, signals[n % 2], path))
        return made

    return members


def alone(member: CohortMember, data: DeviceData, epochs: int = EPOCHS) -> Training:
    training = Training(member.job, data, teacher=member.teacher)
    for _ in range(epochs):
        training.step()
    return training


def weights(member: CohortMember) -> dict[str, Tensor]:
    state: dict[str, Tensor] = read_checkpoint(member.checkpoint)["model"]
    return state


def assert_as_alone(member: CohortMember, data: DeviceData, cohort: Cohort, epochs: int = EPOCHS) -> None:
    """Compare weights, optimiser and reports with those of a training of its own."""
    single = alone(member, data, epochs)
    for name, value in single.model.state_dict().items():
        torch.testing.assert_close(weights(member)[name], value, rtol=1e-3, atol=1e-4, msg=name)
    reports = cohort.reports[member.number]
    assert [report.epoch for report in reports] == list(range(1, epochs + 1))
    for got, expected in zip(reports, single.reports, strict=True):
        assert got.train_loss == pytest.approx(expected.train_loss, rel=1e-3)
        assert got.validation_loss == pytest.approx(expected.validation_loss, rel=1e-3)
        assert got.learning_rate == pytest.approx(expected.learning_rate)
        assert abs(got.counts["all"].hits.sum() - expected.counts["all"].hits.sum()) <= 1


@pytest.mark.parametrize(
    ("architecture", "optimizer"),
    [
        *itertools.product(["lenet5", "cnn8", "mlp-16-8", "linear"], ["sgd", "adamw"]),
        # AdamW divides by the size of gradients: where batch normalisation makes them vanish, only rounding is left.
        ("resnet8", "sgd"),
    ],
)
@pytest.mark.parametrize("channels_last", [False, True])
def test_each_student_is_what_it_is_alone(
    make: Make, data: DeviceData, tmp_path: Path, architecture: str, channels_last: bool, optimizer: str
) -> None:
    lr = {} if optimizer == "sgd" else {"lr": 0.003}
    members = make(architecture, optimizer=optimizer, channels_last=channels_last, warmup=0.2, **lr)
    cohort = open_cohort(members, data, state=tmp_path / "cohort.pt")
    while cohort.live:
        cohort.step()
    assert not cohort.failures
    for member in members:
        before = Training(member.job, data, teacher=member.teacher).model.state_dict()
        assert all(not torch.equal(before[n], w) for n, w in weights(member).items() if "weight" in n)
        assert_as_alone(member, data, cohort)


def test_an_early_stop_does_not_change_the_others(make: Make, data: DeviceData, tmp_path: Path) -> None:
    members = make("lenet5")
    cohort = open_cohort(members, data, state=tmp_path / "cohort.pt")
    cohort.step()
    cohort.drop(1)
    assert cohort.live == (0, 2, 3)
    cohort.step()
    cohort.drop(0)
    cohort.drop(3)
    cohort.step()
    assert cohort.live == ()
    for number, epochs in [(1, 1), (0, 2), (3, 2), (2, 3)]:
        assert_as_alone(members[number], data, cohort, epochs)


def test_divergence_does_not_change_the_others(make: Make, data: DeviceData, tmp_path: Path) -> None:
    members = make("lenet5")
    wild = members[2].job
    members[2] = replace(members[2], job=replace(wild, train=replace(wild.train, lr=1e30)))
    cohort = open_cohort(members, data, state=tmp_path / "cohort.pt")
    while cohort.live:
        cohort.step()
    assert list(cohort.failures) == [2]
    assert "epoch 1 at learning rate 1e+30" in cohort.failures[2]
    assert cohort.reports[2] == []
    assert not members[2].checkpoint.exists()
    for number in (0, 1, 3):
        assert_as_alone(members[number], data, cohort)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_resumed_cohort_is_exact_to_the_bit(
    make: Make, data: DeviceData, tmp_path: Path, optimizer: str
) -> None:
    """Killed after any epoch, with a member that had left, a cohort ends like an uninterrupted one."""
    options = {"optimizer": optimizer, "lr": 0.003}
    uninterrupted = make("cnn8", folder="uninterrupted", **options)
    cohort = open_cohort(uninterrupted, data, state=tmp_path / "uninterrupted.pt")
    cohort.step()
    cohort.drop(1)
    cohort.step()
    cohort.step()
    for killed_after in (1, 2, 3):
        members = make("cnn8", folder=f"killed{killed_after}", **options)
        state = tmp_path / f"killed{killed_after}.pt"
        first = open_cohort(members, data, state=state)
        for epoch in range(killed_after):
            if epoch == 1:
                first.drop(1)
            first.step()
        torch.manual_seed(999)
        rest = [member for member in members if member.number != 1]
        second = open_cohort(rest, data, state=state)
        assert {number: len(reports) for number, reports in second.reports.items()} == dict.fromkeys(
            (0, 2, 3), killed_after
        )
        while second.live:
            second.step()
        for got, expected in zip(members, uninterrupted, strict=True):
            if got.number == 1:
                continue
            a, b = read_checkpoint(got.checkpoint), read_checkpoint(expected.checkpoint)
            assert all(torch.equal(a["model"][name], b["model"][name]) for name in b["model"])
            strip = {"time": 0, "seconds": 0}
            assert [{**r, **strip} for r in a["reports"]] == [{**r, **strip} for r in b["reports"]]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_member_s_checkpoint_goes_on_as_a_student_by_itself(
    make: Make, data: DeviceData, tmp_path: Path, optimizer: str
) -> None:
    members = make("lenet5", optimizer=optimizer, lr=0.003)
    cohort = open_cohort(members, data, state=tmp_path / "cohort.pt")
    cohort.step()
    cohort.step()
    for member in members:
        cohort.drop(member.number)
        single = Training(member.job, data, teacher=member.teacher, checkpoint=member.checkpoint)
        assert single.epoch == 2
        single.step()
        expected = alone(member, data)
        for name, value in expected.model.state_dict().items():
            torch.testing.assert_close(single.model.state_dict()[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("damage", ["cut", "another", "nothing"])
def test_a_damaged_state_starts_from_the_beginning(
    make: Make, data: DeviceData, tmp_path: Path, damage: str
) -> None:
    members, state = make("linear"), tmp_path / "cohort.pt"
    open_cohort(members, data, state=state).step()
    if damage == "cut":
        state.write_bytes(state.read_bytes()[:-100])
    elif damage == "another":
        members = [replace(m, job=replace(m.job, seed=99)) for m in members]
    else:
        state.unlink()
    cohort = open_cohort(members, data, state=state)
    assert all(reports == [] for reports in cohort.reports.values())
    cohort.step()
    assert all(len(reports) == 1 for reports in cohort.reports.values())


def test_a_cohort_is_one_small_file(make: Make, data: DeviceData, tmp_path: Path) -> None:
    """Members' tensors are views of common ones, and written once; a member's own file holds only its own."""
    state = tmp_path / "cohort.pt"
    sizes = {}
    for k in (2, 4):
        members = make("mlp-64", k, folder=str(k), epochs=1)
        open_cohort(members, data, state=state).step()
        sizes[k] = state.stat().st_size
    own = members[0].checkpoint.stat().st_size
    assert sizes[4] < 2.2 * sizes[2]
    assert own < sizes[4] / 3


def test_extras_are_measured_of_each(make: Make, data: DeviceData, tmp_path: Path) -> None:
    members = make("linear", 2, epochs=1)
    cohort = open_cohort(members, data, state=tmp_path / "c.pt", extras=("parameters", "individual_fairness"))
    cohort.step()
    for member in members:
        scalars = cohort.reports[member.number][0].scalars
        assert scalars["parameters"] == 3 * 3 * 16 * 16 + 3
        assert scalars["individual_fairness"] >= 0


def test_bfloat16_trains(make: Make, data: DeviceData, tmp_path: Path) -> None:
    members = make("lenet5", precision="bfloat16", channels_last=True, epochs=1)
    cohort = open_cohort(members, data, state=tmp_path / "cohort.pt")
    cohort.step()
    for member in members:
        expected = alone(member, data, 1).reports[0].train_loss
        assert cohort.reports[member.number][0].train_loss == pytest.approx(expected, rel=0.02)


def test_training_examples_are_counted_alike_together_and_alone(
    data: DeviceData, make: Make, tmp_path: Path
) -> None:
    members = make("mlp-16")
    cohort = open_cohort(members, data, state=tmp_path / "state.pt")
    while cohort.live:
        cohort.step()
    for member in members:
        reports = cohort.reports[member.number]
        assert [bool(report.training) for report in reports] == [False, False, True]
        assert reports[-1].training == alone(member, data).reports[-1].training
