"""`kdtune.search` in processes that are the user's: interrupted, in threads, coroutines, notebooks and bare scripts."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray

import kdtune
from kdtune.errors import InputError
from kdtune.files import read_json
from kdtune.runs.events import read_state
from kdtune.runs.lock import StopMode, request_stop
from kdtune.runs.paths import RunFiles
from tests.conftest import TINY_SPACE
from tests.limits import PATIENCE

SPACE: dict[str, Any] = {**TINY_SPACE, "resources": {"workers": 1, "cohort": 1}}
ENDLESS = {**SPACE, "budget": {"trials": 10_000, "epochs": 200}}


def wait_until(is_so: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.05)


def when_training(folder: Path, act: Callable[[RunFiles], object]) -> threading.Thread:
    """Start a thread that acts once a trial of the run `r` has reported."""
    files = RunFiles(folder / "r")

    def has_reported() -> bool:
        return files.record.exists() and any(t.epoch for t in read_state(files.events).trials.values())

    def wait() -> None:
        wait_until(has_reported)
        act(files)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def interrupt(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_stops_cleanly_and_is_raised(
    ray_session: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    when_training(tmp_path, interrupt)
    with pytest.raises(
        KeyboardInterrupt, match=f"stopped; go on with: kdtune search --resume {tmp_path / 'r'}"
    ):
        kdtune.search(ENDLESS, name="r", directory=tmp_path)
    assert "stopping after the current epochs; interrupt again to stop at once" in capsys.readouterr().err
    run = kdtune.open_run(tmp_path / "r")
    assert run.status().state == "stopped"
    assert run.status().trials["running"] == 0
    assert handlers == [
        signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    ]


stops_anywhere = pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <_io\.FileIO name='[^']*/sweep/driver_artifacts/"
    ":pytest.PytestUnraisableExceptionWarning"
)
"""A stop at once may strike Tune while it writes a file of its own, which then stays open."""


@stops_anywhere
def test_a_second_interrupt_stops_at_once_and_the_process_lives(ray_session: None, tmp_path: Path) -> None:
    def twice(files: RunFiles) -> None:
        interrupt()
        time.sleep(0.01)
        interrupt()

    when_training(tmp_path, twice)
    with pytest.raises(KeyboardInterrupt):
        kdtune.search(ENDLESS, name="r", directory=tmp_path)
    run = kdtune.open_run(tmp_path / "r")
    assert run.status().state == "stopped"
    assert run.status().trials["running"] == 0


@pytest.mark.parametrize("anew", [False, True], ids=["at once", "raised anew, as Ray does while it waits"])
def test_an_interrupt_before_anything_is_recorded_leaves_nothing(tmp_path: Path, anew: bool) -> None:
    @kdtune.register_dataset(f"interrupted, {anew=}")
    def load() -> Any:
        try:
            interrupt()
            time.sleep(2 * PATIENCE)
        except KeyboardInterrupt:
            if anew:
                raise KeyboardInterrupt from None
            raise

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="nothing is kept"):
        kdtune.search({**SPACE, "dataset": {"name": f"interrupted, {anew=}"}}, name="r", directory=tmp_path)
    assert time.monotonic() - begun < PATIENCE
    assert list(tmp_path.iterdir()) == []


@stops_anywhere
@pytest.mark.parametrize("mode", ["clean", "now"])
def test_a_request_to_stop_is_no_interrupt(ray_session: None, tmp_path: Path, mode: StopMode) -> None:
    when_training(tmp_path, lambda files: request_stop(files, mode))
    assert kdtune.search(ENDLESS, name="r", directory=tmp_path).status().state == "stopped"
    limit = time.monotonic() + PATIENCE
    while ray.available_resources().get("CPU") != ray.cluster_resources()["CPU"]:
        assert time.monotonic() < limit, "a worker of the stopped sweep keeps its processors"
        time.sleep(0.1)


def test_a_request_to_stop_before_it_began_is_an_error(tmp_path: Path) -> None:
    @kdtune.register_dataset("asked to stop")
    def load() -> Any:
        request_stop(RunFiles(tmp_path / "r"), "now")
        while True:
            time.sleep(0.01)

    with pytest.raises(kdtune.errors.SweepError, match="before it began: nothing is kept"):
        kdtune.search({**SPACE, "dataset": {"name": "asked to stop"}}, name="r", directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_thread_may_search_and_is_stopped_from_outside(ray_session: None, tmp_path: Path) -> None:
    ended: list[Any] = []

    def search() -> None:
        ended.append(kdtune.search(ENDLESS, name="r", directory=tmp_path).status().state)

    when_training(tmp_path, lambda files: request_stop(files, "now"))
    thread = threading.Thread(target=search)
    thread.start()
    thread.join(timeout=PATIENCE)
    assert ended == ["stopped"]


def test_of_two_threads_that_search_one_waits_for_the_other(ray_session: None, tmp_path: Path) -> None:
    ended: list[Any] = []

    def search(name: str, space: Any) -> None:
        ended.append(kdtune.search(space, name=name, directory=tmp_path).status().state)

    when_training(tmp_path, lambda files: request_stop(files, "now"))
    threads = [threading.Thread(target=search, args=args) for args in (("r", ENDLESS), ("other", SPACE))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    assert sorted(ended) == ["finished", "stopped"]


async def test_a_coroutine_may_search(ray_session: None, tmp_path: Path) -> None:
    assert asyncio.get_running_loop().is_running()
    assert kdtune.search(SPACE, name="here", directory=tmp_path).status().state == "finished"


SCRIPT = """
import json, os, signal, sys, threading, time
import kdtune

space = json.loads(sys.argv[1])
print(kdtune.search(space, name="first", directory=sys.argv[2], progress=False).status().state)
"""


@pytest.mark.slow
def test_a_script_needs_no_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, str(script), json.dumps(SPACE), str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "finished\n", "it is run once, not by every worker"
    assert "Traceback" not in ended.stderr


HELD = """
import pathlib, time
import kdtune
from torch.nn import functional

folder = pathlib.Path({folder!r})

@kdtune.register_loss("held")
def held(logits, labels):
    if (folder / "hold").exists():
        (folder / "held").touch()
        time.sleep({patience})
    return functional.cross_entropy(logits, labels, reduction="none")
"""
"""A loss that does not come back once there is a file `hold`: the epoch, and so the cell, goes on for ever."""


@pytest.mark.slow
def test_a_notebook_shows_progress_and_survives_interrupts(tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    space = {**ENDLESS, "search": {"loss": "held"}}
    cells = [
        HELD.format(folder=str(tmp_path), patience=PATIENCE),
        f"kdtune.search({space!r}, name='r', directory={str(tmp_path)!r})",
        f"kdtune.open_run({str(tmp_path / 'r')!r}).status().state",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(notebook, timeout=PATIENCE, allow_errors=True, kernel_name="python3")
    first_heard = "stopping after the current epochs; interrupt again to stop at once"

    def said() -> str:
        return "".join(output.text for output in notebook.cells[1].outputs if output.output_type == "stream")

    def press_stop(files: RunFiles) -> None:
        (tmp_path / "hold").touch()
        wait_until((tmp_path / "held").exists)
        pid = read_json(files.heartbeat)["pid"]
        os.kill(pid, signal.SIGINT)
        wait_until(lambda: first_heard in said())
        os.kill(pid, signal.SIGINT)

    when_training(tmp_path, press_stop)
    client.execute(cwd=str(tmp_path))
    shown, *rest = notebook.cells[1].outputs
    ended = "trials 0/10000 done, 0 running, 0 stopped, 0 failed, 1 interrupted"
    assert ended in shown["data"]["text/plain"], "redrawn up to the end"
    assert [output for output in rest if output.output_type == "display_data"] == [], "in one place"
    assert '<pre style="font-family:monospace;' in shown["data"]["text/html"], (
        "else no column stands straight"
    )
    assert first_heard in said()
    assert [output.ename for output in rest if output.output_type == "error"] == ["KeyboardInterrupt"]
    assert notebook.cells[2].outputs[-1]["data"]["text/plain"] == "'stopped'", "the kernel lives"


def test_a_program_may_change_its_folder_while_it_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(tmp_path)

    @kdtune.register_dataset("elsewhere")
    def load() -> Any:
        monkeypatch.chdir(other)
        raise InputError("not today")

    with pytest.raises(InputError, match="not today"):
        kdtune.search({**SPACE, "dataset": {"name": "elsewhere"}}, directory="runs", progress=False)
    assert list(other.iterdir()) == []
    assert list((tmp_path / "runs").iterdir()) == [], "a refused sweep leaves nothing"


def test_a_run_is_the_same_from_another_folder(
    small_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_run.path.parent)
    run = kdtune.open_run(small_run.name, runs_dir=".")
    monkeypatch.chdir(tmp_path)
    assert run.status().front == small_run.status().front
