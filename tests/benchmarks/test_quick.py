"""The benchmarks' `--quick` form checks the equalities that their comparisons rest on; it measures no time."""

import os
import subprocess
import sys
from pathlib import Path

from tests.limits import PATIENCE

ROOT = Path(__file__).parents[2]


def test_quick(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-m", "benchmarks", "--quick"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert sum("of the epochs" in line for line in lines) >= 9, done.stdout
    assert any("train the same student" in line for line in lines)
