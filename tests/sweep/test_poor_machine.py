"""Whole sweeps on machines that lack something: shared memory, short paths, open files, a home, room, inodes."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdtune.runs import open_run
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE

SPACE: dict[str, Any] = {
    **SMALL_SPACE,
    "dataset": {**SMALL_SPACE["dataset"], "n_train": 120, "n_validation": 90, "n_test": 60},
    "pairs": ["lenet5->mlp-16"],
    "budget": {"trials": 2, "epochs": 1},
}

pytestmark = pytest.mark.slow


@pytest.fixture
def space_file(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path) -> Path:
    """Write a space file and return it."""
    path = folder / "s.yaml"
    path.write_text(yaml.safe_dump(SPACE))
    return path


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a file system in memory, with these options; skip where that is not allowed."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this machine lets no file system be mounted")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)


def search(
    space_file: Path,
    *,
    prefix: tuple[str, ...] = (),
    runs: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run a sweep as a user does; return its exit code and what it said."""
    folder = space_file.parent
    command = [
        *prefix,
        sys.executable,
        "-m",
        "kdtune.cli",
        "search",
        str(space_file),
        "--name",
        "r",
        "--headless",
    ]
    command += ["--runs-dir", str(runs or folder / "runs")]
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False,
        timeout=PATIENCE,
    )  # fmt: skip
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, ended.stderr


def assert_finished(runs: Path) -> None:
    run = open_run(runs / "r")
    assert run.status().state == "finished"
    assert list(run.trials()["state"]) == ["done", "done"]


def in_namespace(script: str) -> tuple[str, ...]:
    """Return how a command runs with mounts of its own, after a script that makes them."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no namespace of one's own")
    return ("unshare", "-m", "sh", "-c", f'{script} && exec "$@"', "sh")


def test_little_shared_memory_as_in_a_container() -> None:
    prefix = in_namespace("mount -t tmpfs -o size=64m tmpfs /dev/shm")
    # What the tests keep in /dev/shm is hidden by that mount.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        space_file = written(Path(name))
        code, said = search(space_file, prefix=prefix, env={"KDTUNE_CACHE": f"{name}/cache"})
        assert code == 0, said
        assert "/dev/shm has only 67 MB free" in said
        assert_finished(space_file.parent / "runs")


def test_a_long_temporary_folder_as_on_slurm(space_file: Path) -> None:
    long = space_file.parent / ("job_" + "1234567" * 9)
    long.mkdir()
    code, said = search(space_file, env={"TMPDIR": str(long)})
    assert code == 0, said
    assert "names of sockets would be too long" in said
    assert_finished(space_file.parent / "runs")


@pytest.mark.parametrize("limit", ["-S -n 256", "-n 256"], ids=["soft", "hard"])
def test_few_open_files(space_file: Path, limit: str) -> None:
    code, said = search(space_file, prefix=("sh", "-c", f'ulimit {limit}; exec "$@"', "sh"))
    assert code == 0, said
    assert_finished(space_file.parent / "runs")


def test_no_home(space_file: Path) -> None:
    environment = {"HOME": "/proc/nobody", "XDG_CACHE_HOME": "", "KDTUNE_CACHE": ""}
    code, said = search(space_file, env=environment)
    assert code == 0, said
    assert_finished(space_file.parent / "runs")


def test_what_a_strict_umask_forbids_is_forbidden(space_file: Path) -> None:
    cache = space_file.parent / "cache"
    code, said = search(
        space_file, prefix=("sh", "-c", 'umask 077; exec "$@"', "sh"), env={"KDTUNE_CACHE": str(cache)}
    )
    assert code == 0, said
    assert_finished(space_file.parent / "runs")
    for folder in (space_file.parent / "runs", cache):
        open_to_others = [
            path for path in folder.rglob("*") if path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        ]
        assert open_to_others == []


FULL = {"full": "size=4k", "inodes": "size=200m,nr_inodes=2", "read-only": "size=200m"}


@pytest.fixture(params=FULL)
def bad_disk(request: Any, mount: Callable[[str], Path]) -> tuple[str, Path]:
    """Return a disk that takes nothing: it is full, has no inodes left, or is read-only."""
    place = mount(FULL[request.param])
    if request.param == "full":
        (place / "filler").write_bytes(bytes(4096))
    elif request.param == "inodes":
        (place / "filler").touch()
    else:
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    return request.param, place


SAYS = {
    "full": "No space left on device",
    "inodes": "No space left on device",
    "read-only": "Read-only file system",
}


def test_runs_on_a_disk_that_takes_nothing(bad_disk: tuple[str, Path], space_file: Path) -> None:
    kind, place = bad_disk
    code, said = search(space_file, runs=place / "runs")
    assert code == 1, said
    assert SAYS[kind] in said
    assert str(place) in said
    assert len(said.splitlines()) <= 3


@pytest.mark.parametrize("variable", ["KDTUNE_CACHE", "TMPDIR", "RAY_TMPDIR"])
def test_other_folders_on_a_disk_that_takes_nothing(
    variable: str, bad_disk: tuple[str, Path], space_file: Path
) -> None:
    """They cost time, never the sweep."""
    _, place = bad_disk
    code, said = search(space_file, env={variable: str(place)})
    assert code == 0, said
    assert ("so Ray keeps its files in" in said) == (variable != "KDTUNE_CACHE")
    assert_finished(space_file.parent / "runs")
