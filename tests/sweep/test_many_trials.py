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
from tests.sweep.chaos import Marked, cli

TRIALS = int(os.environ.get("KDTUNE_MANY_TRIALS", "2000"))
SPACE: dict[str, Any] = {
    **SMALL_SPACE,
    "dataset": {**SMALL_SPACE["dataset"], "n_train": 64, "n_validation": 60, "n_test": 60},
    "pairs": ["mlp-8->linear"],
    "budget": {"trials": TRIALS, "epochs": 1},
    "sampler": "random",
    "resources": {"workers": 1, "cohort": 1},
}
KILOBYTES_A_TRIAL = 30
"""What the driver's memory may grow by, once the first quarter of the trials is done."""

KINDS = {
    "driver": "-m kdtune.sweep",
    "worker": "CohortTrial",
    "registry": "WorkerRegistry",
    "teachers": "TeacherServer",
}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_thousand_trials_leave_no_more_than_their_records(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(SPACE))
    scratch = Path(tempfile.mkdtemp(prefix="kdt-", dir="/tmp"))  # a short name, for Ray's sockets
    shared = set(os.listdir("/dev/shm"))
    marked = Marked()
    environment = {**marked.environment, "TMPDIR": str(scratch)}
    root = tmp_path / "runs" / "r"
    begun = time.monotonic()
    search = cli("search", "s.yaml", "--name", "r", "--headless", cwd=tmp_path, env=environment)
    quarters: list[dict[str, float]] = []
    try:
        while search.poll() is None:
            if len(quarters) < 4 and trials(root) >= TRIALS * (len(quarters) + 1) // 4:
                quarters.append(memory_of(marked))
                print(
                    f"{trials(root)} trials after {time.monotonic() - begun:.0f} s: {quarters[-1]} MB",
                    flush=True,
                )
            time.sleep(0.5)
        _, err = search.communicate()
        assert search.returncode == 0, err
        found = open_run(root).trials()
        assert len(found) == TRIALS
        assert set(found["state"]) == {"done"}
        files = [path for path in root.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        print(f"{len(files)} files, {size:.0f} MB")
        assert len(files) < 4 * TRIALS + 60
        assert not [path for path in files if path.name.startswith(".")]
        assert marked.wait_until_gone(60) == []
        left = [path.name for path in scratch.rglob("*") if path.is_file() and "kdtune" in str(path)]
        assert left == []
        assert not list(scratch.glob("ray/session_2*"))
        pids = {str(pid) for pid, _ in marked._seen}
        assert not [name for name in set(os.listdir("/dev/shm")) - shared if pids & set(name.split("_"))]
        assert len(quarters) == 4
        for kind in KINDS:
            grown = 1000 * (quarters[3][kind] - quarters[0][kind]) / (0.75 * TRIALS)
            assert grown < KILOBYTES_A_TRIAL, f"{kind}: {grown:.0f} kB a trial"
    finally:
        marked.kill_all()
        shutil.rmtree(scratch, ignore_errors=True)


def trials(root: Path) -> int:
    """Return how many trials have begun."""
    folder = root / "trials"
    return len(os.listdir(folder)) if folder.is_dir() else 0


def memory_of(marked: Marked) -> dict[str, float]:
    """Return the megabytes of memory of each kind of process; 0 where there is none."""
    found = dict.fromkeys(KINDS, 0.0)
    for kind, word in KINDS.items():
        for process in marked.named(word):
            try:
                found[kind] = max(found[kind], round(process.memory_info().rss / 1e6, 1))
            except psutil.Error:
                continue
    return found
