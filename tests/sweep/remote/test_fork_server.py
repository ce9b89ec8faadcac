"""Workers are forked from a process that has torch in memory, and are like those that Ray starts itself."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray

from kdtune.sweep.remote import local_ray, worker_start
from kdtune.sweep.remote.fork_server import start_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")

WORKER = """
import json, os, sys
print(json.dumps({
    "arguments": sys.argv, "path": sys.path[0], "main": __name__, "folder": os.getcwd(), "niceness": os.nice(0),
    "environment": dict(os.environ), "torch": "torch" in sys.modules, "parent": os.getppid(),
    "leads": os.getpgid(0) == os.getpid(), "files": [os.readlink(f"/proc/self/fd/{k}") for k in range(2)],
}))
sys.exit(5)
"""
OF_RAY = "import sys; print('as Ray does', sys.argv)"


def test_workers_of_ray_are_forks_that_share_no_random_numbers(ray_session: None) -> None:
    @ray.remote(num_cpus=1, max_calls=1)
    def look(number: int) -> tuple[int, int, float, str, bool]:
        import sys  # that of the worker

        has_torch = "torch" in sys.modules
        import numpy as np
        from ray._raylet import WorkerID

        return os.getpid(), os.getppid(), np.random.random(), WorkerID.from_random().hex(), has_torch

    seen = ray.get([look.remote(k) for k in range(3)])
    pids, parents, numbers, ids, has_torch = zip(*seen, strict=True)
    [server] = local_ray._servers
    assert set(parents) == {server.pid}
    assert all(has_torch)
    assert len(set(pids)) == len(set(numbers)) == len(set(ids)) == 3


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
    assert said["torch"] is True
    assert said["leads"] is True
    assert said["parent"] == server.pid
    assert said["files"] == ["/dev/null", str(session / "out")]

    other = json.dumps({"py_executable": "/another/python"})
    assert started(session, f"--serialized-runtime-env-context={other}").startswith("as Ray does")
    server.communicate(timeout=60)  # closes its input
    assert server.returncode == 0, (session / "logs" / "fork_server.err").read_text()
    assert started(session).startswith("as Ray does"), "there is no server any more"


def test_a_server_that_dies_keeps_no_worker_waiting(session: Path) -> None:
    server = start_server(session)
    assert server is not None
    server.kill()  # while it imports
    server.communicate()
    script, words = (
        started(session, "--worker-id=7").removeprefix("as Ray does ").strip("[]\n").split(", ", 1)
    )
    assert script == repr(str(session / "setup_worker.py"))
    assert "--worker-id=7" in words


def test_where_no_server_can_be_started_there_is_none(tmp_path: Path) -> None:
    assert start_server(tmp_path / "gone") is None
