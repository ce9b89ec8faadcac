"""Threads of torch that wait for each other soon sleep, unless the environment says otherwise."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kdtune import launch
from kdtune.runs.paths import RunFiles
from tests.sweep.chaos import wait_for

LIMITED = "from kdtune.idle_threads import limit_spinning; limit_spinning()"


@pytest.fixture(scope="module")
def openmp() -> Path:
    """Return torch's own OpenMP: it reads the environment when it is loaded, and torch takes seconds to import."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    [package] = spec.submodule_search_locations or []
    found = [*Path(package, "lib").glob("libgomp*"), *Path(f"{package}.libs").glob("libgomp*")]
    if not found:
        pytest.skip("torch's OpenMP is not GNU's here")
    return found[0]


def spins(openmp: Path, script: str = "", **environment: str) -> str:
    """Return for how many rounds a thread waits in a process that has run a script, as OpenMP itself says."""
    ours = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nimport ctypes; ctypes.CDLL({str(openmp)!r})"],
        env={**ours, "OMP_DISPLAY_ENV": "verbose", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    [found] = re.findall(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)
    return str(found)


def test_they_wait_for_a_moment(openmp: Path) -> None:
    assert spins(openmp, LIMITED) == "5000"
    assert int(spins(openmp)) > 100_000, "what it would be"


def test_the_environment_decides(openmp: Path) -> None:
    assert spins(openmp, LIMITED, GOMP_SPINCOUNT="77") == "77"
    assert spins(openmp, LIMITED, OMP_WAIT_POLICY="passive") == "0"


def test_a_command_limits_it(openmp: Path) -> None:
    before_torch = "import sys; assert 'torch' not in sys.modules"
    assert spins(openmp, f"from kdtune import cli; cli.main(['spaces']); {before_torch}") == "5000"


def test_a_driver_is_started_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("GOMP_SPINCOUNT", "what was there before is there afterwards")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    driver = launch._start(RunFiles(tmp_path), {})
    # While a program is being put in place, it has no environment yet.
    environment = wait_for(psutil.Process(driver.pid).environ, what="the environment of the driver")
    driver.kill()
    driver.wait()
    assert environment["GOMP_SPINCOUNT"] == "5000"
