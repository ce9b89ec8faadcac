"""Small data of every kind, and models that learn from them, on any device."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kdtune.data.mapped import map_file
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.cohorts.cohort import Cohort, CohortMember
from kdtune.distill.cohorts.open_cohort import open_cohort
from kdtune.distill.config import Distillation, Job, TrainConfig
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.training import Training
from kdtune.models import build
from kdtune.runs.records import Report

N, M, BATCH = 45, 30, 16
STEPS = 3  # of an epoch


def arrays_of(kind: str, folder: Path | None = None) -> Arrays:
    """Return data of three classes: `images`, `mapped` (from a file in the folder), `table` or `text`."""
    rng = np.random.default_rng(0)

    def part(size: int) -> tuple[Any, Any]:
        labels = np.arange(size) % 3
        match kind:
            case "table":
                x = rng.normal(size=(size, 5)).astype(np.float32)
                x[np.arange(size), labels] += 1
            case "text":
                x = rng.integers(3, 20, size=(size, 8))
                x[:, 1], x[:, 6:] = labels, 0
            case _:
                x = rng.integers(0, 120, size=(size, 3, 16, 16), dtype=np.uint8)
                x[np.arange(size), labels] += 60
        return x, labels

    (x, y), (vx, vy) = part(N), part(M)
    image = kind in ("images", "mapped")
    made = Arrays(
        x, y, vx, vy, {"sex": np.arange(M) // 3 % 2}, {"sex": 2}, 3,
        (0.3,) * 3 if image else None, (0.2,) * 3 if image else None, 2 if image else 0, image,
        20 if kind == "text" else None, {"sex": np.arange(N) // 3 % 2}, {"sex": ("f", "m")},
    )  # fmt: skip
    if kind != "mapped":
        return made
    assert folder is not None
    for name in ("train_inputs", "validation_inputs"):
        np.save(folder / f"{name}.npy", getattr(made, name))
        made = replace(made, **{name: map_file(str(folder / f"{name}.npy"))})
    return made


def data_on(device: torch.device | str, arrays: Arrays) -> DeviceData:
    return DeviceData(arrays, torch.device(device), view_seed=0, augment=True)


def job_of(architecture: str, number: int = 0, soft: dict[str, Any] | None = None, **train: Any) -> Job:
    settings = {"epochs": 3, "batch_size": BATCH, "lr": 0.05, **train}
    distillation = Distillation("teacher", **{"temperature": 3.0 + number, "alpha": 0.7, **(soft or {})})
    return Job(architecture, TrainConfig(**settings), number, 0, distillation)


def teacher_on(data: DeviceData, architecture: str = "") -> TeacherSignal:
    torch.manual_seed(1)
    architecture = architecture or ("mlp-8" if data.arrays.vocabulary is None else "bert-tiny")
    model = build(architecture, input_shape=data.arrays.input_shape, n_classes=data.arrays.n_classes)
    return signal_of(model, data)


def from_host(signal: TeacherSignal) -> TeacherSignal:
    """Return the signal as trials get it: its arrays come from another process, where they were computed before."""
    logits = [signal.logits(view).cpu() for view in range(3)]
    features = [signal.features(view).cpu() for view in range(3)]
    return replace(signal, logits=logits.__getitem__, features=features.__getitem__)


def training_on(data: DeviceData, job: Job, teacher: str = "", **options: Any) -> Training:
    return Training(job, data, teacher=from_host(teacher_on(data, teacher)), **options)


def cohort_on(data: DeviceData, folder: Path, jobs: list[Job], teacher: str = "", **options: Any) -> Cohort:
    folder.mkdir(exist_ok=True)
    signal = from_host(teacher_on(data, teacher))
    members = [CohortMember(k, job, signal, folder / f"{k}.pt") for k, job in enumerate(jobs)]
    return open_cohort(members, data, state=folder / "state.pt", **options)


def untimed(reports: list[Report]) -> list[dict[str, Any]]:
    """Return reports as they are recorded, without what the clock said."""
    return [
        {key: value for key, value in replace(r, time=0.0, seconds=0.0).to_dict().items() if key != "scalars"}
        | {"scalars": {k: v for k, v in r.scalars.items() if k != "latency"}}
        for r in reports
    ]


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu() for name, value in module.state_dict().items()}


def assert_same_state(a: nn.Module, b: nn.Module) -> None:
    """Weights and buffers of two models agree to the bit, wherever they are."""
    mine, theirs = state_of(a), state_of(b)
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        assert torch.equal(value, theirs[name]), name
