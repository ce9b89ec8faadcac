"""Which worker is assumed to hang, and what a worker that takes too much memory reports before it ends."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdtune.errors import RunError
from kdtune.memory import GB
from kdtune.runs.paths import RunFiles
from kdtune.runs.state import ModelState, RunState
from kdtune.sweep.remote.memory_guard import memory_limit, memory_share, own_memory
from kdtune.sweep.remote.run_folder import RunFolder
from kdtune.sweep.remote.watchdog import Silences, usual_epoch
from kdtune.sweep.remote.worker_registry import AtWork, RegistryClient, WorkerRegistry
from tests.limits import PATIENCE


def model(name: str, *, seconds: float = 0, epoch: int = 0, **config: str) -> ModelState:
    return ModelState(name, "student", config, 10, seconds=seconds, epoch=epoch)


@pytest.fixture
def state() -> RunState:
    pair = {"pair": "big->small", "teacher": "big", "student": "small"}
    return RunState(
        baselines={
            "teacher-big": model("teacher-big", seconds=60, epoch=10),
            "nds-small": model("nds-small", seconds=20, epoch=10),
            "nds-other": model("nds-other", seconds=9000, epoch=1),
        },
        trials={
            "t0000": model("t0000", seconds=35, epoch=5, **pair),
            "t0001": model("t0001", **pair),
            "t0002": model("t0002", pair="new->new", teacher="new", student="new"),
        },
    )


def test_a_usual_epoch_is_the_slowest_of_its_kind(state: RunState) -> None:
    assert (
        usual_epoch(state, [1]) == 7.0
    )  # t0000: 35 s for 5 epochs, against 6 of the teacher and 2 of its twin
    assert usual_epoch(state, [0, 1]) == 14.0  # trained as one: one after another at worst
    assert usual_epoch(state, [2]) == 0.0
    assert usual_epoch(state, [77]) == 0.0


@pytest.mark.parametrize(
    ("numbers", "limit", "age", "stalled"),
    [
        ((1,), 30.0, 69.0, False),  # ten usual epochs are 70 s
        ((1,), 30.0, 71.0, True),
        ((1,), 300.0, 71.0, False),
        ((1,), 300.0, 301.0, True),
        ((0, 1), 30.0, 71.0, False),
        ((2,), 30.0, 31.0, True),  # only the limit is known
    ],
)
def test_stalled(state: RunState, numbers: tuple[int, ...], limit: float, age: float, stalled: bool) -> None:
    silences = Silences(limit, partial(usual_epoch, state))
    worker = AtWork(numbers, 1, "n", report=1)
    for second in range(int(age)):
        assert silences.look([worker], second) == [] or second > 30
    assert silences.look([worker], age) == ([(worker, age)] if stalled else [])


def looks(silences: Silences, worker: AtWork, begin: float, end: float) -> list[float]:
    """Look each second, and return when the worker counted as hanging."""
    return [now for now in np.arange(begin, end) if silences.look([worker], now)]


@pytest.mark.parametrize("gap", [6.0, 75.0, 30_000.0])
@pytest.mark.parametrize("times", [1, 3])
def test_a_machine_that_slept_makes_no_worker_hang(gap: float, times: int) -> None:
    """After a gap between two looks the count begins anew; a worker that really hangs is found after that."""
    silences = Silences(20.0, lambda _: 0.0)
    worker = AtWork((1,), 1, "n", report=1)
    now = 0.0
    for _ in range(times):
        assert looks(silences, worker, now, now + 19) == []
        now += 18 + gap
    assert looks(silences, worker, now, now + 30)[0] == now + 21


def test_a_report_ends_a_silence() -> None:
    silences = Silences(20.0, lambda _: 0.0)
    for report in range(5):
        worker = AtWork((1,), 1, "n", report=report)
        assert looks(silences, worker, 15.0 * report, 15.0 * (report + 1)) == []


def test_a_worker_that_comes_back_begins_anew() -> None:
    silences = Silences(20.0, lambda _: 0.0)
    worker = AtWork((1,), 1, "n", report=1)
    assert looks(silences, worker, 0, 19) == []
    assert silences.look([], 19) == []
    assert looks(silences, worker, 20, 40) == []


def test_the_registry_knows_who_is_at_work(tmp_path: Path) -> None:
    registry = WorkerRegistry(tmp_path)
    registry.begin((1, 2), 10, "a")
    registry.begin((3,), 11, "a")
    assert [worker.numbers for worker in registry.at_work()] == [(1, 2), (3,)]
    registry.begin((4,), 10, "a")  # the same process, with other trials
    assert sorted(worker.numbers for worker in registry.at_work()) == [(3,), (4,)]
    registry.end(10, "a")
    registry.report_failure((3,), "tired")
    assert registry.at_work() == []
    assert registry.pop_failure((3,)) == "tired"
    assert registry.pop_failure((3,)) == ""


def test_a_successor_of_the_registry_knows_what_it_knew(tmp_path: Path) -> None:
    """Its process may die: a worker that hangs will not report again, and one that died gave its reason once."""
    kept = tmp_path / "kept.json"
    registry = WorkerRegistry(tmp_path, kept)
    registry.begin((1, 2), 10, "a")
    registry.begin((3,), 11, "a")
    registry.begin((4,), 12, "b")
    registry.end(12, "b")
    registry.report_failure((3,), "tired")
    before = registry.at_work()
    successor = WorkerRegistry(tmp_path, kept)
    assert successor.at_work() == before
    assert [worker.numbers for worker in before] == [(1, 2)]
    successor.begin((1, 2), 10, "a")
    assert successor.at_work() != before, "a new report has a new number"
    assert successor.pop_failure((3,)) == "tired"
    assert WorkerRegistry(tmp_path, kept).pop_failure((3,)) == ""
    successor.close()
    successor.begin((5,), 13, "a")
    assert not kept.exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "trials/../../outside"])
def test_the_registry_writes_and_reads_in_the_run_only(tmp_path: Path, name: str) -> None:
    registry = WorkerRegistry(tmp_path / "run")
    with pytest.raises(RunError, match="not a file of the run"):
        registry.write_file(name, b"x")
    with pytest.raises(RunError, match="not a file of the run"):
        registry.read_file(name)
    registry.write_file("trials/t0000/checkpoint.pt", b"x")
    assert registry.read_file("trials/t0000/checkpoint.pt") == b"x"
    assert registry.read_file("trials/t0001/checkpoint.pt") is None


def test_a_worker_without_the_run_s_disk_has_a_copy(ray_session: None, tmp_path: Path) -> None:
    import ray

    files = RunFiles(tmp_path / "run")
    files.root.mkdir()
    files.lock.write_text("process 7 on here")
    registry = ray.remote(num_cpus=0)(WorkerRegistry).remote(files.root)
    path = files.checkpoint("t0000")
    near = RunFolder(files.root, "process 7 on here", RegistryClient(registry))
    assert near.fetch(path) == path
    far = RunFolder(files.root, "process 7 on another machine", RegistryClient(registry))
    copy = far.fetch(path)
    assert copy != path
    assert not copy.exists()
    copy.parent.mkdir(parents=True, exist_ok=True)
    far.send_changes()
    assert not path.exists()
    copy.write_bytes(b"epoch 1")
    far.send_changes()
    assert path.read_bytes() == b"epoch 1"
    path.write_bytes(b"epoch 2")  # by another worker, after this one was considered dead
    assert far.fetch(path).read_bytes() == b"epoch 2"
    path.unlink()
    assert not far.fetch(path).exists()
    far.remove()
    assert not copy.parents[2].exists()
    near.remove()
    assert files.root.is_dir()
    ray.kill(registry)


_GREEDY = """
import sys
from kdtune.sweep.remote.memory_guard import MemoryGuard, own_memory
MemoryGuard(own_memory() + 200_000_000, lambda words: print(words, flush=True))
kept = []
while True:
    kept.append(bytearray(10_000_000))
"""


def test_a_process_that_takes_more_than_its_share_says_so_and_ends() -> None:
    ended: Any = subprocess.run(
        [sys.executable, "-c", _GREEDY], check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert ended.returncode == 1
    assert "of memory" in ended.stdout
    assert "resources.memory_per_trial" in ended.stdout


def test_memory_is_shared_out() -> None:
    assert memory_share(1) > memory_share(1000) == GB
    assert 10_000_000 < own_memory() < memory_share(1)
    assert memory_limit(1.5, 4) == 1_500_000_000
    assert memory_limit(None, 4) == memory_share(4)
