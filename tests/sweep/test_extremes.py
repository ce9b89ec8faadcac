"""Sweeps without any useful result: every student diverges, none is feasible, or all of them give one answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kdtune
from kdtune.cli import main
from kdtune.data.registry import datasets
from kdtune.errors import SweepError
from kdtune.runs import open_run
from tests.sweep.blobs import blobs


@pytest.fixture
def space(ray_session: None) -> Iterator[dict[str, Any]]:
    kdtune.register_dataset("blobs")(blobs)
    yield {
        "dataset": {"name": "blobs"},
        "pairs": ["mlp-16->linear"],
        "objectives": ["accuracy", "eod"],
        "budget": {"trials": 4, "epochs": 2},
        "train": {"lr": 0.05, "precision": "float32"},
        "resources": {"workers": 1, "give_up_after": 3},
    }
    datasets._items.pop("blobs", None)


def test_all_diverge(space: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The teachers learn, so that the first student is the first to fail."""
    space["search"] = {"lr": {"low": 1e30, "high": 1e38}}
    with pytest.raises(SweepError, match=r"first 3 trials all failed .*(nan|inf|not finite)"):
        kdtune.search(space, name="r", directory=tmp_path)
    assert main(["status", "r", "--runs-dir", str(tmp_path)]) == 0
    assert "3 failed" in capsys.readouterr().out
    assert main(["export", "r", "--runs-dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "no trial is done" in said


def test_none_is_feasible(space: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space["constraints"] = {"accuracy": ">= 0.99999"}
    run = kdtune.search(space, name="r", directory=tmp_path)
    assert list(run.trials()["state"]) == ["done"] * 4
    assert run.status().front == ()
    assert run.status().hypervolume == 0
    assert not run.trials()["feasible"].any()
    assert main(["status", "r", "--runs-dir", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["export", "r", "--runs-dir", str(tmp_path)]) == 2
    assert "none of the 4 trials done is feasible: 4 break accuracy >= 0.99999" in capsys.readouterr().err


def test_all_are_the_same(space: dict[str, Any], tmp_path: Path) -> None:
    """Students that learn nothing tie: all of them are on the front, and its hypervolume is defined."""
    space["search"] = {"lr": {"low": 1e-30, "high": 1e-29}}
    space["seed"] = 3
    space["trivial"] = "keep"
    run = kdtune.search(space, name="r", directory=tmp_path)
    trials = open_run(run.path).trials()
    assert list(trials["state"]) == ["done"] * 4
    assert np.isfinite(run.status().hypervolume)
    best = trials[trials["accuracy"] == trials["accuracy"].max()]
    assert set(run.status().front) & set(best.index)
