"""A study that joins a running cluster: all of it runs there, and the cluster goes on afterwards."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.limits import PATIENCE
from tests.sweep.chaos import Marked, cli
from tests.sweep.nodes import CLUSTER
from tests.sweep.study.test_killed import SPACE, ended, models

_TRIES = 5
"""Ray gives itself 30 s to start, and a busy machine is slower."""


@pytest.fixture
def head(tmp_path: Path) -> Iterator[tuple[Marked, dict[str, str], str]]:
    """Yield a cluster of one machine on the loopback: its processes, its environment, its address."""
    marked = Marked()
    environment = marked.environment | CLUSTER
    with tempfile.TemporaryDirectory(prefix="kdray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        processes: list[subprocess.Popen[bytes]] = []
        try:
            yield marked, environment, _started(marked, environment, folder, tmp_path / "head.log", processes)
        finally:
            marked.kill_all()
            for process in processes:
                process.wait(timeout=PATIENCE)


def _started(
    marked: Marked,
    environment: dict[str, str],
    folder: str,
    path: Path,
    processes: "list[subprocess.Popen[bytes]]",
) -> str:
    """Start Ray and return its address; `processes` gets what was started."""
    for _ in range(_TRIES):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with open(path, "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                ["ray", "start", "--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2", "--block",
                 "--include-dashboard=false", f"--temp-dir={folder}", f"--object-store-memory={150 * 2**20}"],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        processes.append(process)
        while process.poll() is None:
            if "Ray runtime started" in path.read_text(encoding="utf-8"):
                return f"127.0.0.1:{port}"
            time.sleep(0.2)
        marked.kill_all()
    raise AssertionError(path.read_text(encoding="utf-8"))


def _clusters(marked: Marked) -> int:
    """Return how many clusters run: each has one control service."""
    return len([process for process in marked.alive() if process.name() == "gcs_server"])


@pytest.mark.slow  # a cluster of its own
@pytest.mark.timeout(2400)
def test_a_study_on_a_running_cluster(head: Any, tmp_path: Path) -> None:
    marked, environment, address = head
    space = {**SPACE, "budget": {"epochs": 1}, "study": {"temperatures": [1, 4], "seeds": 1}}
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(space), "utf-8")
    environment |= {"KDTUNE_CACHE": str(tmp_path / "cache"), "KDTUNE_RUNS": str(tmp_path / "runs")}
    study = cli(
        "study",
        "space.yaml",
        "--name",
        "it",
        "--address",
        address,
        "--headless",
        cwd=tmp_path,
        env=environment,
    )
    clusters = 1
    while study.poll() is None:
        clusters = max(clusters, _clusters(marked))
        time.sleep(1)
    _, err = study.communicate(timeout=PATIENCE)
    assert study.returncode == 0, err
    assert clusters == 1, "it started no Ray of its own"
    assert _clusters(marked) == 1, "the cluster is not the study's to end"
    files = tmp_path / "runs" / "it"
    assert len(ended(files)) == 4
    assert [row["role"] for row in models(files)] == ["nds", "student", "student", "teacher"]
