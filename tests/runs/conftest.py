"""Random reports, and small runs written by the real writer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdtune.fairness import count
from kdtune.pareto import Constraint
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.writer import RunWriter

MakeReport = Callable[..., Report]
MakeRun = Callable[..., tuple[RunFiles, RunWriter]]


def predictions(seed: int, *, n: int = 200, n_classes: int = 3, n_groups: int = 2) -> tuple[Any, Any, Any]:
    """Return labels, guesses and groups, int [n] each; about half of the guesses are right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    guesses = np.where(rng.random(n) < 0.5, labels, rng.integers(n_classes, size=n))
    return labels, guesses, rng.integers(n_groups, size=n)


@pytest.fixture
def make_report() -> MakeReport:
    """Return a function that makes the report of an epoch from random predictions."""

    def make(epoch: int = 1, seed: int = 0, **options: Any) -> Report:
        labels, guesses, groups = predictions(seed, **options)
        n_classes, n_groups = options.get("n_classes", 3), options.get("n_groups", 2)
        return Report(
            epoch=epoch,
            counts={
                ALL: count(labels, guesses, n_classes=n_classes),
                "sex": count(labels, guesses, groups, n_classes=n_classes, n_groups=n_groups),
            },
            time=1000.0 + epoch,
            seconds=1.5,
            train_loss=0.7,
            validation_loss=0.9,
            learning_rate=0.01,
            disagreement=((0, 1, 5),),
            scalars={},
        )

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that begins a run of three classes and two groups."""

    def make(
        name: str = "r",
        objectives: tuple[str, ...] = ("accuracy", "eod"),
        constraints: tuple[Constraint, ...] = (),
        **options: Any,
    ) -> tuple[RunFiles, RunWriter]:
        files = RunFiles(tmp_path / name)
        files.root.mkdir()
        writer = RunWriter(files)
        record = RunRecord(
            **{
                "name": name,
                "kind": "sweep",
                "created": 1000.0,
                "dataset": {"name": "d", "fingerprint": "f", "splits": {}},
                "classes": ("a", "b", "c"),
                "attributes": {"sex": ("f", "m")},
                "objectives": objectives,
                "constraints": constraints,
                "pairs": ("x->y",),
                "epochs": 2,
                "trials": 4,
                "minutes": None,
                "seed": 0,
                "space": {},
                "versions": {},
                "machine": {},
                **options,
            }
        )
        writer.record(record)
        return files, writer

    return make
