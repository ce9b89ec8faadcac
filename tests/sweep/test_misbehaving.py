"""Students that raise, diverge, hang, take all memory, die, and break their checkpoints: in a real sweep."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import kdtune
from kdtune.data.registry import datasets
from kdtune.errors import SweepError
from kdtune.models import models
from kdtune.runs import open_run
from kdtune.runs.jsonl import read_records
from tests.sweep.blobs import blobs
from tests.sweep.chaos import wait_for

RESOURCES = {"workers": 1, "cohort": 1, "max_failures": 1, "stall_seconds": 20, "memory_per_trial": 2}


def _naughty(turns: Path, script: tuple[str, ...]) -> Callable[..., torch.nn.Module]:
    """Return the builder of a student that does, each time one is built for a trial, what comes next in a script.

    It is made in a function so that it is pickled by value for the workers.
    """

    class Student(torch.nn.Module):
        def __init__(self, inputs: int, classes: int, deed: str) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(inputs, classes)
            self.deed = deed
            self.epochs = 0

        def train(self, mode: bool = True) -> Any:
            self.epochs += bool(mode and not self.training)
            return super().train(mode)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = []
            match self.deed:
                case "raise":
                    raise ValueError("no such layer")
                case "nan":
                    return self.layer(x) * float("nan")
                case "inf when judged" if not self.training:
                    return self.layer(x) * float("inf")
                case "hang":
                    time.sleep(3600)
                case "stop":
                    os.kill(os.getpid(), signal.SIGSTOP)
                case "leak":
                    while True:
                        kept.append(bytearray(50_000_000))
                        time.sleep(0.01)
                case "die":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "break the checkpoint" if self.epochs == 1:  # in the second epoch
                    for path in turns.parent.glob("runs/*/trials/*/checkpoint.pt"):
                        path.write_bytes(path.read_bytes()[:-100])
                    os.kill(os.getpid(), signal.SIGKILL)
            return self.layer(x)

    def build(input_shape: tuple[int, ...], n_classes: int) -> torch.nn.Module:
        import ray

        deed = "be good"
        if (
            ray.is_initialized() and ray.get_runtime_context().get_actor_id() is not None
        ):  # not the student alone
            turn = len(turns.read_text()) if turns.exists() else 0
            turns.write_text("." * (turn + 1))
            deed = script[turn] if turn < len(script) else deed
        return Student(input_shape[0], n_classes, deed)

    return build


@pytest.fixture
def naughty(ray_session: None, tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Yield a function that returns the space whose students follow a script."""

    def make(*script: str, **changes: Any) -> dict[str, Any]:
        kdtune.register_model("naughty")(_naughty(tmp_path / "turns", script))
        kdtune.register_dataset("blobs")(blobs)
        return {
            "dataset": {"name": "blobs"},
            "pairs": ["mlp-16->naughty"],
            "budget": {"trials": 9, "epochs": 3},
            "train": {"lr": 0.05},
            "resources": RESOURCES,
            **changes,
        }

    yield make
    models._items.pop("naughty", None)
    datasets._items.pop("blobs", None)


def journal_states(run: Any) -> list[str]:
    storage = JournalStorage(JournalFileBackend(str(run.files.journal)))
    trials = optuna.load_study(study_name=None, storage=storage).trials
    assert all(trial.values is None for trial in trials if trial.state.name != "COMPLETE")
    return [trial.state.name for trial in trials]


def test_what_raises_fails_and_what_dies_is_run_again(naughty: Any, tmp_path: Path) -> None:
    space = naughty("raise", "inf when judged", "die", "be good", budget={"trials": 4, "epochs": 2})
    run = kdtune.search(space, directory=tmp_path / "runs")
    trials = run.trials()
    assert list(trials["state"]) == ["failed", "failed", "done", "done"]
    assert trials["message"].iloc[0] == "ValueError: no such layer"
    assert [model.failures for model in run.state().trials.values()] == [0, 0, 1, 0]
    assert [report.epoch for report in run.reports("t0002")] == [1, 2]
    assert set(run.front().index) <= {"t0002", "t0003"}
    assert journal_states(run) == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]


@pytest.mark.slow
def test_each_misbehaves_in_its_own_way_and_none_does_harm(naughty: Any, tmp_path: Path) -> None:
    space = naughty(
        "be good",
        "raise",  # not run again: it would raise again
        "nan",
        "inf when judged",
        *("hang", "be good"),
        *("leak", "leak"),
        *("stop", "die"),
        *("break the checkpoint", "read it", "start anew"),
        "be good",
    )
    run = kdtune.search(space, name="naughty", directory=tmp_path / "runs")
    trials = run.trials()
    states = dict(trials["state"])
    failed = {"t0001", "t0002", "t0003", "t0005", "t0006"}
    assert {trial for trial, state in states.items() if state == "failed"} == failed, trials["message"]
    assert {state for trial, state in states.items() if trial not in failed} == {"done"}
    said = trials["message"]
    assert said["t0001"] == "ValueError: no such layer"
    assert "loss is nan in epoch 1" in said["t0002"]
    assert "outputs are not finite" in said["t0003"]
    assert "GB of memory" in said["t0005"]
    assert "(2 times)" in said["t0005"]
    assert said["t0006"] == "its worker process, or its machine, was lost (2 times)"
    failures = {trial: model.failures for trial, model in run.state().trials.items()}
    assert failures == {**dict.fromkeys(states, 0), "t0004": 1, "t0005": 1, "t0006": 1, "t0007": 1}
    hung = [e for e in _messages(run, "t0004") if "no epoch ended for" in e]
    assert len(hung) == 1
    assert "no epoch ended for" in _messages(run, "t0006")[0], "a process that is stopped is killed too"
    for trial, state in states.items():
        epochs = [report.epoch for report in run.reports(trial)] if state == "done" else []
        assert epochs in ([], [1, 2, 3])
    assert not failed & set(run.front().index)
    assert journal_states(run) == ["FAIL" if trial in failed else "COMPLETE" for trial in states]


@pytest.mark.slow  # it waits until a worker counts as hanging
@pytest.mark.parametrize("deed", ["hang", "stop"])
def test_one_that_hangs_is_found_though_the_registry_dies(naughty: Any, tmp_path: Path, deed: str) -> None:
    """The registry's successor hears nothing of the worker, which will not report again."""
    space = naughty(deed, "be good", budget={"trials": 2, "epochs": 2})
    killed: list[int] = []

    def kill_the_registry() -> None:
        wait_for((tmp_path / "turns").exists, what="the first student")
        time.sleep(1)
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "ray::WorkerRegistry" in "".join(process.cmdline()):
                    process.kill()
                    killed.append(process.pid)

    killer = threading.Thread(target=kill_the_registry, daemon=True)
    killer.start()
    run = kdtune.search(space, directory=tmp_path / "runs")
    killer.join()
    assert len(killed) == 1
    assert list(run.trials()["state"]) == ["done"] * 2
    assert [model.failures for model in run.state().trials.values()] == [1, 0]
    assert "no epoch ended for" in _messages(run, "t0000")[0]
    assert not run.files.at_work.exists()


def test_a_sweep_that_only_fails_stops_and_says_why(naughty: Any, tmp_path: Path) -> None:
    space = naughty(
        *["raise"] * 30, resources={**RESOURCES, "give_up_after": 3}, budget={"trials": 30, "epochs": 2}
    )
    with pytest.raises(SweepError, match=r"first 3 trials all failed.*t0000: ValueError: no such layer"):
        kdtune.search(space, name="hopeless", directory=tmp_path / "runs")
    run = open_run(tmp_path / "runs" / "hopeless")
    assert run.status().state == "failed"
    assert "first 3 trials" in run.status().message
    assert len(run.trials()) == 3


def _messages(run: Any, trial: str) -> list[str]:
    events = read_records(run.files.events)
    return [str(event["message"]) for event in events if event.get("id") == trial and "message" in event]
