"""Teachers, students without one and a study's students that hang or die: trained again, or given up with a reason."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

import kdtune
from kdtune.data.registry import datasets
from kdtune.distill.arrays import Arrays
from kdtune.distill.config import Job, TrainConfig
from kdtune.models import models
from kdtune.runs.jsonl import read_records
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import open_run
from kdtune.space.reading import Resources, parse_space
from kdtune.sweep.driver import SweepRequest, run_sweep
from kdtune.sweep.remote import worker_registry
from kdtune.sweep.remote.allotment import cores_here
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.cluster import allot
from kdtune.sweep.remote.tasks import Outcome, TaskTrainer
from kdtune.sweep.remote.worker_registry import LOST, WorkerRegistry, open_registry
from kdtune.sweep.replicates import Source, replicate
from tests.sweep.blobs import blobs

STALL = 40  # seconds; on a busy machine torch needs twenty until the first batch
EPOCHS = 3


def _builder(turns: Path, deed: str, times: int) -> Callable[..., torch.nn.Module]:
    """Return the builder of a model that does its deed in its second epoch, the first `times` times it is built.

    It is made in a function so that it is pickled by value for the workers.
    """

    class Model(torch.nn.Module):
        def __init__(self, inputs: int, classes: int, bad: bool) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(inputs, classes)
            self.bad = bad
            self.epochs = 0

        def train(self, mode: bool = True) -> Any:
            self.epochs += bool(mode and not self.training)
            return super().train(mode)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if os.environ.get("KDTUNE_TEST_BROKEN_DEVICE"):
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            if self.bad and self.epochs:
                match deed:
                    case "break the device":
                        os.environ["KDTUNE_TEST_BROKEN_DEVICE"] = (
                            "1"  # whatever this process computes next fails too
                        )
                        raise RuntimeError("CUDA error: device-side assert triggered")
                    case "sleep":
                        time.sleep(3600)
                    case "stop":
                        os.kill(os.getpid(), signal.SIGSTOP)
                    case "die":
                        os.kill(os.getpid(), signal.SIGKILL)
            out: torch.Tensor = self.layer(x)
            return out

    here = os.getpid()

    def build(input_shape: tuple[int, ...], n_classes: int) -> torch.nn.Module:
        turn = times
        if os.getpid() != here:  # not to be measured: to be trained
            turn = len(turns.read_text()) if turns.exists() else 0
            turns.write_text("." * (turn + 1))
        return Model(input_shape[0], n_classes, turn < times)

    return build


@pytest.fixture
def bad(ray_session: None, tmp_path: Path) -> Iterator[Callable[[str, int], str]]:
    """Yield a function that registers a model that does a deed this many times, and returns its name."""
    made: list[str] = []

    def make(deed: str, times: int = 1) -> str:
        name = f"{deed}-{times}-{tmp_path.name}"  # workers of one Ray know each name once
        kdtune.register_model(name)(_builder(tmp_path / name, deed, times))
        made.append(name)
        return name

    kdtune.register_dataset("blobs")(blobs)
    yield make
    datasets._items.pop("blobs", None)
    for name in made:
        models._items.pop(name, None)


def trained(
    names: list[str], folder: Path, stall: float | None
) -> tuple[list[Outcome], dict[str, list[str]]]:
    """Train models in parallel; return each outcome, and the reasons of those trained again."""
    import ray

    resources = Resources(stall_seconds=stall, max_failures=1)
    again: dict[str, list[str]] = {name: [] for name in names}
    with open_registry(RunFiles(folder)) as registry:
        trainer = TaskTrainer(
            ray.put(Arrays.of(blobs())), allot(resources), UserCode.of(names), (), resources, registry
        )
        outcomes = trainer.train(
            {name: Job(name, TrainConfig(epochs=EPOCHS, batch_size=32), seed=0) for name in names},
            on_lost=lambda name, why: again[name].append(why),
        )
        with closing(outcomes):
            found = {outcome.id: outcome for outcome in outcomes}
    return [found[name] for name in names], again


def test_the_costliest_begins_when_the_others_have_ended(
    ray_session: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not free their cores either while they wait for a registry that is slow to answer.

    Ray must not know of it before: where processes have yet to start, it begins it before some of the others.
    """
    import ray

    ended: list[str] = []
    when: dict[int, int] = {}  # by a model's number, how many had ended before Ray was told of it
    begin = TaskTrainer._begin

    def noted(self: TaskTrainer, job: Job, share: tuple[int, float], teachers: Any, number: int) -> Any:
        when[number] = len(ended)
        return begin(self, job, share, teachers, number)

    monkeypatch.setattr(TaskTrainer, "_begin", noted)

    class Slow(WorkerRegistry):
        def begin(self, *args: Any) -> None:
            time.sleep(0.5)
            super().begin(*args)

    monkeypatch.setattr(worker_registry, "WorkerRegistry", Slow)
    others = [f"small {k}" for k in range(cores_here())]  # with the large one, more models than cores
    jobs = {
        name: Job("mlp-8", TrainConfig(epochs=1 if name == "large" else 30, batch_size=32), seed=0)
        for name in ["large", *others]
    }
    with open_registry(RunFiles(tmp_path)) as registry:
        resources = Resources()
        trainer = TaskTrainer(
            ray.put(Arrays.of(blobs())), allot(resources), UserCode.of([]), (), resources, registry
        )
        costs = {**dict.fromkeys(others, 1.0), "large": 40.0 * len(others)}
        with closing(trainer.train(jobs, costs=costs)) as outcomes:
            reports = {}
            for outcome in outcomes:
                ended.append(outcome.id)
                reports[outcome.id] = outcome.reports
    assert when == {0: len(others), **dict.fromkeys(range(1, len(jobs)), 0)}
    [of_large] = reports.pop("large")
    assert reports.keys() == set(others)
    assert of_large.time - of_large.seconds > max(found[-1].time for found in reports.values())


def test_what_dies_is_trained_again_and_given_up_with_a_reason(bad: Any, tmp_path: Path) -> None:
    names = [bad("die"), bad("die", 9)]
    (once, always), again = trained(names, tmp_path, None)
    assert once.weights is not None
    assert [report.epoch for report in once.reports] == [1, 2, 3], "each epoch once"
    assert always.weights is None
    assert always.failure == f"{LOST} (2 times)"
    assert again == {name: [f"{LOST}; it is trained again"] for name in names}


def test_a_broken_device_costs_one_retry_in_another_process(bad: Any, tmp_path: Path) -> None:
    names = [bad("break the device"), bad("break the device", 9)]
    (once, always), again = trained(names, tmp_path, None)
    assert once.weights is not None
    words = "the GPU failed: CUDA error: device-side assert triggered"
    assert always.failure == f"{words} (2 times)"
    assert again == {name: [f"{words}; it is trained again"] for name in names}


@pytest.mark.slow  # it waits three times
def test_what_hangs_is_trained_again_and_given_up_with_a_reason(bad: Any, tmp_path: Path) -> None:
    names = [bad("sleep"), bad("stop", 9), bad("be good", 0)]
    (slept, stopped, good), again = trained(names, tmp_path, STALL)
    for whole in (slept, good):
        assert whole.weights is not None
        assert [report.epoch for report in whole.reports] == [1, 2, 3]
    assert stopped.weights is None
    assert stopped.failure.startswith("no batch ended for ")
    assert stopped.failure.endswith(" s: it counted as hanging (resources.stall_seconds) (2 times)")
    assert [len(again[name]) for name in names] == [1, 1, 0]


@pytest.mark.slow  # half a minute of hanging
def test_a_replicate_that_hangs_is_trained_again(bad: Any, tmp_path: Path) -> None:
    name = bad("stop")
    source = Source(name, "nds", Job(name, TrainConfig(epochs=EPOCHS, batch_size=32), seed=0), b"")
    resources = Resources(stall_seconds=STALL, max_failures=1)
    [found] = replicate(
        RunFiles(tmp_path), blobs(), [source], 1, seed=0, extras=(), resources=resources, say=print
    )
    assert found.weights is not None
    assert [report.epoch for report in found.reports] == [1, 2, 3]


@pytest.mark.slow  # a study, and half a minute of hanging
def test_a_study_whose_teacher_hangs(bad: Any, tmp_path: Path) -> None:
    space = {
        "dataset": {"name": "blobs"},
        "pairs": [f"{bad('sleep')}->{bad('stop')}"],
        "budget": {"epochs": EPOCHS},
        "train": {"lr": 0.05},
        "resources": {"workers": 1, "stall_seconds": STALL, "max_failures": 1},
        "study": {"temperatures": [1, 4], "seeds": 1},
    }
    files = RunFiles(tmp_path / "runs" / "it")
    run_sweep(SweepRequest(files, parse_space(space, "space"), kind="study"))
    state = open_run(files.root).state()
    assert [(model.state, model.failures) for model in state.baselines.values()] == [("done", 1)] * 2
    assert {model.state for model in state.trials.values()} == {"done"}
    said = [str(event.get("message")) for event in read_records(files.events) if event.get("failure")]
    assert len(said) >= 2  # two students that begin at once may both find that nobody has had a turn
    assert all(
        "it counted as hanging (resources.stall_seconds); it is trained again" in words for words in said
    )
