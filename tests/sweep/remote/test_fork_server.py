"""Workers are forked from a process that has torch and Ray in memory, and are like those that Ray starts itself."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from kdtune.sweep.remote import fork_server, local_ray, worker_start
from kdtune.sweep.remote.fork_server import start_server
from tests.limits import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")

WORKER = """
import json, os, sys
from ray import JobID
print(json.dumps({
    "arguments": sys.argv, "path": sys.path[0], "main": __name__, "folder": os.getcwd(), "niceness": os.nice(0),
    "environment": dict(os.environ), "parent": os.getppid(), "modules": list(sys.modules), "no_job": JobID.nil().hex(),
    "leads": os.getpgid(0) == os.getpid(), "files": [os.readlink(f"/proc/self/fd/{k}") for k in range(2)],
}))
sys.exit(5)
"""
OF_RAY = "import sys; print('as Ray does', sys.argv)"


HEAVY = {"torch", "ray.tune", "pandas", "kdtune.sweep.tune.trainable"}
LOOK = """
import os, random, sys

def look(number):
    import numpy as np
    from ray._raylet import WorkerID

    given = os.getpid(), os.getppid(), np.random.random(), random.random(), WorkerID.from_random().hex()
    return *given, sorted(HEAVY & sys.modules.keys()), ray.get_runtime_context().get_job_id()

def seen():
    return ray.get([ray.remote(num_cpus=1, max_calls=1)(look).remote(k) for k in range(3)])
"""
OF_A_DRIVER = """
from kdtune.sweep.preload import import_ray, import_torch
import_torch()
from kdtune.sweep.remote.cluster import connected, prepare_environment
from kdtune.sweep.remote import fork_server
from kdtune.sweep.remote.fork_server import forked_server
prepare_environment()
fork_server._started = None  # none is started with a command
import json
with forked_server(import_ray), connected(None, libraries=["torchvision.models"]):
    import ray
    from kdtune.sweep.remote import local_ray
    [server] = local_ray._servers
    print(json.dumps([seen(), server.pid, open(f"/proc/{server.pid}/cmdline").read().strip(chr(0))]))
assert not os.path.exists(f"/proc/{server.pid}")
"""


OF_A_RAYLET = """
import os, signal, time
import psutil
from kdtune.sweep.remote.cluster import connected, prepare_environment
prepare_environment()
with connected(None):
    import ray
    worker = psutil.Process(ray.get(ray.remote(lambda: os.getpid()).remote()))
    [raylet] = ray._private.worker._global_node.all_processes["raylet"]
    raylet.process.send_signal(signal.SIGKILL)
    raylet.process.wait()
    worker.wait(timeout=600)
    os._exit(0)
"""


def check(seen: list[tuple[Any, ...]], server: int, heavy: Collection[str] = HEAVY) -> None:
    """Check that workers are forks of a server, with all in memory, and share neither numbers nor ids."""
    pids, parents, numbers, more, ids, has, jobs = zip(*seen, strict=True)
    assert set(parents) == {server}
    assert all(set(modules) == set(heavy) for modules in has)
    assert len(set(pids)) == len(set(numbers)) == len(set(more)) == len(set(ids)) == 3
    assert set(jobs) == {"01000000"}


def test_workers_of_ray_are_forks_that_share_no_random_numbers(ray_session: None) -> None:
    here: dict[str, Any] = {"ray": ray, "HEAVY": HEAVY}
    exec(LOOK, here)
    [server] = local_ray._servers
    check(here["seen"](), server.pid)


def test_workers_have_the_priority_of_the_program(ray_session: None) -> None:
    niceness = ray.remote(lambda: (os.nice(0), os.getppid()))
    assert ray.get(niceness.remote()) == (os.nice(0), local_ray._servers[0].pid)


def test_a_driver_s_own_process_is_forked() -> None:
    heavy = {*HEAVY, "torchvision.models"}
    script = f"HEAVY = {heavy | {'transformers'}}\n{LOOK}\n{OF_A_DRIVER}"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, **fork_server.ALONE},
    )
    assert ended.returncode == 0, ended.stderr
    seen, server, command = json.loads(ended.stdout)
    check(seen, server, heavy)
    assert command.strip() == fork_server.TITLE


def test_a_worker_ends_with_its_raylet() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", OF_A_RAYLET], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert ended.returncode == 0, ended.stderr


def test_a_process_with_threads_is_not_forked() -> None:
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        with fork_server.forked_server(lambda: None):
            assert fork_server._waiting == []
    finally:
        release.set()
        thread.join()


def test_a_server_that_was_started_ahead_is_that_of_the_next_session(session: Path) -> None:
    with fork_server.server_ahead():
        [ahead] = fork_server._waiting
        server = start_server(session)
        assert server is ahead
    assert psutil.pid_exists(server.pid)
    server.end()
    assert not psutil.pid_exists(server.pid)


def test_a_server_that_nobody_asks_for_ends() -> None:
    with fork_server.server_ahead():
        [ahead] = fork_server._waiting
        assert psutil.pid_exists(ahead.pid)
    assert fork_server._waiting == []
    assert not psutil.pid_exists(ahead.pid)


def test_forks_that_would_draw_the_same_ids_are_not_made() -> None:
    script = """
import ray
from ray._raylet import WorkerID
from kdtune.sweep.remote.fork_server import _ids_differ
assert _ids_differ()
WorkerID.from_random()
assert not _ids_differ()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=PATIENCE)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A folder like that of Ray's session, and scripts in place of Ray's own."""
    for folder in ("logs", "sockets", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "default_worker.py").write_text(WORKER)
    (tmp_path / "setup_worker.py").write_text(OF_RAY)
    return tmp_path


def started(session: Path, *words: str, **environment: str) -> str:
    """Start a worker as Ray does, and return what it prints."""
    command = [sys.executable, worker_start.__file__, str(session / "default_worker.py")]
    with (session / "out").open("w") as out:
        subprocess.run(
            [*command, f"--raylet-name={session}/sockets/raylet", *words],
            stdout=out,
            env={**os.environ, **environment},
            cwd=session / "elsewhere",
            check=True,
            preexec_fn=lambda: os.nice(3),
        )
    return (session / "out").read_text()


def wait_for_line(session: Path) -> dict[str, object]:
    """Return what a fork printed: it goes on when the process that asked for it has ended."""
    for _ in range(600):
        text = (session / "out").read_text()
        if text.endswith("\n"):
            return dict(json.loads(text))
        time.sleep(0.05)
    raise AssertionError((session / "logs" / "fork_server.err").read_text())


def test_a_fork_is_what_ray_asked_for(session: Path) -> None:
    server = start_server(session)
    assert server is not None
    server.import_ray(os.getpid())
    context = json.dumps({"env_vars": {"ASKED": "yes"}, "py_executable": sys.executable})
    started(
        session, "--worker-id=7", "--language=PYTHON", f"--serialized-runtime-env-context={context}", MINE="1"
    )
    said = wait_for_line(session)
    assert said["arguments"] == [
        str(session / "default_worker.py"),
        f"--raylet-name={session}/sockets/raylet",
        "--worker-id=7",
    ]
    assert (said["path"], said["main"]) == (str(session), "__main__")
    assert said["folder"] == str(session / "elsewhere")
    assert said["niceness"] == os.nice(0) + 3
    environment = said["environment"]
    assert isinstance(environment, dict)
    assert (environment["ASKED"], environment["MINE"]) == ("yes", "1")
    assert environment.get("OMP_NUM_THREADS") == os.environ.get("OMP_NUM_THREADS")
    assert set(said["modules"]) >= HEAVY
    assert said["no_job"] == fork_server._NO_JOB
    assert said["leads"] is True
    assert said["parent"] == server.pid
    assert said["files"] == ["/dev/null", str(session / "out")]

    other = json.dumps({"py_executable": "/another/python"})
    assert started(session, f"--serialized-runtime-env-context={other}").startswith("as Ray does")
    server._control.close()  # as when the process that holds it ends
    assert server._wait() == 0, (session / "logs" / "fork_server.err").read_text()
    assert started(session).startswith("as Ray does"), "there is no server any more"


def test_a_server_that_dies_keeps_no_worker_waiting(session: Path) -> None:
    server = start_server(session)
    assert server is not None
    server.end()  # while it imports
    script, words = (
        started(session, "--worker-id=7").removeprefix("as Ray does ").strip("[]\n").split(", ", 1)
    )
    assert script == repr(str(session / "setup_worker.py"))
    assert "--worker-id=7" in words


def test_where_no_server_can_be_started_there_is_none(tmp_path: Path) -> None:
    assert start_server(tmp_path / "gone") is None
