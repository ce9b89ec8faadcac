"""Ray on this machine: how it starts where the first start fails, and where it keeps its files."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import ray

from kdtune.errors import SweepError
from kdtune.files import remove_abandoned
from kdtune.sweep.remote import ray_folder
from kdtune.sweep.remote.ray_folder import LONGEST, choose_folder, object_store_bytes, unfit
from tests.limits import PATIENCE

FAILS_ONCE = """
import sys, time
from kdtune.sweep.remote.cluster import connected, prepare_environment
prepare_environment()
import os, psutil, ray
from kdtune.files import this_machine
from kdtune.sweep.remote import local_ray

from ray._private import services

good = list(local_ray._STAND_IN)
local_ray._STAND_IN[:] = ["sh", "-c", "kill -9 $PPID"]  # the raylet
get_node = services.get_node

def get_node_late(*args):
    if local_ray._STAND_IN != good:  # else chance decides whether it has registered before it is killed
        if sys.argv[1] == "unregistered":
            raise RuntimeError("not yet registered")
        time.sleep(2)
        return "a node that has registered and is dead"
    return get_node(*args)

services.get_node = get_node_late
begun = time.monotonic()
took = []

def say(words):
    print(words, flush=True)
    took.append(time.monotonic() - begun)
    local_ray._STAND_IN[:] = good

with connected(None, say):
    session = ray._private.worker._global_node._session_dir
    assert ray.get(ray.remote(lambda: 7).remote()) == 7
    assert os.path.exists(f"{session}/kdtune-{this_machine()}-{os.getpid()}")
    names = [" ".join(p.cmdline()) for p in psutil.Process().children(recursive=True)]
    assert sum("raylet/raylet" in name for name in names) == 1, names
    assert not any("DashboardAgent" in name or "dashboard/agent.py" in name.partition(" --")[0] for name in names)
print(f"{took[0]:.1f}")
assert not os.path.exists(session)
for _ in range(100):
    left = [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
    if not left:
        break
    time.sleep(0.1)
assert not left, left
"""


@pytest.fixture(scope="module")
def failed_once() -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    """Start Ray in both ways at once: nearly all of it is waiting."""
    with ExitStack() as stack:
        yield {
            killed: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", FAILS_ONCE, killed],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                )
            )
            for killed in ("unregistered", "registered")
        }  # fmt: skip


@pytest.mark.parametrize("killed", ["unregistered", "registered"])
def test_a_start_that_fails_is_noticed_at_once_and_tried_again(
    killed: str, failed_once: dict[str, "subprocess.Popen[str]"]
) -> None:
    ended = failed_once[killed]
    out, err = ended.communicate(timeout=PATIENCE)
    assert ended.returncode == 0, err
    failed, again, seconds = out.splitlines()
    assert failed.startswith("Ray did not start (its process raylet ended")
    assert "cores of this machine; it is tried again in 2 s" in failed
    assert again == "starting Ray"
    assert float(seconds) < 60  # Ray alone waits 30 s for a process that is dead, three times


def test_sessions_of_killed_processes_are_deleted_and_those_of_others_stay(tmp_path: Path) -> None:
    from kdtune.sweep.remote.local_ray import _mark, _pid_of_session, keep_session

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    marks = {
        "killed": f"{_mark()}{ended.pid}",
        "alive": f"{_mark()}{os.getppid()}",
        "by hand": "logs",
        "after an error": f"{_mark()}{os.getpid()}",
    }
    for name, mark in marks.items():
        (tmp_path / f"session {name}").mkdir()
        (tmp_path / f"session {name}" / mark).touch()
    (tmp_path / "session_latest").symlink_to(tmp_path / "session killed")
    keep_session(tmp_path / "session after an error")
    assert list((tmp_path / "session after an error").iterdir()) == []
    remove_abandoned(tmp_path, _pid_of_session)
    left = {path.name.removeprefix("session ") for path in tmp_path.iterdir()}
    assert left == {"alive", "by hand", "after an error", "session_latest"}


def test_what_can_t_be_mended_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from kdtune.sweep.remote import local_ray

    assert local_ray._may_pass(Exception("timed out"))
    assert local_ray._may_pass(TimeoutError())
    assert not local_ray._may_pass(OSError(28, "No space left on device"))
    assert not local_ray._may_pass(ValueError("too long"))
    said: list[str] = []
    monkeypatch.setattr(ray, "shutdown", lambda: None)  # it would end the Ray of the other tests
    monkeypatch.setattr(
        local_ray, "_servers", []
    )  # a failed start ends them, and that Ray forks its workers from one
    monkeypatch.setattr(local_ray, "PATIENCE", 5.0)
    monkeypatch.setattr(local_ray, "_PAUSES", (0.0, 10.0))
    monkeypatch.setattr(local_ray, "choose_folder", lambda say: 1 / 0)
    with pytest.raises(
        SweepError, match=r"division by zero: .* cores of this machine; .*--address HOST:PORT"
    ):
        local_ray.start_ray(1, 0, said.append)
    assert len(said) == 2

    def import_what_is_gone(_: object) -> None:
        from ray import what_another_version_had  # type: ignore[attr-defined]  # noqa: F401

    monkeypatch.setattr(local_ray, "choose_folder", import_what_is_gone)
    with pytest.raises(
        SweepError, match=rf"^Ray {ray.__version__} did not start: cannot import name 'what_an"
    ):
        local_ray.start_ray(1, 0, said.append)
    assert len(said) == 2


@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
def test_a_folder_with_a_long_name_is_passed_over(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on every node of a Slurm cluster: the sockets of Ray would have names that the system does not take."""
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    long = tmp_path / ("job-" + "1" * LONGEST)
    long.mkdir()
    monkeypatch.setenv(variable, str(long))
    said: list[str] = []
    chosen = choose_folder(said.append)
    assert len(str(chosen)) <= LONGEST
    assert unfit(chosen) == ""
    [words] = said
    assert str(long) in words
    assert "names of sockets would be too long" in words
    monkeypatch.setenv(variable, "/tmp")
    assert choose_folder(said.append) == Path("/tmp/ray")
    assert len(said) == 1


def test_where_no_folder_will_do_each_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("RAY_TMPDIR", str(file)[-LONGEST + 10 :])
    monkeypatch.setattr(ray_folder, "_OTHERS", ("/proc/nothing",))
    monkeypatch.setattr(ray_folder, "_ROOM", 1 << 60)
    said: list[str] = []
    with pytest.raises(SweepError, match=r"no place for its files .*/proc/nothing/ray: .*RAY_TMPDIR"):
        choose_folder(said.append)
    assert said == []


def test_little_shared_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        ray_folder, "_free", lambda place: 64 * 2**20 if place == Path("/dev/shm") else 1 << 40
    )
    assert object_store_bytes(Path("/tmp/ray"), said.append) >= 200 * 2**20
    [words] = said
    assert "/dev/shm has only 67 MB free" in words
    assert "--shm-size" in words
