"""The GPU benchmark tests itself on a CPU, without what a GPU machine may lack."""

import json
import subprocess
import sys
from pathlib import Path

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
    assert {"solo", "fused", "packed"} <= set(ways)
    assert ways["fused"]["students"] == 3
    for row in content["rows"]:
        assert row["ms"] > 0
        assert row["students_an_hour"] > 0
        assert row["of_roofline"] > 0
    assert content["differences"]["cnn8"]["loss"] < 1e-3
    assert "students/h" in done.stdout
