"""One driver per run: real processes hold the lock and are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdtune.errors import RunError
from kdtune.runs import lock
from kdtune.runs.lock import beat, driver_lock, is_driven, last_heartbeat, request_stop, requested_stop
from kdtune.runs.paths import RunFiles

_HOLD = """
import sys, time
from pathlib import Path
from kdtune.runs.paths import RunFiles
from kdtune.runs.lock import driver_lock
with driver_lock(RunFiles(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    return RunFiles(tmp_path)


@pytest.fixture
def driver(files: RunFiles) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(files.root)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_driver_is_refused_with_the_name_of_the_first(
    files: RunFiles, driver: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_LOCK_SECONDS", 0.1)
    assert is_driven(files)
    with (
        pytest.raises(RunError, match=f"driven by process {driver.pid} on .*kdtune stop"),
        driver_lock(files),
    ):
        pytest.fail("two drivers")
    assert is_driven(files), "the refusal must not release the first driver's lock"


def test_the_lock_dies_with_its_owner(files: RunFiles, driver: "subprocess.Popen[str]") -> None:
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not is_driven(files)
    with driver_lock(files):
        assert files.lock.read_text().startswith(f"process {os.getpid()} on ")


def test_a_run_that_nobody_drove_is_not_driven(files: RunFiles) -> None:
    assert not is_driven(files)
    assert not files.lock.exists(), "looking must not create the file"
    with driver_lock(files):
        pass
    assert not is_driven(files)


def test_a_reader_without_write_permission_sees_the_truth(files: RunFiles) -> None:
    with driver_lock(files):
        pass
    files.lock.chmod(0o444)
    assert not is_driven(files)


def test_many_readers_at_once_do_not_look_like_a_driver(files: RunFiles) -> None:
    with driver_lock(files):
        pass
    seen: list[bool] = []

    def look() -> None:
        seen.extend(is_driven(files) for _ in range(500))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(seen)


def test_a_driver_is_not_refused_because_somebody_looks(files: RunFiles) -> None:
    """A monitor asks at every refresh whether the run is driven; a resume meanwhile must get the lock."""
    with driver_lock(files):
        pass
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            is_driven(files)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(200):
            with driver_lock(files):
                assert is_driven(files)
    finally:
        ended.set()
        thread.join()


def test_heartbeat_has_process_host_and_time(files: RunFiles) -> None:
    assert last_heartbeat(files) is None
    beat(files)
    heartbeat = last_heartbeat(files)
    assert heartbeat is not None
    assert heartbeat.pid == os.getpid()
    assert 0 <= heartbeat.age < 5
    assert abs(heartbeat.time - time.time()) < 5


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"time": "x", "pid": 1, "host": ""}', '{"time": null}']
)
def test_a_damaged_heartbeat_is_none(files: RunFiles, content: str) -> None:
    files.heartbeat.write_text(content)
    assert last_heartbeat(files) is None


def test_stop_requests(files: RunFiles) -> None:
    assert requested_stop(files) is None
    request_stop(files)
    assert requested_stop(files) == "clean"
    request_stop(files, "now")
    assert requested_stop(files) == "now"
    files.stop_request.write_text("")  # `touch stop` will do
    assert requested_stop(files) == "clean"
