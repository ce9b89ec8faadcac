"""Two thousand real trials, each of a second's fraction: memory, files, and what is left in /tmp and /dev/shm.

KDTUNE_MANY_TRIALS=200 makes it shorter.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from kdtune.runs import open_run
from tests.conftest import SMALL_SPACE
from tests.sweep.chaos import Marked, cli, wait_for

TRIALS = int(os.environ.get("KDTUNE_MANY_TRIALS", "2000"))
SPACE: dict[str, Any] = {
    **SMALL_SPACE,
    "dataset": {**SMALL_SPACE["dataset"], "n_train": 64, "n_validation": 60, "n_test": 60},
    "pairs": ["mlp-8->linear"],
    "budget": {"trials": TRIALS, "epochs": 1},
    "sampler": "random",
    "resources": {"workers": 2},
}
EARLY = TRIALS // 5
KILOBYTES_A_TRIAL = 40


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_thousand_trials_leave_no_more_than_their_records(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(SPACE))
    scratch = Path(tempfile.mkdtemp(prefix="kdt-", dir="/tmp"))  # a short name, for Ray's sockets
    shared = set(os.listdir("/dev/shm"))
    marked = Marked()
    environment = {**marked.environment, "TMPDIR": str(scratch)}
    root = tmp_path / "runs" / "r"
    search = cli("search", "s.yaml", "--name", "r", "--headless", cwd=tmp_path, env=environment)
    try:
        wait_for_trials(root, search)
        before = highest = memory_of(marked)
        while search.poll() is None:
            highest = max(highest, memory_of(marked))
            time.sleep(2)
        _, err = search.communicate()
        assert search.returncode == 0, err
        assert highest - before < KILOBYTES_A_TRIAL * 1000 * (TRIALS - EARLY)
        trials = open_run(root).trials()
        assert len(trials) == TRIALS
        assert set(trials["state"]) == {"done"}
        files = [path for path in root.rglob("*") if path.is_file()]
        assert len(files) < 4 * TRIALS + 60
        assert not [path for path in files if ".checkpoint.pt." in path.name]
        assert marked.wait_until_gone(60) == []
        left = [path.name for path in scratch.rglob("*") if path.is_file() and "kdtune" in str(path)]
        assert left == []
        assert not list(scratch.glob("ray/session_2*"))
        pids = {str(pid) for pid, _ in marked._seen}
        assert not [name for name in set(os.listdir("/dev/shm")) - shared if pids & set(name.split("_"))]
        print(
            f"{TRIALS} trials: driver {before / 1e6:.0f} MB after {EARLY}, at most {highest / 1e6:.0f} MB; "
            f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.0f} MB"
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def wait_for_trials(root: Path, search: Any) -> None:
    """Wait until a fifth of the trials is there."""

    def trials() -> int:
        folder = root / "trials"
        return len(os.listdir(folder)) if folder.is_dir() else 0

    wait_for(lambda: search.poll() is not None or trials() >= EARLY, 1800, "the first trials")
    assert search.poll() is None, search.communicate()


def memory_of(marked: Marked) -> int:
    """Return the bytes of the driver's memory, 0 where it has ended."""
    drivers = marked.named("-m kdtune.sweep")
    try:
        return int(drivers[0].memory_info().rss) if drivers else 0
    except psutil.Error:
        return 0
