"""What a connection to Ray leaves behind in a program: nothing."""

import os
import sys
from pathlib import Path

import pytest

from kdtune.sweep.remote import cluster
from kdtune.sweep.remote.local_ray import job_of_this_process, quiet_core


def test_the_environment_is_as_it_was_once_the_last_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in cluster._ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_DEDUP_LOGS", "1")  # the user's own
    for name, value in {"_connections": 0, "_own": None, "_added": []}.items():
        monkeypatch.setattr(cluster, name, value)
    monkeypatch.setattr(cluster, "_connect", lambda address, say: None)
    monkeypatch.setattr(cluster, "_is_closed", lambda: False)
    before = dict(os.environ)
    with cluster.connected(None):
        with cluster.connected(None):
            pass
        assert os.environ["TUNE_DISABLE_SIGINT_HANDLER"] == "1"
        assert os.environ["RAY_DEDUP_LOGS"] == "1"
    assert dict(os.environ) == before


def test_ray_s_core_prints_nothing_unless_the_user_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_BACKEND_LOG_LEVEL", raising=False)
    with quiet_core():
        assert os.environ["RAY_BACKEND_LOG_LEVEL"] == "fatal"
    assert "RAY_BACKEND_LOG_LEVEL" not in os.environ
    monkeypatch.setenv("RAY_BACKEND_LOG_LEVEL", "debug")
    with quiet_core():
        assert os.environ["RAY_BACKEND_LOG_LEVEL"] == "debug"


def test_workers_are_told_of_the_current_folder_only_if_the_program_imports_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    others = [entry for entry in sys.path if entry not in ("", str(tmp_path))]

    def told(*path: str) -> list[str]:
        monkeypatch.setattr(sys, "path", [*path, *others])
        job = job_of_this_process()
        job._py_driver_sys_path = ["/of/the/script", str(tmp_path)]
        job._serialize()
        return list(job._py_driver_sys_path)

    assert told() == ["/of/the/script"]
    assert told("") == told(str(tmp_path)) == ["/of/the/script", str(tmp_path)]
