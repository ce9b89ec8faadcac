"""The choice of how a step is executed: only what is faster and gives the same numbers is chosen, and it says why."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from kdtune.distill.execution import compiled, step_graph
from kdtune.sweep.calibration import execution
from kdtune.sweep.calibration.place import Setting
from tests.simulated.device import record
from tests.simulated.made import job_of

SETTING = Setting((3, 16, 16), 3, 8, 1, 100)


def idle(function: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
    """Record what does nothing when it is launched: its gradients stay those of the recording."""
    return function(), lambda: None


@pytest.mark.parametrize(
    ("recorder", "seconds", "expected", "said"),
    [
        (record, {"graphs": 0.4}, "graphs", "a training is 2.5 times as fast as eager"),
        (record, {"graphs": 0.95}, "eager", "graphs: only 1.0"),
        (record, {"graphs": 2.0}, "eager", "nothing else is faster"),
        (
            idle,
            {"graphs": 0.1},
            "eager",
            "graphs: a student: the numbers are not those of eager steps (relative",
        ),
        (None, {"graphs": 0.1}, "eager", "graphs: the device (sim) has no CUDA graphs"),
    ],
)
@pytest.mark.parametrize("architecture", ["lenet5", "resnet8"])
def test_graphs(
    device: torch.device,
    monkeypatch: pytest.MonkeyPatch,
    architecture: str,
    recorder: Any,
    seconds: dict[str, float],
    expected: str,
    said: str,
) -> None:
    monkeypatch.setattr(step_graph, "recorder_of", lambda _: recorder)
    monkeypatch.setattr(
        execution, "_least", lambda ways, _: {name: {"eager": 1.0, **seconds}[name] for name in ways}
    )
    monkeypatch.setattr(execution, "WORTH_COMPILING", float("inf"))
    choice = execution.measured(job_of(architecture), SETTING, device)
    assert choice.execution == expected
    assert choice.said.startswith(said)


@pytest.mark.parametrize(
    ("change", "steps", "expected", "said"),
    [
        (1.0, 1000, "compiled", "a training is 2.0 times as fast as eager"),
        (1.0, 1, "eager", "nothing else is faster"),
        (
            1.1,
            1000,
            "eager",
            "compiled: a student: the numbers are not those of eager steps (relative difference",
        ),
    ],
)
def test_compiled(
    device: torch.device, monkeypatch: pytest.MonkeyPatch, change: float, steps: int, expected: str, said: str
) -> None:
    """A stand-in takes the compiler's place: it changes the outputs by a factor."""
    monkeypatch.setattr(step_graph, "recorder_of", lambda _: record)
    monkeypatch.setattr(compiled.torch, "compile", lambda model: lambda inputs: model(inputs) * change)
    times = {"eager": 1.0, "graphs": 2.0, "compiled": 0.5}
    monkeypatch.setattr(execution, "_least", lambda ways, _: {name: times[name] for name in ways})
    choice = execution.measured(job_of("lenet5"), Setting((3, 16, 16), 3, 8, 1, steps), device)
    assert choice.execution == expected
    assert choice.said.startswith(said)


def test_a_device_that_fails_leaves_the_rest_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(job: Any, *_: Any) -> execution.ExecutionChoice:
        if job.architecture == "resnet8":
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nand more")
        return execution.ExecutionChoice("graphs", "faster")

    monkeypatch.setattr(execution.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(execution, "_best_execution", measure)
    jobs = {name: job_of(name) for name in ("lenet5", "resnet8", "cnn8")}
    choices = execution._best_executions(jobs, SETTING)
    assert [choice.execution for choice in choices.values()] == ["graphs", "eager", "eager"]
    assert choices["cnn8"].said == "the GPU failed: CUDA error: an illegal memory access was encountered"


def test_without_a_gpu_nothing_is_measured() -> None:
    [choice] = execution._best_executions({"lenet5": job_of("lenet5")}, SETTING).values()
    assert (choice.execution, choice.said) == ("eager", "there is no GPU")
