"""`kdtune search --dry-run`: what a sweep would do, from the same checks, without a run and without Ray."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdtune import data
from kdtune.cli import main
from kdtune.fairness import count
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.writer import RunWriter
from kdtune.sweep.remote import local_ray

SPACE: dict[str, Any] = {
    "dataset": {"name": "table", "path": "people.csv", "label": "y", "sensitive": "sex", "drop": ["note"]},
    "pairs": ["mlp-8->linear"],
    "search": {"temperature": [1, 4], "alpha": [0.1, 0.5, 0.9]},
    "constraints": {"accuracy": ">= 0.1"},
    "budget": {"trials": 6, "epochs": 4},
    "teacher": {"epochs": 8},
    "enqueue": [{"temperature": 4}],
    "resources": {"workers": 1},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a table and a space; Ray can't be started."""

    def refuse() -> None:
        raise AssertionError("a dry run starts nothing")

    monkeypatch.setattr(local_ray, "start_ray", refuse)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KDTUNE_RUNS", raising=False)
    rows = [f"{20 + k % 40},{'f' if k % 2 else 'm'},n{k},{k // 2 % 2}" for k in range(400)]
    (tmp_path / "people.csv").write_text("age,sex,note,y\n" + "\n".join(rows) + "\n")
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(SPACE))
    return tmp_path


def test_it_says_what_would_be_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.rglob("*"))
    assert main(["search", "my.yaml", "--dry-run", "--trials", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "data: table: 256 train, 64 validation",
        "input: 1 feature",
        "classes: 0 128 + 32, 1 128 + 32 (train + validation)",
        "groups of sex: f 128 + 32, m 128 + 32 (train + validation)",
        "data: features: 1 number (age); label y: 0 200, 1 200; left out: note (dropped); sensitive sex: f 200, m 200",
    ]
    assert lines[5:12] == [
        "teacher mlp-8: 34 weights, 8 epochs",
        "nds linear: 4 weights, 4 epochs",
        "trials: 5 of 4 epochs, 1 at once",
        "first: 1 trial of enqueue",
        "combinations: 6; each is tried before one is repeated",
        "objectives: accuracy, eod",
        "feasible: accuracy >= 0.1; better than the most frequent class beyond noise",
    ]
    assert lines[12].startswith("disk: ")
    assert lines[13] == "time: unknown: no earlier run here on these data with these models"
    assert sorted(folder.rglob("*")) == before, "nothing is written"


def test_it_says_what_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "my.yaml", "--dry-run", "--set", "search.gamma=[0.1, 0.5]"]) == 0
    assert "search.gamma changes nothing: schedule is cosine" in capsys.readouterr().err.splitlines()


def test_it_says_so_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "my.yaml", "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["dataset"]["splits"]["train"]["n"] == 256
    assert [(m["role"], m["architecture"], m["weights"]) for m in said["models"]] == [
        ("teacher", "mlp-8", 34),
        ("nds", "linear", 4),
    ]
    assert (said["trials"], said["epochs"], said["workers"], said["combinations"]) == (6, 4, 1, 6)
    assert said["constraints"] == ["accuracy >= 0.1", "over_majority >= 3.3"]
    assert (said["seconds"], said["guessed_from"]) == (None, None)


def earlier(folder: Path, *, student: str = "linear", cached: bool = False, **record: Any) -> None:
    """Write a run on the same data: 10 s to start, teacher 2 s an epoch, NDS 1 s, trials 3 s an epoch."""
    dataset = data.load("table", **{k: v for k, v in SPACE["dataset"].items() if k != "name"})
    files = RunFiles(folder / "runs" / "before")
    files.root.mkdir(parents=True)
    clock = pytest.MonkeyPatch()
    now = 1000.0

    def at(seconds: float) -> None:
        nonlocal now
        now += seconds

    clock.setattr("kdtune.runs.writer.time.time", lambda: now)
    writer = RunWriter(files)
    content: dict[str, Any] = {
        "name": "before", "kind": "sweep", "created": 1000.0, "dataset": dataset.describe(), "classes": ("0", "1"),
        "attributes": {"sex": ("f", "m")}, "objectives": ("accuracy", "eod"), "constraints": (), "pairs": ("x->y",),
        "epochs": 2, "trials": 2, "minutes": None, "seed": 0, "space": {}, "versions": {}, "machine": {}, **record,
    }  # fmt: skip
    writer.record(RunRecord(**content))
    writer.run_state("preparing")
    counts = {ALL: count([0, 1], [0, 1], n_classes=2)}

    def train(name: str, role: str, config: dict[str, Any], seconds: float) -> None:
        writer.model_started(name, role, config, 2, cached=cached and role != "student")
        for epoch in (1, 2):
            at(seconds)
            writer.report(name, Report(epoch, counts, now, seconds, 0.5, 0.5, 0.1), References())
        writer.model_state(name, "done")

    at(10)
    train("teacher-mlp-8", "teacher", {"architecture": "mlp-8"}, 2)
    train(f"nds-{student}", "nds", {"architecture": student}, 1)
    writer.run_state("running")
    for number in range(2):
        train(f"t{number:04d}", "student", {"student": student}, 3)
    writer.run_state("finished")
    writer.close()
    clock.undo()


def test_the_time_is_guessed_from_an_earlier_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier(folder)
    assert main(["search", "my.yaml", "--dry-run"]) == 0
    # 10 s to start, 8 epochs of the teacher, 4 of the NDS, and 6 trials of 4 epochs
    assert capsys.readouterr().out.splitlines()[-1] == "time: about 1:42 min, as run before went"
    assert main(["search", "my.yaml", "--dry-run", "--minutes", "0.5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] == pytest.approx(10 + 16 + 4 + 30)


@pytest.mark.parametrize(
    "other", [{"student": "mlp-4"}, {"kind": "study"}, {"dataset": {"name": "x", "fingerprint": "f"}}]
)
def test_of_other_models_or_data_nothing_is_guessed(
    folder: Path, capsys: pytest.CaptureFixture[str], other: dict[str, Any]
) -> None:
    earlier(folder, **other)
    assert main(["search", "my.yaml", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("time: unknown")


def test_a_damaged_run_is_passed_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier(folder)
    (folder / "runs" / "broken").mkdir()
    (folder / "runs" / "broken" / "run.json").write_text("{")
    assert main(["search", "my.yaml", "--dry-run"]) == 0
    assert "as run before went" in capsys.readouterr().out
