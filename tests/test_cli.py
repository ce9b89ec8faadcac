"""The command line as a person meets it: real processes, real files, every wrong input of a newcomer."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

SPACE: dict[str, Any] = {
    "dataset": {
        "name": "trifeature",
        "shapes": 2,
        "colors": 2,
        "n_train": 60,
        "n_validation": 60,
        "n_test": 20,
    },
    "pairs": ["lenet5->mlp-16"],
    "budget": {"trials": 1, "epochs": 1},
    "train": {"precision": "float32", "channels_last": False},
}


def kdtune(cwd: Path, *arguments: str, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k not in ("KDTUNE_RUNS", "PYTHONWARNINGS")}
    return subprocess.run(
        [sys.executable, "-m", "kdtune.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        check=False,
    )


def refused(cwd: Path, *arguments: str) -> str:
    """Run a command that must be refused; return the message after `kdtune: `."""
    ended = kdtune(cwd, *arguments)
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert "--resume" not in ended.stderr.split("kdtune: ")[-1] or "resume" in " ".join(arguments)
    runs = cwd / "runs"
    assert not runs.exists() or list(runs.iterdir()) == [], "a refused run leaves nothing behind"
    head, mark, message = ended.stderr.partition("kdtune: ")
    assert mark, ended.stderr
    assert "epoch" not in head, "nothing is trained before the check"
    return message.strip()


def space_with(cwd: Path, **changes: Any) -> str:
    path = cwd / "my.yaml"
    path.write_text(yaml.safe_dump({**SPACE, **changes}))
    return "my.yaml"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"serach": {}}, "my.yaml: unknown key 'serach'; did you mean 'search'?"),
        (
            {"search": {"temperature": {"low": 40, "high": 1}}},
            "my.yaml: search.temperature: low 40 is above high 1",
        ),
        ({"pairs": ["lenet5"]}, "my.yaml: pairs.0: 'lenet5' is not a pair: write 'teacher->student'"),
        ({"train": {"momentun": 0.9}}, "my.yaml: train.momentun is no setting; did you mean 'momentum'?"),
    ],
)
def test_what_the_file_shows_is_refused_at_once(tmp_path: Path, changes: Any, expected: str) -> None:
    message = refused(tmp_path, "search", space_with(tmp_path, **changes))
    assert message.startswith(expected)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pairs: [a->b", "my.yaml: line 1: not YAML"),
        ("", "my.yaml: holds nothing"),
        ("a: 2026-13-45", "not YAML"),
    ],
)
def test_a_file_that_is_not_yaml(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "my.yaml").write_text(text)
    assert expected in refused(tmp_path, "search", "my.yaml")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["search", "trifeatur"], "no search space 'trifeatur'; did you mean 'trifeature'"),
        (["search", "nowhere.yaml"], "nowhere.yaml: not readable"),
        (["search", "--set", "budget.trials"], "--set 'budget.trials': write KEY=VALUE"),
        (["search", "--set", "budgt.trials=3"], "unknown key 'budgt'; did you mean 'budget'?"),
        (["search", "--name", "../up"], "can't name a run"),
        (["search", "--gpus-per-trial", "-1"], "resources.gpus_per_trial"),
        (["search", "--resume", "nothing"], "no run 'nothing'"),
        (["search", "--resume", ""], "no run ''"),
        (["status", "nothing"], "no run 'nothing'"),
        (["status"], "no run in 'runs': start one with 'kdtune search'"),
        (["stop", "nothing"], "no run 'nothing'"),
        (["spaces", "nothing"], "no ready space 'nothing'"),
    ],
)
def test_commands_that_name_what_is_not_there(tmp_path: Path, arguments: list[str], expected: str) -> None:
    assert expected in refused(tmp_path, *arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "required: COMMAND"),
        (["serach"], "invalid choice"),
        (["search", "--trials", "0"], "0 is not above 0"),
        (["search", "--trials", "many"], "invalid int value"),
        (["search", "--minutes", "nan"], "not above 0"),
        (["search", "--seed", "-1"], "-1 is below 0"),
        (["stop"], "required: RUN"),
    ],
)
def test_arguments_that_cannot_be_read(tmp_path: Path, arguments: list[str], expected: str) -> None:
    ended = kdtune(tmp_path, *arguments)
    assert ended.returncode == 2
    assert expected in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "runs").exists()


def image_folder(cwd: Path, *, n: int = 12) -> Path:
    from PIL import Image

    rng = np.random.default_rng(0)
    folder = cwd / "images"
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True)
            for k in range(n):
                pixels = rng.integers(256, size=(32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{k}.png")
    return folder


def table(cwd: Path, *, rows: int = 200, small: int = 100, label: str = "y") -> Path:
    rng = np.random.default_rng(0)
    groups = ["a"] * (rows - small) + ["b"] * small
    lines = [f"age,race,{label}", *(f"{rng.integers(20, 60)},{group},{rng.integers(2)}" for group in groups)]
    path = cwd / "people.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


TABLE = {"name": "table", "path": "people.csv", "label": "y", "positive": "1", "sensitive": "race"}


def on_table(cwd: Path, **changes: Any) -> str:
    return space_with(cwd, dataset={**TABLE, **changes}, pairs=["mlp-16->linear"])


def test_objectives_that_need_groups_on_data_without(tmp_path: Path) -> None:
    image_folder(tmp_path)
    name = space_with(tmp_path, dataset={"name": "folder", "path": "images"}, objectives=["accuracy", "eod"])
    message = refused(tmp_path, "search", name)
    assert message.startswith(
        "objective 'eod' needs groups, and the data have no sensitive attribute: declare one"
    )
    assert "worst_class_accuracy" in message


def test_an_image_that_does_not_decode(tmp_path: Path) -> None:
    broken = image_folder(tmp_path) / "train" / "cat" / "7.png"
    broken.write_bytes(broken.read_bytes()[:60])
    name = space_with(
        tmp_path, dataset={"name": "folder", "path": "images"}, objectives=["accuracy", "class_gap"]
    )
    message = refused(tmp_path, "search", name)
    assert "images/train/cat/7.png" in message
    assert len(message.splitlines()) == 1


def test_a_group_too_small_for_a_rate(tmp_path: Path) -> None:
    table(tmp_path, small=1)
    message = refused(tmp_path, "search", on_table(tmp_path))
    assert "'b'" in message
    assert "race" in message


def test_a_csv_without_the_label_column(tmp_path: Path) -> None:
    table(tmp_path, label="yy")
    message = refused(tmp_path, "search", on_table(tmp_path))
    assert "people.csv" in message
    assert "'y'" in message
    assert "yy" in message, "the columns that are there"


@pytest.mark.slow
def test_a_csv_without_a_sensitive_column(tmp_path: Path) -> None:
    table(tmp_path)
    message = refused(tmp_path, "search", on_table(tmp_path, sensitive="rce"))
    assert "'rce'" in message
    assert "race" in message


def test_a_csv_with_a_label_missing(tmp_path: Path) -> None:
    path = table(tmp_path)
    lines = path.read_text().splitlines()
    lines[17] = lines[17][:-1]
    path.write_text("\n".join(lines) + "\n")
    message = refused(tmp_path, "search", on_table(tmp_path))
    assert "people.csv" in message
    assert "rows 17, counting from the first row of data" in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pairs": ["lenet5->mpl-16"]}, "unknown model 'mpl-16'"),
        pytest.param(
            {"dataset": {"name": "trifeatures"}},
            "unknown data set 'trifeatures'; did you mean 'trifeature'?",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"dataset": {**SPACE["dataset"], "n_trian": 3}},
            "no option 'n_trian'; did you mean 'n_train'?",
            marks=pytest.mark.slow,
        ),
        ({"objectives": ["acuracy"]}, "unknown objective 'acuracy'; did you mean 'accuracy'?"),
        pytest.param(
            {"objectives": ["accuracy", "eod@colour"]},
            "unknown sensitive attribute 'colour'; did you mean 'color'?",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"constraints": {"accuracy": "> 0.5"}},
            "constraints: accuracy: cannot read '> 0.5'",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"constraints": {"accuracy": ">= majorty"}}, "unknown name 'majorty'", marks=pytest.mark.slow
        ),
        pytest.param({"constraints": {"acc": ">= 0.5"}}, "'acc'", marks=pytest.mark.slow),
    ],
)
def test_what_only_models_and_data_show(tmp_path: Path, changes: Any, expected: str) -> None:
    assert expected in refused(tmp_path, "search", space_with(tmp_path, **changes))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", "nobody answers"),
        pytest.param("127.0.0.1:99999", "nobody answers", marks=pytest.mark.slow),
        pytest.param("somewhere", "write host:port", marks=pytest.mark.slow),
    ],
)
def test_an_address_that_nobody_answers(tmp_path: Path, address: str, expected: str) -> None:
    message = refused(tmp_path, "search", space_with(tmp_path), "--address", address)
    assert f"--address '{address}'" in message
    assert expected in message


@pytest.mark.slow
def test_more_than_the_machine_has(tmp_path: Path) -> None:
    message = refused(tmp_path, "search", space_with(tmp_path), "--set", "resources.cpus_per_trial=1000")
    assert "resources.cpus_per_trial is 1000, and Ray has" in message


@pytest.mark.slow
def test_a_module_that_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    assert "--import nowhere" in refused(tmp_path, "search", space_with(tmp_path), "--import", "nowhere")
    assert "--import broken" in refused(tmp_path, "search", space_with(tmp_path), "--import", "broken")


def test_a_taken_name_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "precious").write_text("")
    ended = kdtune(tmp_path, "search", space_with(tmp_path), "--name", "mine")
    assert ended.returncode == 2
    assert "exists: choose another --name" in ended.stderr
    assert (tmp_path / "runs" / "mine" / "precious").exists()


def test_help_answers_at_once(tmp_path: Path) -> None:
    """Best of several: the machine may be busy, the command is not."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        ended = kdtune(tmp_path, "--help")
        times.append(time.perf_counter() - started)
        assert ended.returncode == 0
    assert min(times) < 0.3, f"{min(times):.2f} s"
    for command in ("search", "status", "stop", "spaces", "runs"):
        assert command in ended.stdout


def test_data_go_to_standard_output_and_narration_to_standard_error(tmp_path: Path) -> None:
    listed = kdtune(tmp_path, "runs", "--json")
    assert (json.loads(listed.stdout), listed.returncode) == ([], 0)
    printed = kdtune(tmp_path, "spaces", "trifeature")
    assert yaml.safe_load(printed.stdout)["dataset"]["name"] == "trifeature"
    assert printed.stderr == ""
    assert "properties" in json.loads(kdtune(tmp_path, "spaces", "--schema").stdout)
    text = kdtune(tmp_path, "runs")
    assert text.stdout == ""
    assert "kdtune search" in text.stderr
