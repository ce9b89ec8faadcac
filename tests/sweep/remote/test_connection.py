"""What a connection to Ray leaves behind in a program: nothing."""

import faulthandler
import io
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from kdtune.errors import InputError
from kdtune.sweep.remote import cluster
from kdtune.sweep.remote.local_ray import job_of_this_process
from kdtune.sweep.remote.teacher_server import unwarned


def test_the_environment_and_random_numbers_are_as_they_were_once_the_last_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in cluster._ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_DEDUP_LOGS", "1")  # the user's own
    for name, value in {"_connections": 0, "_own": None, "_replaced": {}}.items():
        monkeypatch.setattr(cluster, name, value)

    def connect(address: object, say: object, libraries: object) -> None:
        os.environ.update(
            RAY_DEDUP_LOGS="0", PYTHONBREAKPOINT="ray.util.rpdb._driver_set_trace"
        )  # as Ray does

    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    monkeypatch.setattr(cluster, "_connect", connect)
    monkeypatch.setattr(cluster, "_is_closed", lambda: False)
    before, drawn = dict(os.environ), random.getstate()
    with cluster.connected(None):
        with cluster.connected(None):
            pass
        assert os.environ["TUNE_DISABLE_SIGINT_HANDLER"] == "1"
        assert os.environ["RAY_DEDUP_LOGS"] == "0"
    assert dict(os.environ) == before
    assert random.getstate() == drawn


def test_ray_s_warning_of_arguments_that_are_held_is_left_out_and_nothing_else(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with unwarned():
        os.write(2, b"before\n")
        os.write(
            2, b"E core_worker.cc: Actor has constructor arguments in the object store and max_restarts > 0\n"
        )
        os.write(2, b"after, without an end")
    os.write(2, b": the end\n")
    assert capfd.readouterr().err == "before\nafter, without an end: the end\n"


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


@pytest.mark.parametrize("stream", [None, object(), io.StringIO()])
def test_ray_finds_a_standard_error_where_the_program_has_none(
    stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    enabled = faulthandler.is_enabled()
    with cluster._standard_error():
        assert sys.stderr.fileno() > 0
    assert sys.stderr is stream
    assert faulthandler.is_enabled() is enabled


def test_a_fork_of_a_process_that_has_used_ray_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_used_by", os.getppid())
    with pytest.raises(InputError, match="is a fork of one that has searched"), cluster.connected(None):
        pytest.fail("connected")
