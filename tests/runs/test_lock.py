"""One driver per run: real processes hold the lock and are killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kdtune.errors import RunError
from kdtune.files import write_json
from kdtune.runs import lock
from kdtune.runs.lock import (
    beat,
    driver_lock,
    driver_seems_alive,
    is_driven,
    last_heartbeat,
    request_stop,
    requested_stop,
)
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from tests.limits import PATIENCE, at_most
from tests.preload import without

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
    assert heartbeat.is_fresh


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


def beat_elsewhere(files: RunFiles, ahead: float, count: int = 0) -> None:
    """Write the heartbeat of another machine, whose clock is ahead by so many seconds."""
    record = {"time": time.time() + ahead + count, "pid": 7, "host": f"not-{socket.gethostname()}"}
    write_json(files.heartbeat, record)


@pytest.mark.parametrize("ahead", [3600.0, -3600.0, 2.0])
def test_a_heartbeat_dated_by_a_wrong_clock_counts_if_it_changes(
    files: RunFiles, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    monkeypatch.setattr(lock, "_CHANGE_SECONDS", 0.3)
    beat_elsewhere(files, ahead)
    assert not driver_seems_alive(files), (
        "a dead driver must not lock its run for as long as its clock is ahead"
    )
    ended = threading.Event()

    def live() -> None:
        count = 1
        while not ended.wait(0.1):
            beat_elsewhere(files, ahead, count)
            count += 1

    thread = threading.Thread(target=live)
    thread.start()
    try:
        lock._seen.clear()  # as a new process, which waits for the next heartbeat
        monkeypatch.setattr(lock, "_CHANGE_SECONDS", 30.0)
        assert driver_seems_alive(files)
    finally:
        ended.set()
        thread.join()
    assert driver_seems_alive(files), "it changed a moment ago"
    monkeypatch.setattr(lock, "LOST_AFTER_SECONDS", 0.2)
    time.sleep(0.3)
    assert not driver_seems_alive(files)


def test_a_heartbeat_of_another_day_is_not_waited_for(
    files: RunFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_CHANGE_SECONDS", 2 * PATIENCE)
    beat_elsewhere(files, -3 * 86_400)
    with at_most(PATIENCE):
        assert not driver_seems_alive(files)


_ASK = """
import sys
from pathlib import Path
from kdtune.errors import RunError
from kdtune.runs import lock
from kdtune.runs.paths import RunFiles
lock.LOST_AFTER_SECONDS, lock.HEARTBEAT_SECONDS, lock._CHANGE_SECONDS = 1.5, 0.3, 0.75
files = RunFiles(Path(sys.argv[1]))
try:
    with lock.driver_lock(files):
        print("held", lock.is_driven(files), flush=True)
        lock.beat(files)
        print("alive", lock.driver_seems_alive(files), flush=True)
        sys.stdin.readline()
except RunError as error:
    print(error)
print(lock.driver_seems_alive(files))
"""


@pytest.fixture(scope="module")
def without_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, "Future[None]"]]:
    """Drive a run on each kind of file system without locks, all at once: nearly all of it is waiting."""
    errors = ("ENOLCK", "ENOSYS", "EOPNOTSUPP")
    with ThreadPoolExecutor(len(errors)) as pool:
        yield {
            error: pool.submit(drive_without_locks, tmp_path_factory.mktemp(error), error) for error in errors
        }


@pytest.mark.parametrize("error", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_file_system_without_locks_gets_an_owner_file(
    without_locks: dict[str, "Future[None]"], error: str
) -> None:
    """As on Lustre, or NFS without its lock daemon: the second driver is refused, a dead one gives way."""
    without_locks[error].result()


def drive_without_locks(folder: Path, error: str) -> None:
    environment = without("flock", error, folder)
    files = RunFiles(folder)
    ask = [sys.executable, "-c", _ASK, str(files.root)]

    def start() -> "subprocess.Popen[str]":
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(ask, env=environment, text=True, **pipes)  # type: ignore[call-overload,no-any-return]

    first = start()
    assert first.stdout.readline() == "held False\n", first.communicate()
    assert first.stdout.readline() == "alive True\n"
    out, err = start().communicate()
    assert f"driven by process {first.pid} on " in out, err
    first.kill()
    first.communicate()
    second = start()
    assert second.stdout.readline() == "held False\n", "the dead owner's file must not be in the way"
    out, err = second.communicate("\n")
    assert out.splitlines()[-1] == "False", "nobody drives it any more"
    assert second.returncode == 0, err


_AS_ON_WINDOWS = """
import os, sys
sys.modules["fcntl"] = None
for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK"):
    delattr(os, name)
from pathlib import Path
from kdtune.runs import open_run
status = open_run(Path(sys.argv[1])).status()
print(status.state, status.trials["done"])
"""


def test_a_run_opens_where_there_is_no_fcntl(make_run: Any, make_report: Any) -> None:
    """On Windows runs are read, though not made."""
    made, writer = make_run()
    writer.run_state("running")
    writer.model_started("t0000", "student", {}, 1)
    writer.report("t0000", make_report(1), References())
    writer.model_state("t0000", "done")
    writer.close()
    command = [sys.executable, "-c", _AS_ON_WINDOWS, str(made.root)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "lost 1\n"
