"""kill -9 of a sweep's processes at random moments, many times in one sweep; after --resume nothing is different.

One round of 20 kills takes ten minutes. More: KDTUNE_KILL_ROUNDS=20 uv run pytest -m slow tests/sweep/test_killed.py
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pandas
import pytest
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from kdtune.runs import open_run
from kdtune.runs.jsonl import read_records
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE
from tests.sweep.chaos import Marked, cli, kill, wait_for

KILLS = 20
KINDS = {"worker": 4, "driver": 1, "raylet": 1, "everything": 1}
"""What is killed, and its relative frequency: a worker dies more often than a machine."""
TRIALS, EPOCHS = 160, 6
SPACE: dict[str, Any] = {
    **SMALL_SPACE,
    "dataset": {**SMALL_SPACE["dataset"], "n_train": 1200},
    "pairs": ["lenet5->lenet5", "lenet5->mlp-16"],
    "search": {"temperature": {"low": 1, "high": 40, "log": True}, "alpha": {"low": 0, "high": 1}},
    "constraints": {"accuracy": ">= 0.4"},
    "budget": {"trials": TRIALS, "epochs": EPOCHS},
    "resources": {"workers": 1, "max_failures": 100},  # 20 kills may well meet one trial
}
"""Trials of about a second; more of them than the sampler's random start."""

FIRST_SEED = int(os.environ.get("KDTUNE_KILL_SEED", "0"))
ROUNDS = int(os.environ.get("KDTUNE_KILL_ROUNDS", "1"))


@pytest.fixture(scope="module")
def space_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "killed.yaml"
    path.write_text(yaml.safe_dump(SPACE))
    return path


@pytest.fixture(scope="module")
def uninterrupted(space_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("uninterrupted")
    environment = {**os.environ, "KDTUNE_CACHE": str(folder / "cache")}
    search = cli("search", str(space_file), "--name", "quiet", cwd=folder, env=environment)
    _, err = search.communicate(timeout=1800)
    assert search.returncode == 0, err
    return open_run(folder / "runs" / "quiet")


class Killer:
    """Kills one sweep again and again and resumes it; a seed decides its choices, which are printed."""

    def __init__(self, seed: int, space_file: Path, folder: Path, uninterrupted: Any) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.space_file = space_file
        self.files = folder / "runs" / "killed"
        self.marked = Marked()
        # Each round trains its baselines, so that kills meet them too. The measurements of this machine are shared,
        # because other measurements would make another sweep, as its record says.
        measured = uninterrupted.files.root.parents[1] / "cache" / "fusing"
        shutil.copytree(measured, folder / "cache" / "fusing")
        self.environment = {**self.marked.environment, "KDTUNE_CACHE": str(folder / "cache")}
        self.resumes = 0
        self.kinds: Counter[str] = Counter()
        self.search = self._start()

    def _start(self, *, whole: bool = True) -> "subprocess.Popen[str]":
        """Begin or resume, with the command line or with the driver alone, which is what the kills are aimed at."""
        if not (self.files / "run.json").exists():  # a run killed before its record starts from the beginning
            if not (self.files / "lock").exists():
                shutil.rmtree(self.files, ignore_errors=True)
            arguments = ("search", str(self.space_file), "--name", self.files.name)
            return cli(*arguments, cwd=self.folder, env=self.environment)
        self.resumes += 1
        if whole:
            return cli("search", "--resume", self.files.name, cwd=self.folder, env=self.environment)
        asked = {"run": str(self.files), "space": None, "address": None, "imports": [], "known_from": None}
        (self.folder / "asked.json").write_text(
            json.dumps({**asked, "trials": None, "minutes": None, "kind": "sweep"})
        )
        with open(self.folder / "asked.json", encoding="utf-8") as request:
            return subprocess.Popen(
                [sys.executable, "-m", "kdtune.sweep"], stdin=request, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                cwd=self.folder, env=self.environment, text=True, start_new_session=True,
            )  # fmt: skip

    def run(self, kills: int) -> None:
        """Kill this many times; then let the sweep end."""
        while self.kinds.total() < kills:
            kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
            moment = self._wait_for_a_moment()
            if self._kill(kind):
                self.kinds[kind] += 1
                print(f"  kill {self.kinds.total():2d}: {kind} {moment}", flush=True)
                if kind != "worker":
                    self._begin_again(last=self.kinds.total() == kills)
        _, err = self.search.communicate(timeout=1800)
        assert self.search.returncode == 0, err
        assert not self.marked.wait_until_gone(30), "the sweep left processes behind"

    def _wait_for_a_moment(self) -> str:
        """Wait, mostly until a model is at work since the last kill, and then for a random time."""
        early = self.random.random() < 0.15
        delay = self.random.uniform(0, 8) if early else self.random.expovariate(1 / 0.5)
        if not early:
            seen = self._records()
            wait_for(lambda: self._records() > seen or self.search.poll() is not None, 1200, "progress")
        time.sleep(delay)
        assert self.search.poll() is None, (
            f"ended after {self.kinds.total()} kills, code {self.search.returncode}: {self.search.communicate()}"
        )
        return f"{delay:.2f} s after {'the last' if early else 'a record'}"

    def _records(self) -> int:
        """Return how many epochs of models were recorded."""
        path = self.files / "events.jsonl"
        return path.read_text().count('"kind":"report"') if path.exists() else 0

    def _kill(self, kind: str) -> bool:
        match kind:
            case "everything":
                self.marked.kill_all()
                return True
            case "driver":
                found = self.marked.drivers()
            case "raylet":
                found = self.marked.named("raylet/raylet")
            case _:
                found = self.marked.named("ray::", without="Agent")  # a raylet goes down with its agents
        return bool(found) and kill(self.random.choice(found))

    def _begin_again(self, *, last: bool) -> None:
        """Check that everything is gone without help, and resume."""
        self.search.communicate(timeout=PATIENCE)
        left = self.marked.wait_until_gone(300)
        assert not left, f"a kill left processes behind: {left}"
        self.search = self._start(whole=last)


def journal_of(run: Any) -> list[Any]:
    storage = JournalStorage(JournalFileBackend(str(run.files.journal)))
    return [
        (t.number, t.state.name, t.values, t.params)
        for t in optuna.load_study(study_name=None, storage=storage).trials
    ]


def assert_nothing_lost(run: Any, other: Any) -> None:
    """Compare a sweep that was killed with the uninterrupted one, to the last bit except for the clock."""
    tables = [r.trials().drop(columns=["seconds", "message"]) for r in (run, other)]
    pandas.testing.assert_frame_equal(*tables, check_exact=True)
    assert list(run.front().index) == list(other.front().index)
    assert journal_of(run) == journal_of(other)
    assert run.state().hypervolume == other.state().hypervolume
    for model in [*other.trials().index, *other.baselines().index]:
        reports = [[replace(report, time=0, seconds=0) for report in r.reports(model)] for r in (run, other)]
        assert [report.epoch for report in reports[0]] == [report.epoch for report in reports[1]]
        for mine, theirs in zip(*reports, strict=True):
            assert json.dumps(mine.to_dict()) == json.dumps(theirs.to_dict())
    events = list(read_records(run.files.events))
    for trial in run.trials().index:
        mine = [event for event in events if event.get("id") == trial]
        assert [event["state"] for event in mine if event.get("state") in ("done", "failed", "stopped")] == [
            "done"
        ]
        epochs = [event["epoch"] for event in mine if event["kind"] == "report"]
        assert epochs == list(range(1, EPOCHS + 1)), f"{trial}: {epochs}"
        configurations = {json.dumps(event["config"]) for event in mine if "config" in event}
        assert len(configurations) == 1, f"{trial} was run with another configuration"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + ROUNDS))
def test_killed_twenty_times_nothing_is_lost(
    uninterrupted: Any, space_file: Path, tmp_path: Path, seed: int
) -> None:
    print(f"\nseed {seed}")
    started = time.monotonic()
    killer = Killer(seed, space_file, tmp_path, uninterrupted)
    try:
        killer.run(KILLS)
        assert_nothing_lost(open_run(killer.files), uninterrupted)
    finally:
        killer.marked.kill_all()
    print(f"  {dict(killer.kinds)}, {killer.resumes} resumes, {time.monotonic() - started:.0f} s")
