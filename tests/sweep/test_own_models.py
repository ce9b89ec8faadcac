"""A run is resumed with the models that it has trained, or not at all."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

import kdtune
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.teachers.ensemble import EnsembleTraining
from kdtune.distill.training import Training
from kdtune.errors import RunError
from kdtune.files import write_bytes
from kdtune.models import models
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles, baseline_id
from kdtune.runs.writer import RunWriter
from kdtune.sweep.plan import Plan
from kdtune.sweep.preparation import compare_versions
from kdtune.sweep.run_record import record_of

Layers = Callable[[int, int], list[nn.Module]]
Trained = Callable[[Layers], list[str]]
"""Resumes the run with another model, and returns what is said."""


def write(layers: Layers) -> None:
    models._items.pop("own", None)

    @kdtune.register_model("own")
    def own(shape: tuple[int, ...], n_classes: int) -> nn.Module:
        return nn.Sequential(*layers(shape[0], n_classes))


@pytest.fixture(params=["teacher", "nds", "ensemble"])
def resumed(request: pytest.FixtureRequest, plan_of: Any, tmp_path: Path) -> Iterator[Trained]:
    """Train a baseline of the user's own, and return how to resume its run."""
    role = "nds" if request.param == "nds" else "teacher"
    teacher = "own+linear" if request.param == "ensemble" else "own"
    write(lambda size, n: [nn.Linear(size, 8), nn.ReLU(), nn.Linear(8, n)])
    pairs = ["linear->own"] if role == "nds" else [f"{teacher}->linear"]
    plan: Plan = plan_of(pairs=pairs)
    name = "own" if role == "nds" else teacher
    files = RunFiles(tmp_path / "run")
    files.root.mkdir()
    writer = RunWriter(files)
    record = record_of(plan, "run", "sweep")
    writer.record(record)
    keep(plan, files, writer, role, name)
    writer.close()

    def resume(layers: Layers) -> list[str]:
        write(layers)
        said: list[str] = []
        compare_versions(record, plan_of(pairs=pairs), files, said.append)
        return said

    yield resume
    models._items.pop("own", None)


def keep(plan: Plan, files: RunFiles, writer: RunWriter, role: str, name: str) -> None:
    """Train a baseline, and record it as a driver does."""
    job = plan.baseline_job(role, name)
    data = DeviceData(Arrays.of(plan.dataset), torch.device("cpu"), view_seed=0, augment=False)
    training = EnsembleTraining(job, data) if job.members else Training(job, data)
    while not training.done:
        training.step()
    model_id = baseline_id(role, name)
    writer.model_started(model_id, role, job.flat(), job.train.epochs)
    for report in training.reports:
        writer.report(model_id, report, References())
    weights = safetensors.torch.save(training.model.state_dict())
    write_bytes(files.weights(model_id), weights)
    writer.model_state(model_id, "done", weights=hashlib.sha256(weights).hexdigest())


def test_the_same_code_is_not_even_mentioned(resumed: Trained) -> None:
    assert resumed(lambda size, n: [nn.Linear(size, 8), nn.ReLU(), nn.Linear(8, n)]) == []


def test_code_that_answers_as_before_is_said(resumed: Trained) -> None:
    """It is initialised otherwise, which no longer matters to what is trained."""

    def layers(size: int, n: int) -> list[nn.Module]:
        first = nn.Linear(size, 8)
        nn.init.zeros_(first.bias)
        return [first, nn.ReLU(), nn.Linear(8, n)]

    [said] = resumed(layers)
    assert "not the versions that the run had: model 'own' " in said


def test_a_layer_of_another_size_is_refused(resumed: Trained) -> None:
    why = r"the code of model 'own.*' has changed, and the weights of \S+ don't fit it: put the code back, or start a "
    with pytest.raises(RunError, match=why):
        resumed(lambda size, n: [nn.Linear(size, 9), nn.ReLU(), nn.Linear(9, n)])


class Opposite(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -1000 * x


def test_other_answers_are_refused(resumed: Trained) -> None:
    why = r"the code of model 'own.*' has changed: \S+ answers \d+% of 64 validation examples otherwise than when"
    with pytest.raises(RunError, match=why):
        resumed(lambda size, n: [nn.Linear(size, 8), nn.ReLU(), nn.Linear(8, n), Opposite()])
