"""Studies without any training: counts drawn as binomials, in the form in which a real study is read back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from kdtune.fairness import Counts
from kdtune.report.study.results.evaluate import PREDICTIONS, SHARED
from kdtune.report.study.results.reading import ModelOnTest, Series, Study
from kdtune.runs.records import ALL, RunRecord
from kdtune.space.study import StudySpec

EXAMPLES = 100


@pytest.fixture
def tested(tmp_path: Path) -> Callable[..., ModelOnTest]:
    """Return a function that makes one model: right on a share of each class, errors spread over the other classes."""

    def make(
        name: str,
        seed: int,
        right: Any,
        attributes: dict[str, tuple[str, ...]],
        rng: np.random.Generator,
        *,
        exact: bool = False,
    ) -> ModelOnTest:
        right = np.asarray(right, dtype=float)
        n_classes = len(right)

        def counted(n_groups: int) -> Counts:
            examples = np.full((n_groups, n_classes), EXAMPLES // n_groups)
            hits = np.round(examples * right) if exact else rng.binomial(examples, right)
            hits = hits.astype(np.int64)
            predicted = hits + np.roll(examples - hits, 1, axis=1)  # each error goes to the class after
            return Counts(examples=examples, predicted=predicted, hits=hits)

        counts = {ALL: counted(1), **{k: counted(len(groups)) for k, groups in attributes.items()}}
        folder = tmp_path / name
        folder.mkdir()
        predictions = rng.integers(0, n_classes, size=EXAMPLES * n_classes, dtype=np.int32)
        (folder / PREDICTIONS).write_bytes(safetensors.numpy.save({"predictions": predictions}))
        note = f"all {EXAMPLES * n_classes:,} test examples"
        return ModelOnTest(name, seed, counts, {SHARED: float(rng.random())}, note, folder)

    return make


@pytest.fixture
def made(tested: Callable[..., ModelOnTest]) -> Callable[..., Study]:
    """Return a function that makes a study."""

    def make(
        *,
        dataset: str = "trifeature",
        pair: str = "resnet8->lenet5",
        classes: tuple[str, ...] = ("a", "b", "c"),
        attributes: dict[str, tuple[str, ...]] | None = None,
        seeds: int = 5,
        temperatures: tuple[float, ...] = (1, 2, 4),
        right: dict[str, Any] | None = None,
        exact: bool = False,
        options: dict[str, Any] | None = None,
    ) -> Study:
        rng = np.random.default_rng(0)
        groups = {"color": ("red", "blue")} if attributes is None else attributes
        rates = {"teacher": 0.9, "nds": 0.7, "student": 0.8, **(right or {})}

        def models(role: str, label: str) -> list[ModelOnTest]:
            share = np.broadcast_to(rates.get(label, rates[role]), len(classes))
            return [
                tested(f"{role}-{len(label)}{label[-2:]}-s{s}", s, share, groups, rng, exact=exact)
                for s in range(seeds)
            ]

        teacher, student = pair.split("->")
        students = {float(t): models("student", f"T{t:g}") for t in temperatures}
        series = Series(teacher, student, False, models("teacher", "teacher"), models("nds", "nds"), students)
        spec = StudySpec(temperatures=list(temperatures), seeds=seeds)
        record = RunRecord(
            name="made",
            kind="study",
            created=0.0,
            dataset={
                "name": dataset,
                "fingerprint": "f" * 64,
                "options": options or {},
                "input_shape": [3, 32, 32],
                "splits": {"train": {"n": 1000}},
            },
            classes=classes,
            attributes=groups,
            objectives=("accuracy",),
            constraints=(),
            pairs=(pair,),
            epochs=8,
            trials=None,
            minutes=None,
            seed=0,
            space={"study": spec.model_dump(), "teacher": {"epochs": 12}, "train": {"lr": 0.05}},
            versions={"kdtune": "0"},
            machine={},
        )
        return Study(record, spec, [series], groups, [])

    return make
