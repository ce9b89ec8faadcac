"""What a person or a system does to a sweep that runs: signals to its command line and its driver, a closed window."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from kdtune.runs import open_run
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE
from tests.sweep.chaos import Marked, cli, kill, wait_for

pytestmark = pytest.mark.slow

SPACE: dict[str, Any] = {
    **SMALL_SPACE,
    "dataset": {**SMALL_SPACE["dataset"], "n_train": 600},
    "pairs": ["lenet5->mlp-16"],
    "budget": {"trials": 24, "epochs": 2},
    "resources": {"workers": 1, "cohort": 1, "max_failures": 3},
}


class Sweep:
    """A sweep that a test disturbs."""

    def __init__(self, folder: Path) -> None:
        (folder / "s.yaml").write_text(yaml.safe_dump(SPACE))
        self.folder = folder
        self.root = folder / "runs" / "r"
        self.marked = Marked()
        self.search = self.start("s.yaml", "--name", "r")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return cli("search", *arguments, "--headless", cwd=self.folder, env=self.marked.environment)

    def wait_for_trials(self, n: int = 2) -> None:
        wait_for(lambda: self.search.poll() is not None or self.done() >= n, what=f"{n} trials")
        assert self.search.poll() is None, self.search.communicate()

    def done(self) -> int:
        if not (self.root / "run.json").exists():
            return 0
        return sum(trial.state == "done" for trial in open_run(self.root).state().trials.values())

    def driver(self) -> psutil.Process:
        [driver] = self.marked.drivers()
        return driver

    def resume_and_check(self) -> None:
        self.search = self.start("--resume", "r")
        self.ends_well()

    def ends_well(self) -> None:
        _, err = self.search.communicate(timeout=PATIENCE)
        assert self.search.returncode == 0, err
        self.is_whole()

    def is_whole(self) -> None:
        run = open_run(self.root)
        trials = run.trials()
        assert list(trials["state"]) == ["done"] * SPACE["budget"]["trials"]
        for name in trials.index:
            assert [report.epoch for report in run.reports(name)] == [1, 2]
        assert self.marked.wait_until_gone(30) == []


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    sweep = Sweep(tmp_path)
    yield sweep
    with sweep.search:
        sweep.marked.kill_all()  # of a test that was skipped or has failed


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_the_command_line_may_die_and_the_sweep_goes_on(sweep: Sweep, number: signal.Signals) -> None:
    """A terminal that closes sends SIGHUP."""
    sweep.wait_for_trials()
    sweep.search.send_signal(number)
    sweep.search.communicate(timeout=PATIENCE)
    wait_for(lambda: sweep.done() == SPACE["budget"]["trials"], what="the end of the sweep")
    wait_for(lambda: open_run(sweep.root).status().state == "finished", what="the end of the driver")
    sweep.is_whole()


def test_a_driver_hears_no_hangup(sweep: Sweep) -> None:
    sweep.wait_for_trials()
    sweep.driver().send_signal(signal.SIGHUP)
    sweep.ends_well()


@pytest.mark.parametrize("whom", ["command line", "driver"])
def test_asked_to_end_it_stops_cleanly_and_goes_on_later(sweep: Sweep, whom: str) -> None:
    """SIGTERM, as a system sends it that shuts down, or a queue whose time is up."""
    sweep.wait_for_trials()
    if whom == "driver":
        sweep.driver().send_signal(signal.SIGTERM)
    else:
        sweep.search.send_signal(signal.SIGTERM)
    _, err = sweep.search.communicate(timeout=PATIENCE)
    assert sweep.search.returncode == 130, err
    assert "go on with: kdtune search --resume r" in err
    assert open_run(sweep.root).status().state == "stopped"
    assert sweep.marked.wait_until_gone(30) == []
    sweep.resume_and_check()


def test_ctrl_c_twice_stops_at_once_and_goes_on_later(sweep: Sweep) -> None:
    sweep.wait_for_trials()
    sweep.search.send_signal(signal.SIGINT)
    sweep.search.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, err = sweep.search.communicate(timeout=PATIENCE)
    assert time.monotonic() - begun < 30
    assert sweep.search.returncode in (1, 130), err
    assert "--resume r" in err
    assert sweep.marked.wait_until_gone(60) == []
    sweep.resume_and_check()


def can_be_stopped() -> bool:
    """Tell whether SIGTSTP stops what is started here: the system ignores it where no shell is there to go on with it.

    That is so in a process group without a parent in its session, as after `setsid` and in some build systems.
    """
    with subprocess.Popen(["sleep", "60"]) as sleep:
        try:
            sleep.send_signal(signal.SIGTSTP)
            time.sleep(1)
            return bool(psutil.Process(sleep.pid).status() == psutil.STATUS_STOPPED)
        finally:
            sleep.kill()


def test_ctrl_z_stops_the_command_line_alone(sweep: Sweep) -> None:
    if not can_be_stopped():
        pytest.skip("no shell stands above this process, so the system ignores Ctrl-Z")
    sweep.wait_for_trials()
    sweep.search.send_signal(signal.SIGTSTP)
    process = psutil.Process(sweep.search.pid)
    wait_for(lambda: process.status() == psutil.STATUS_STOPPED, what="the command line to stop")
    before = sweep.done()
    wait_for(lambda: sweep.done() > before, what="another trial meanwhile")
    sweep.search.send_signal(signal.SIGCONT)
    sweep.ends_well()


def test_a_closed_window_of_tmux_ends_no_sweep(tmp_path: Path) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("no tmux on this machine")
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(SPACE))
    server = ["tmux", "-L", f"kdtune-{os.getpid()}"]
    command = f"cd {tmp_path} && {sys.executable} -m kdtune.cli search s.yaml --name r"
    subprocess.run([*server, "new-session", "-d", "-x", "120", "-y", "40", "-s", "s", command], check=True)
    try:
        root = tmp_path / "runs" / "r"
        wait_for(lambda: (root / "trials").is_dir() and len(os.listdir(root / "trials")) > 2, what="trials")
        assert open_run(root).status().state == "running"
        subprocess.run([*server, "kill-window", "-t", "s"], check=True)
        wait_for(lambda: open_run(root).status().state == "finished", what="the end of the sweep")
        assert list(open_run(root).trials()["state"]) == ["done"] * SPACE["budget"]["trials"]
    finally:
        subprocess.run([*server, "kill-server"], check=False, capture_output=True)


def test_the_registry_of_the_workers_may_die(sweep: Sweep) -> None:
    """Twice in one sweep."""
    for n in (2, 6):
        sweep.wait_for_trials(n)
        assert kill(wait_for(lambda: sweep.marked.named("ray::WorkerRegistry"), what="the registry")[0])
    sweep.ends_well()


def test_the_process_with_the_teachers_may_die(sweep: Sweep) -> None:
    """Twice in one sweep, each time soon after it began, because later no worker may need it any more."""
    killed: set[int] = set()

    def teachers() -> list[psutil.Process]:
        assert sweep.search.poll() is None, sweep.search.communicate()
        return [process for process in sweep.marked.named("ray::TeacherServer") if process.pid not in killed]

    while len(killed) < 2:
        process = wait_for(teachers, what="the teachers")[0]
        time.sleep(1.0)
        assert kill(process)
        killed.add(process.pid)
    sweep.ends_well()


def test_two_sweeps_fill_one_cache_and_one_of_them_is_killed(tmp_path: Path) -> None:
    """The other one goes on, and both find in the end what each finds alone."""
    sweeps = []
    cache = tmp_path / "cache"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        os.environ["KDTUNE_CACHE"], before = str(cache), os.environ.get("KDTUNE_CACHE", "")
        try:
            sweeps.append(Sweep(tmp_path / name))
        finally:
            os.environ["KDTUNE_CACHE"] = before
    victim, other = sweeps
    teacher = victim.root / "baselines"
    wait_for(lambda: teacher.is_dir() and any(teacher.rglob("reports.jsonl")), what="a teacher in training")
    victim.marked.kill_all()
    victim.search.communicate(timeout=PATIENCE)
    other.ends_well()
    victim.resume_and_check()
    ours, theirs = (open_run(s.root).trials().drop(columns=["seconds", "message"]) for s in sweeps)
    assert ours.equals(theirs)
    assert [path.name for path in cache.rglob("*incomplete*")] == []
