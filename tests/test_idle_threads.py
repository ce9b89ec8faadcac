"""Threads of torch that wait for each other soon sleep, unless the environment says otherwise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kdtune import launch
from kdtune.runs.paths import RunFiles

SCRIPT = """
from kdtune.idle_threads import limit_spinning
limit_spinning()
import torch
"""


def spins(script: str, **environment: str) -> str:
    """Return for how many rounds a thread of torch waits in a process, as its own OpenMP says."""
    ours = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**ours, "OMP_DISPLAY_ENV": "verbose", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.findall(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)
    if not found:
        pytest.skip("torch's OpenMP is not GNU's here")
    return str(found[0])


def test_they_wait_for_a_moment() -> None:
    assert spins(SCRIPT) == "5000"
    assert int(spins("import torch")) > 100_000, "what it would be"


def test_the_environment_decides() -> None:
    assert spins(SCRIPT, GOMP_SPINCOUNT="77") == "77"
    assert spins(SCRIPT, OMP_WAIT_POLICY="passive") == "0"


def test_a_command_limits_it() -> None:
    assert spins("from kdtune import cli; cli.main(['models']); import torch") == "5000"


def test_a_driver_is_started_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("GOMP_SPINCOUNT", "what was there before is there afterwards")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    driver = launch._start(RunFiles(tmp_path), {})
    environment = psutil.Process(driver.pid).environ()
    driver.kill()
    driver.wait()
    assert environment["GOMP_SPINCOUNT"] == "5000"
