"""The cache of baselines: intact ones are found again, damaged ones are trained again."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from kdtune import models
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.training import Training
from kdtune.sweep import baseline_cache
from kdtune.sweep.baseline_cache import Baseline

Kept = tuple[Baseline, Path]


@pytest.fixture
def kept(plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Train a baseline and keep it in a cache of its own."""
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path))
    plan = plan_of()
    job = plan.baseline_job("nds", "linear")
    training = Training(
        job, DeviceData(Arrays.of(plan.dataset), torch.device("cpu"), view_seed=0, augment=False)
    )
    training.run()
    weights = safetensors.torch.save(training.model.state_dict())
    baseline = Baseline("nds-linear", "nds", job, tuple(training.reports), weights)
    baseline_cache.to_cache(baseline, "key")
    return baseline, tmp_path / "baselines" / "key"


def found(baseline: Baseline, *extras: str) -> Baseline | None:
    return baseline_cache.from_cache("nds", "linear", baseline.job, "key", extras)


def test_what_was_kept_is_found(kept: Kept) -> None:
    assert found(kept[0]) == kept[0]
    assert baseline_cache.from_cache("nds", "linear", kept[0].job, "other", ()) is None


def test_a_measure_that_was_not_taken_is_taken_by_training_anew(kept: Kept) -> None:
    assert found(kept[0], "parameters") is None


def test_a_baseline_without_its_predictions_is_trained_anew(kept: Kept) -> None:
    baseline, _ = kept
    reports = (*baseline.reports[:-1], replace(baseline.reports[-1], predictions=None))
    baseline_cache.to_cache(replace(baseline, reports=reports), "key")
    assert found(baseline) is None


@pytest.mark.parametrize("file", ["model.safetensors", "reports.jsonl", "sha256.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other", "digit"])
def test_what_is_damaged_is_not_found(kept: Kept, file: str, damage: str) -> None:
    path = kept[1] / file
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(
            {
                "empty": b"",
                "cut": content[:-5],
                "other": b'{"epoch": 1}\n{"epoch": 2}\n',
                "digit": content[:-20]
                + bytes([content[-20] ^ 1])
                + content[-19:],  # still readable, other numbers
            }[damage]
        )
    assert found(kept[0]) is None


def test_keeping_twice_leaves_one(kept: Kept) -> None:
    baseline_cache.to_cache(kept[0], "key")
    assert found(kept[0]) == kept[0]
    assert [path.name for path in kept[1].parent.iterdir()] == ["key"]


def test_a_model_of_one_s_own_that_was_changed_is_trained_anew(plan_of: Any) -> None:
    plan = plan_of()
    job = replace(plan.baseline_job("nds", "linear"), architecture="own")

    def key(hidden: int, activation: type[nn.Module]) -> str:
        @models.register_model("own")
        def own(shape: tuple[int, ...], n_classes: int) -> nn.Module:
            first = nn.Linear(math.prod(shape), hidden)
            return nn.Sequential(nn.Flatten(), first, activation(), nn.Linear(hidden, n_classes))

        try:
            return baseline_cache.key_of(job, plan.dataset)
        finally:
            models.models._items.pop("own")

    assert key(8, nn.ReLU) == key(8, nn.ReLU)
    assert len({key(8, nn.ReLU), key(8, nn.GELU), key(16, nn.ReLU)}) == 3
    known = plan.baseline_job("nds", "linear")
    assert baseline_cache.key_of(known, plan.dataset) == known.key(plan.dataset.fingerprint)
