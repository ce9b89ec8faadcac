"""A tiny study with Ray: trained, evaluated, written; gone on with, and drawn again from its counts."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import kdtune
from kdtune.errors import InputError, RunError
from kdtune.report.study import command
from kdtune.report.study.command import report_study
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import open_run
from kdtune.sweep.driver import SweepRequest, run_sweep

SPACE: dict[str, Any] = {
    "dataset": {
        "name": "trifeature",
        "label": "shape",
        "sensitive": "color",
        "shapes": 3,
        "colors": 2,
        "n_train": 200,
        "n_validation": 60,
        "n_test": 200,
    },
    "pairs": ["mlp-16->linear"],
    "objectives": ["accuracy", "eod"],
    "budget": {"epochs": 1},
    "train": {"optimizer": "adamw", "lr": 0.003, "precision": "float32", "channels_last": False},
    "resources": {"workers": 1},
    "study": {"temperatures": [1, 4, 10], "seeds": 2, "individual": {"pairs": 1000}},
}


@pytest.fixture(scope="module")
def study(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    studied = kdtune.study(SPACE, name="tiny", directory=tmp_path_factory.mktemp("runs"), progress=False)
    assert studied.path == studied.run.path / "study"
    assert studied.record["settings"]["temperatures"] == [1, 4, 10]
    assert len(studied.record["models"]) == 10
    return studied.run.path


def test_the_run_is_in_a_runs_form(study: Path) -> None:
    run = open_run(study)
    assert run.record.kind == "study"
    assert run.status().state == "finished"
    assert run.status().trials["done"] == run.record.trials == 6
    assert set(run.baselines().index) == {
        f"{m}-s{s}" for m in ("teacher-mlp-16", "nds-linear") for s in (0, 1)
    }
    trials = run.trials()
    assert trials["seed"].is_unique
    assert list(trials["study_seed"]) == [0, 0, 0, 1, 1, 1]


def test_everything_is_written(study: Path) -> None:
    out = study / "study"
    for name in ("table-1-classes", "noise-floor", "gaps-color", "individual", "affected", "disagreement"):
        assert list(out.glob(f"{name}-*")), name
    page = (out / "report.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="https?:', page)
    assert "2 seeds: too few" in page


def test_figures_again_from_the_counts(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tiny"
    shutil.copytree(study, copy)
    before = (copy / "study" / "trends.csv").read_bytes()
    shutil.rmtree(copy / "study")
    report_study(copy, evaluate=False)
    assert (copy / "study" / "trends.csv").read_bytes() == before
    (copy / "trials" / "t0000" / "test.json").unlink()
    with pytest.raises(RunError, match=f"--resume {copy}"):
        report_study(copy, evaluate=False)


def test_a_place_for_the_figures_is_looked_for_before_models_are_evaluated(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(*_: object) -> None:
        raise AssertionError("models were evaluated")

    shutil.copytree(study, tmp_path / "tiny", ignore=shutil.ignore_patterns("study"))
    (tmp_path / "tiny" / "study").write_text("mine")
    monkeypatch.setattr(command, "evaluate_study", evaluate)
    with pytest.raises(InputError, match=r"study: is a file, .*: move it away"):
        report_study(tmp_path / "tiny")


def test_gone_on_after_a_kill(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tiny"
    shutil.copytree(study, copy)
    files = RunFiles(copy)
    weights = files.weights("t0004").read_bytes()
    kept = files.weights("t0001").stat().st_mtime_ns
    files.weights("t0004").write_bytes(weights[: len(weights) // 2])  # the driver died while it wrote
    flipped = {name: files.weights(name).read_bytes() for name in ("teacher-mlp-16-s1", "t0002")}
    for name, content in flipped.items():  # the disk lost a bit
        files.weights(name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    run_sweep(SweepRequest(files, None))
    assert files.weights("t0004").read_bytes() == weights
    assert {name: files.weights(name).read_bytes() for name in flipped} == flipped
    assert files.weights("t0001").stat().st_mtime_ns == kept
