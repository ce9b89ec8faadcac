"""A worker and the trial manager together, without Ray between them: sweeps of cohorts, killed at any epoch."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas
import pytest
import torch

from kdtune.distill.arrays import Arrays
from kdtune.distill.teachers.signal import TeacherSignal
from kdtune.models import models, register_model
from kdtune.runs import open_run
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, RunRecord
from kdtune.runs.writer import RunWriter
from kdtune.sweep.clock import WorkClock
from kdtune.sweep.plan import Plan
from kdtune.sweep.remote.run_folder import RunFolder
from kdtune.sweep.remote.worker_registry import WorkerRegistry
from kdtune.sweep.trials.optuna_study import open_study
from kdtune.sweep.trials.proposal import Proposal
from kdtune.sweep.trials.trial_manager import TrialManager
from kdtune.sweep.tune.trainable import CohortTrial
from tests.sweep.trials.simulated_sweep import report

pytestmark = pytest.mark.usefixtures("one_thread")

PAIR = "mlp-16->linear"
SPACE: dict[str, Any] = {
    "pairs": [PAIR, "linear->mlp-16"],
    "budget": {"trials": 9, "epochs": 4},
    "search": {
        "temperature": {"low": 1, "high": 40, "log": True},
        "alpha": {"low": 0, "high": 1},
        "lr": {"low": 0.01, "high": 0.5, "log": True},
    },
    "early_stopping": {"method": "moasha", "grace": 1},
    "keep": "all",
    "train": {"batch_size": 16},
}


class Killed(BaseException):
    pass


class Played:
    """One of Tune's workers, driven by a test."""

    def __init__(self, plan: Plan, files: RunFiles, teachers: dict[str, TeacherSignal]) -> None:
        self.files = files
        self.writer = RunWriter(files)
        dataset = plan.dataset
        self.writer.record(
            RunRecord(
                "r", "sweep", 0.0, {"name": "d", "fingerprint": "f"}, dataset.classes, dataset.attributes,
                tuple(o.name for o in plan.objectives), plan.constraints, tuple(p.pair for p in plan.space.pairs),
                4, 9, None, 0, plan.space.to_dict(), {}, {},
            )
        )  # fmt: skip
        counts = report(1).counts[ALL]
        references = {pair.pair: References(counts, counts) for pair in plan.space.pairs}
        study = open_study(files.journal, plan.objectives)
        self.manager = TrialManager(
            plan, files, self.writer, study, references, stopping=lambda: False, clock=WorkClock()
        )
        self.worker: Any = object.__new__(CohortTrial)
        self.worker._shared = SimpleNamespace(extras=(), rungs=plan.rungs)
        self.worker._place = {}
        self.worker._device = torch.device("cpu")
        self.worker._arrays = Arrays.of(dataset)
        self.worker._data, self.worker._signals = {}, teachers
        idle: Callable[..., None] = lambda *_: None  # noqa: E731
        self.worker._registry = SimpleNamespace(begin=idle, end=idle, report_failure=idle)
        self.worker._folder = SimpleNamespace(fetch=lambda path: path, clear=idle, send_changes=idle)

    def run(self, results: int, *, unheard: bool = False) -> None:
        """Train until the sweep ends or this many results have come; with `unheard` the last one is lost."""
        while proposal := self.manager.next_proposal():
            assert Proposal.from_config(proposal.to_config()) == proposal
            self.worker._begin(proposal.to_config())
            while True:
                result = self.worker.step()
                results -= 1
                if results == 0 and unheard:
                    raise Killed
                goes_on = self.manager.record(proposal, result)
                if results == 0:
                    raise Killed
                if result.get("done") or not goes_on:
                    break
            self.manager.close(proposal, result, lost=None)


@pytest.fixture
def play(plan_of: Any, tmp_path: Path) -> Iterator[Callable[..., Played]]:
    generator = torch.Generator().manual_seed(0)
    logits = {name: torch.randn(64, 2, generator=generator) for name in ("mlp-16", "linear")}
    guesses = np.arange(64) % 2
    signals = {name: TeacherSignal(lambda _, x=x: x, guesses) for name, x in logits.items()}
    begun: list[Played] = []

    def start(folder: str, cohort: int, **changes: Any) -> Played:
        fused = frozenset({"linear", "mlp-16"}) if cohort > 1 else frozenset()
        plan = replace(plan_of(**{**SPACE, **changes}), cohort=cohort, fused=fused)
        begun.append(Played(plan, RunFiles(tmp_path / folder), dict(signals)))
        return begun[-1]

    yield start
    for played in begun:
        played.writer.close()


def table(played: Played) -> pandas.DataFrame:
    return open_run(played.files.root).trials().drop(columns=["seconds", "message"])


class Leaving(torch.nn.Linear):
    """A student that ends its process at the first batch, but not on the few examples on which it is tried."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 10:
            sys.exit(3)
        return super().forward(x)


def test_a_student_that_ends_its_process_is_named_and_no_lost_worker(play: Any) -> None:
    register_model("leaving")(lambda shape, n: Leaving(*shape, n))
    try:
        played = play("a", 1, pairs=["mlp-16->leaving"], budget={"trials": 1, "epochs": 1})
        played.run(10**6)
    finally:
        del models._items["leaving"]
    said = "a model or loss ended the process: SystemExit: 3 (test_trainable.py, line "
    (message,) = open_run(played.files.root).trials()["message"]
    assert message.startswith(said)


@pytest.mark.parametrize("cohort", [1, 4])
def test_a_sweep_of_cohorts_ends_every_student(play: Any, cohort: int) -> None:
    played = play("a", cohort)
    played.run(10**6)
    trials = table(played)
    assert len(trials) == 9
    assert set(trials["state"]) == {"done", "stopped"}
    for trial, row in trials.iterrows():
        assert [r.epoch for r in open_run(played.files.root).reports(trial)] == list(
            range(1, row["epoch"] + 1)
        )
        assert played.files.checkpoint(trial).exists() or row["state"] == "stopped"
    assert not list(played.files.root.glob("cohorts/*"))


@pytest.mark.parametrize(("cohort", "unheard"), [(1, True), (4, False), (4, True)])
def test_killed_after_any_result_it_ends_like_an_uninterrupted_sweep(
    play: Any, cohort: int, unheard: bool
) -> None:
    """Killed again and again, each time after two or three more results, of which the last arrives or is lost."""
    uninterrupted = play("uninterrupted", cohort)
    uninterrupted.run(10**6)
    deaths = 0
    while True:
        played = play("killed", cohort)
        try:
            played.run(2 + deaths % 2, unheard=unheard)
        except Killed:
            deaths += 1
            assert deaths < 60
            played.writer.close()
            continue
        break
    assert deaths > 3
    pandas.testing.assert_frame_equal(table(played), table(uninterrupted), check_exact=True)
    for trial in table(uninterrupted).index:
        strip = {"time": 0, "seconds": 0}
        got, expected = (
            [replace(r, **strip) for r in open_run(p.files.root).reports(trial)]
            for p in (played, uninterrupted)
        )
        assert got == expected


@pytest.mark.parametrize("cohort", [1, 4])
def test_on_a_gpu_it_is_said_first_which_one_that_is(play: Any, cohort: int) -> None:
    played, without = play("a", cohort), play("b", cohort)
    played.worker._place = {"machine": "m", "gpu": "3"}
    proposal = played.manager.next_proposal()
    played.worker._begin(proposal.to_config())
    first = played.worker.step()
    assert first == {"students": "[]", "done": False, "machine": "m", "gpu": "3"}
    assert played.manager.record(proposal, first)
    trials = played.writer.state.trials
    assert {(trial.machine, trial.gpu) for trial in trials.values()} == {("m", "3")}
    assert not any(trial.epoch for trial in trials.values())
    while not (result := played.worker.step())["done"] and played.manager.record(proposal, result):
        pass
    played.manager.close(proposal, result, lost=None)
    played.run(10**6)
    without.run(10**6)
    pandas.testing.assert_frame_equal(table(played), table(without), check_exact=True)


@pytest.mark.parametrize("cohort", [1, 4])
def test_an_error_of_the_device_ends_the_process_with_its_reason(play: Any, cohort: int) -> None:
    """After a sticky error every later trial in the process would fail too."""
    played = play("a", cohort)
    said: list[Any] = []
    played.worker._registry.report_failure = lambda *words: said.append(words)

    def broken(members: Any, *_: Any, **__: Any) -> Any:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered\nand more")

    played.worker._open = broken
    proposal = played.manager.next_proposal()
    played.worker._begin(proposal.to_config())
    with pytest.raises(torch.AcceleratorError):
        played.worker.step()
    assert said == [(proposal.numbers, "the GPU failed: CUDA error: device-side assert triggered")]


def test_a_worker_without_the_run_s_disk_gives_the_same_results(play: Any) -> None:
    """Without the run's disk: early stops, states and checkpoints go through the registry."""
    near, far = play("near", 4), play("far", 4)
    near.run(10**6)
    registry = WorkerRegistry(far.files.root)
    asked: list[str] = []

    def read_file(name: str) -> bytes | None:
        asked.append(name)
        return registry.read_file(name)

    remote: Any = SimpleNamespace(read_file=read_file, write_file=registry.write_file)
    folder = RunFolder(far.files.root.resolve(), "of another machine", remote)
    far.worker._folder = folder
    far.run(10**6)
    copies = folder.fetch(far.files.checkpoint("t0000")).parents[2]
    assert copies.is_dir()
    far.worker.cleanup()
    assert not copies.exists()
    assert any(name.endswith(".ended.json") for name in asked)
    pandas.testing.assert_frame_equal(table(far), table(near), check_exact=True)
    assert "stopped" in set(table(far)["state"])
    for trial, row in table(far).iterrows():
        assert far.files.checkpoint(trial).exists() == near.files.checkpoint(trial).exists(), row["state"]
    assert not list(far.files.root.glob("cohorts/*"))


def test_a_cohort_gives_the_results_of_single_students(play: Any) -> None:
    """Without early stopping and a sampler that learns, cohorts change only the last digits."""
    plain = {"early_stopping": {"method": "none"}, "sampler": "random"}
    one, four = play("one", 1, **plain), play("four", 4, **plain)
    one.run(10**6)
    four.run(10**6)
    a, b = table(one), table(four)
    assert list(a["temperature"]) == list(b["temperature"])
    for trial in a.index:
        left, right = (open_run(p.files.root).reports(trial)[-1] for p in (one, four))
        assert left.train_loss == pytest.approx(right.train_loss, rel=1e-4)
        assert left.validation_loss == pytest.approx(right.validation_loss, rel=1e-4)
