"""What the trainings of a sweep's teachers and students cost, counted from their layers."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from kdtune.data import load
from kdtune.data.dataset import Dataset
from kdtune.distill.config import Job
from kdtune.models import models, register_model
from kdtune.space.reading import parse_space
from kdtune.sweep.costs import costs_of
from kdtune.sweep.plan import Plan, make_plan
from tests.sweep.blobs import blobs


@pytest.fixture(scope="module")
def images() -> Dataset:
    return load("trifeature", shapes=2, colors=2, n_train=20, n_validation=20, n_test=20)


def plan_of(data: Dataset, *pairs: str, **sections: Any) -> Plan:
    space = {"dataset": {"name": data.name}, "pairs": list(pairs), "objectives": ["accuracy"], **sections}
    return make_plan(parse_space({**space, "budget": {"epochs": 2}}, "a test"), data)


def costs_in(plan: Plan) -> dict[str, float]:
    jobs: dict[str, Job] = {
        f"{role} {name}": plan.baseline_job(role, name) for role, name in plan.architectures
    }
    return costs_of(plan, jobs)


def test_a_resnet_costs_many_times_as_much_as_lenet(images: Dataset) -> None:
    costs = costs_in(plan_of(images, "resnet8->lenet5", "lenet5->lenet5", teacher={"epochs": 6}))
    assert costs["teacher lenet5"] == 3 * costs["nds lenet5"], "epochs count"
    assert 15 < costs["teacher resnet8"] / costs["teacher lenet5"] < 25


def test_an_ensemble_costs_what_its_members_cost(images: Dataset) -> None:
    costs = costs_in(plan_of(images, "lenet5+cnn8->lenet5", "lenet5->lenet5", "cnn8->lenet5"))
    assert costs["teacher lenet5+cnn8"] == costs["teacher lenet5"] + costs["teacher cnn8"]


def test_a_model_of_the_user_is_not_run_for_it(images: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_items", dict(models._items))
    runs: list[int] = []

    class Own(torch.nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            runs.append(len(inputs))
            return super().forward(inputs.flatten(1))

    register_model("own")(lambda shape, n_classes: Own(math.prod(shape), n_classes))
    plan = plan_of(images, "own->lenet5")
    before = len(runs)
    assert before, "it was tried when the space was checked"
    assert set(costs_in(plan).values()) == {1.0}
    assert len(runs) == before


def test_models_of_tables_and_of_libraries_are_not_built_for_it(images: Dataset) -> None:
    assert set(costs_in(plan_of(blobs(), "mlp-64->mlp-4")).values()) == {1.0}
    assert set(costs_in(plan_of(images, "torchvision:shufflenet_v2_x0_5->mlp-4")).values()) == {1.0}


def test_logits_cost_nothing(images: Dataset) -> None:
    plan = plan_of(images, "lenet5->lenet5")
    logits: Any = "never read"
    job = replace(plan.baseline_job("teacher", "lenet5"), logits=logits)
    assert costs_of(plan, {"teacher": job}) == {"teacher": 0.0}
