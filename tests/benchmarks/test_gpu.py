"""The GPU benchmark tests itself on a CPU, without what a GPU machine may lack."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gpu import packed
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.checks import wrong
from benchmarks.gpu.setups import job_of

ROOT = Path(__file__).parents[2]
PROGRAM = """
import runpy, sys
for name in ("ray", "optuna", "textual", "fairlearn"):
    sys.modules[name] = None  # importing it fails
sys.argv = ["gpu", "--quick", "--json", sys.argv[1]]
runpy.run_module("benchmarks.gpu", run_name="__main__", alter_sys=True)
"""


def test_it_runs_without_ray_and_says_all(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(found)], cwd=ROOT, capture_output=True, text=True, check=False
    )
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
    assert "cnn8:8 float32 solo, graph 1" in content["left_out"]


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
