"""kill -9 of a whole study, or of its raylet, while students are at work; after --resume nothing is different."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdtune.runs.jsonl import read_records
from tests.limits import PATIENCE
from tests.sweep.chaos import Marked, cli, kill, wait_for

SPACE: dict[str, Any] = {
    "dataset": {
        "name": "trifeature",
        "sensitive": "color",
        "shapes": 3,
        "colors": 2,
        "n_train": 1500,
        "n_validation": 60,
        "n_test": 300,
    },
    "pairs": ["lenet5->mlp-16"],
    "objectives": ["accuracy", "eod"],
    "budget": {"epochs": 4},
    "train": {"optimizer": "adamw", "lr": 0.003, "precision": "float32", "channels_last": False},
    "resources": {"workers": 1},
    "study": {"temperatures": [1, 4], "seeds": 2},
}


def study(folder: Path, *arguments: str, marked: Marked) -> Any:
    environment = marked.environment | {
        "KDTUNE_CACHE": str(folder / "cache"),
        "KDTUNE_RUNS": str(folder / "runs"),
    }
    folder.mkdir(exist_ok=True)
    return cli("study", *arguments, "--headless", cwd=folder, env=environment)


def ended(files: Path) -> Counter[str]:
    """Return how often each model was recorded as done."""
    path = files / "events.jsonl"
    events = list(read_records(path)) if path.exists() else []
    return Counter(str(e.get("id")) for e in events if e.get("state") == "done")


def models(files: Path) -> list[dict[str, str]]:
    with open(files / "study" / "models.csv", encoding="utf-8") as file:
        return sorted(csv.DictReader(file), key=lambda row: row["id"])


@pytest.fixture
def marked() -> Iterator[Marked]:
    """Yield a mark whose processes do not outlive the test."""
    made = Marked()
    yield made
    made.kill_all()


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "space.yaml"
    path.write_text(yaml.safe_dump(SPACE), "utf-8")
    return path


@pytest.fixture(scope="module")
def uninterrupted(space: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    folder = tmp_path_factory.mktemp("quiet")
    quiet = study(folder, str(space), "--name", "it", marked=Marked())
    _, err = quiet.communicate(timeout=900)
    assert quiet.returncode == 0, err
    return models(folder / "runs" / "it")


@pytest.mark.slow  # three drivers with a Ray of their own
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("victim", ["everything", "raylet"])
def test_killed_and_resumed(
    marked: Marked, space: Path, uninterrupted: list[dict[str, str]], tmp_path: Path, victim: str
) -> None:
    files = tmp_path / "killed" / "runs" / "it"
    first = study(tmp_path / "killed", str(space), "--name", "it", marked=marked)
    wait_for(lambda: sum(i.startswith("t0") for i in ended(files)) >= 2, what="two students")
    if victim == "raylet":
        [raylet] = marked.named("raylet/raylet")
        kill(raylet)
    else:
        marked.kill_all()
    _, err = first.communicate(timeout=PATIENCE)
    if victim == "raylet":
        assert first.returncode == 1
        assert "--resume it" in err
        assert "Traceback" not in err
    assert marked.wait_until_gone(30) == []
    before = ended(files)
    weights = {path: path.stat().st_mtime_ns for path in files.glob("*/*/*.safetensors")}
    assert 4 + 2 <= len(before) < 4 + 4, "killed too late to mean anything"

    again = study(tmp_path / "killed", "--resume", "it", marked=marked)
    _, err = again.communicate(timeout=900)
    assert again.returncode == 0, err
    after = ended(files)
    assert len(after) == 4 + 4
    assert all(after[i] == 1 for i in before), "what was done is not trained again"
    assert all(
        path.stat().st_mtime_ns == then for path, then in weights.items() if path.parent.name in before
    )
    assert models(files) == uninterrupted
    assert marked.wait_until_gone(30) == []
