"""On a device every model trains as on the processor, to the bit: no tensor is forgotten on the host."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.training import Training
from kdtune.report.study.results import feature_space
from tests.simulated.made import (
    arrays_of,
    assert_same_state,
    cohort_on,
    data_on,
    job_of,
    state_of,
    teacher_on,
    training_on,
    untimed,
)

FAMILIES = {
    "lenet5": "images",
    "resnet8": "images",
    "cnn8": "images",
    "mlp-16": "table",
    "linear": "table",
    "bert-tiny": "text",
}


def both(device: torch.device, kind: str, folder: Path, make: Any) -> tuple[Any, Any]:
    arrays = arrays_of(kind, folder)
    return make(data_on("cpu", arrays), folder / "cpu"), make(data_on(device, arrays), folder / "device")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize(("architecture", "kind"), [*FAMILIES.items(), ("lenet5", "mapped")])
def test_a_student_alone(
    device: torch.device, tmp_path: Path, architecture: str, kind: str, optimizer: str
) -> None:
    def train(data: Any, _: Path) -> Training:
        training = training_on(
            data, job_of(architecture, optimizer=optimizer, epochs=2), teacher=architecture
        )
        training.run()
        return training

    here, there = both(device, kind, tmp_path, train)
    assert untimed(there.reports) == untimed(here.reports)
    assert_same_state(there.model, here.model)


@pytest.mark.parametrize(
    ("train", "soft"),
    [
        ({"label_smoothing": 0.1, "group_weights": "sex"}, {}),
        ({"channels_last": True}, {"alpha": 0.0}),
        ({"schedule": "step", "milestones": (0.5,)}, {"loss": "dkd"}),
        ({}, {"loss": "hint"}),
    ],
    ids=["weights", "channels last", "dkd", "hint"],
)
def test_what_a_student_may_minimise(
    device: torch.device, tmp_path: Path, train: dict[str, Any], soft: dict[str, Any]
) -> None:
    extras: tuple[str, ...] = ("parameters", "latency", "auc", "ece@sex=f")
    if soft.get("loss") == "hint":
        extras += ("individual_fairness",)

    def trained(data: Any, _: Path) -> Training:
        training = training_on(data, job_of("lenet5", soft=soft, epochs=2, **train), extras=extras)
        training.run()
        return training

    here, there = both(device, "images", tmp_path, trained)
    assert untimed(there.reports) == untimed(here.reports)
    assert there.reports[-1].scalars["latency"] > 0


def test_a_checkpoint_goes_on_anywhere(device: torch.device, tmp_path: Path) -> None:
    arrays, job, file = arrays_of("images"), job_of("resnet8", channels_last=True), tmp_path / "c.pt"
    whole = training_on(data_on("cpu", arrays), job)
    whole.run()
    for where in ("cpu", device, "cpu"):  # an epoch each
        part = training_on(data_on(where, arrays), job, checkpoint=file)
        part.step()
    assert untimed(part.reports) == untimed(whole.reports)
    assert_same_state(part.model, whole.model)


@pytest.mark.parametrize(
    ("architecture", "kind"), [("lenet5", "images"), ("resnet8", "mapped"), ("mlp-16", "table")]
)
def test_a_cohort_that_loses_a_member_and_is_resumed(
    device: torch.device, tmp_path: Path, architecture: str, kind: str
) -> None:
    jobs = [
        job_of(
            architecture,
            k,
            {"alpha": [0.7, 0.0, 1.0][k]},
            lr=[0.01, 0.02, 0.005][k],
            momentum=[0.9, 0.5, 0.9][k],
        )
        for k in range(3)
    ]

    def train(data: Any, folder: Path) -> Any:
        cohort_on(data, folder, jobs).step()
        cohort = cohort_on(data, folder, jobs, extras=("auc",))
        cohort.drop(1)
        cohort.step()
        cohort.step()
        return cohort

    here, there = both(device, kind, tmp_path, train)
    for number in range(3):
        assert untimed(there.reports[number]) == untimed(here.reports[number])
        mine, theirs = (torch.load(tmp_path / where / f"{number}.pt") for where in ("device", "cpu"))
        assert mine["model"].keys() == theirs["model"].keys()
        assert all(torch.equal(mine["model"][name], value) for name, value in theirs["model"].items())
        assert mine["optimizer"]["state"].keys() == theirs["optimizer"]["state"].keys()
        for index, moments in theirs["optimizer"]["state"].items():
            assert all(torch.equal(mine["optimizer"]["state"][index][m], v) for m, v in moments.items())


def test_members_of_a_cohort_that_learn_by_another_loss(device: torch.device, tmp_path: Path) -> None:
    jobs = [
        job_of("lenet5", k, {"loss": "dkd"}, optimizer="adamw", lr=0.002, label_smoothing=0.1)
        for k in range(2)
    ]

    def train(data: Any, folder: Path) -> Any:
        cohort = cohort_on(data, folder, jobs)
        cohort.step()
        return cohort

    here, there = both(device, "images", tmp_path, train)
    assert [untimed(r) for r in there.reports.values()] == [untimed(r) for r in here.reports.values()]


def test_a_member_that_diverges_leaves_the_others(device: torch.device, tmp_path: Path) -> None:
    jobs = [job_of("lenet5", k, lr=[0.01, 1e30][k]) for k in range(2)]

    def train(data: Any, folder: Path) -> Any:
        cohort = cohort_on(data, folder, jobs)
        cohort.step()
        return cohort

    here, there = both(device, "images", tmp_path, train)
    assert there.failures == here.failures
    assert there.live == (0,)
    assert untimed(there.reports[0]) == untimed(here.reports[0])


@pytest.mark.parametrize("kind", ["images", "mapped", "table"])
def test_evaluation_and_feature_spaces(device: torch.device, tmp_path: Path, kind: str) -> None:
    architecture, rows = "mlp-16", np.array([3, 1, 7])

    def evaluate(data: Any, _: Path) -> list[Any]:
        training = training_on(data, job_of(architecture))
        module = training.model.eval()
        return [
            predict_logits(module, data.validation).cpu().numpy(),
            predict_logits(module, data.train, rows=rows).cpu().numpy(),
            predict_logits(module, data.train, view=2).cpu().numpy(),
            teacher_on(data, architecture).features(1).cpu().numpy(),
            feature_space.raw(data.validation, rows),
            feature_space.of_teacher(module, data.validation, rows),
        ]

    here, there = both(device, kind, tmp_path, evaluate)
    for mine, theirs in zip(here, there, strict=True):
        assert np.array_equal(mine, theirs)


def test_weights_leave_the_device_as_they_are(device: torch.device) -> None:
    from kdtune.distill.weights.state import saved_state

    saved = []
    for where in ("cpu", device):
        training = training_on(data_on(where, arrays_of("images")), job_of("resnet8", channels_last=True))
        saved.append(saved_state(training.model.state_dict()))
        assert state_of(training.model)
    assert saved[0] == saved[1]
