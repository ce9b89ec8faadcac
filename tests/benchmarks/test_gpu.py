"""The GPU benchmark tests itself on a CPU, without what a GPU machine may lack."""

import contextlib
import json
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.gpu import packed
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.checks import wrong
from benchmarks.gpu.setups import job_of

ROOT = Path(__file__).parents[2]
PROGRAM = """
import runpy, sys
from importlib.machinery import PathFinder

absent = set(sys.argv[2].split(","))


class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] in absent else PathFinder.find_spec(name, path, target)


sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
sys.argv = ["gpu", "--quick", "--json", sys.argv[1]]
runpy.run_module("benchmarks.gpu", run_name="__main__", alter_sys=True)
"""


def absent(*installed: str) -> set[str]:
    """Return the modules that are here, and would not be where only these packages and what they need are."""
    there: set[str] = set()
    todo = list(installed)
    while todo:
        name = canonicalize_name(todo.pop())
        if name in there:
            continue
        there.add(name)
        with contextlib.suppress(PackageNotFoundError):  # what another platform needs
            needs = [Requirement(text) for text in requires(name) or ()]
            todo += [
                need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})
            ]
    return {
        module
        for module, packages in packages_distributions().items()
        if not {*map(canonicalize_name, packages)} & {*there, "kdtune"}
    }


def started(found: Path, without: set[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(found), ",".join(without)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_runs_where_almost_nothing_is_installed_and_says_all(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    without = absent("torch", "torchvision", "numpy", "pydantic", "safetensors")
    assert {"ray", "optuna", "sklearn", "scipy", "yaml", "textual"} <= without
    done = started(found, without)
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(found.read_text())
    ways = {row["way"]: row for row in content["rows"]}
    assert set(ways) == {"by hand", "kdtune", "kdtune, as one", "solo", "fused", "packed"}
    assert ways["fused"]["students"] == ways["kdtune, as one"]["students"] == 3
    for row in content["rows"]:
        assert row["students_an_hour"] > 0
        assert (row["ms"] is None) == (row["way"] in ("by hand", "kdtune", "kdtune, as one"))
    assert all(row["of_roofline"] > 0 for row in content["rows"] if row["way"] in ("solo", "fused"))
    assert not wrong(content["differences of cnn8"])
    assert content["resnet8->cnn8 float32 of 3 over by hand"] > 0
    assert set(content["left_out"].values()) == {
        "it takes a GPU",
        "there is no GPU with MPS here",
    }
    assert "cnn8:8 float32 solo, graphs 1" in content["left_out"]


def test_it_names_what_is_missing(tmp_path: Path) -> None:
    done = started(tmp_path / "found.json", absent("torch", "torchvision", "numpy", "pydantic"))
    assert done.returncode == 1
    assert "safetensors is missing" in done.stderr
    assert "pip download pydantic safetensors -d wheels" in done.stderr


def test_when_the_time_is_up_no_row_is_begun_and_what_there_is_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "found.json"
    assert main(["--quick", "--seconds", "0", "--packed", "--json", str(found)]) == 0
    content = json.loads(found.read_text())
    assert content["rows"] == []
    assert content["left_out"]["resnet8->cnn8 by hand"] == "the time is up (--seconds)"
    assert content["peaks"]
    assert "left out: the time is up" in capsys.readouterr().out


def test_differences_that_rounding_does_not_explain_are_named() -> None:
    found = {"a": (0.0, 0.01), "b": (0.1, 0.0), "bfloat16 against c": (0.01, 0.1), "d": (float("nan"), 0.0)}
    assert wrong(found) == ["b", "d"]


def test_a_dead_process_is_noticed_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(packed.WorkerDiedError, match="ended with code 1"):
        packed.rate(job_of("no such model", "float32", 4), 8, 2, seconds=60, patience=600)
    assert time.monotonic() - started < 300
