"""Steps as graphs give the numbers of eager ones, to the bit, and where they can't be recorded they are eager."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import kdtune
from kdtune.distill.execution import step_graph
from kdtune.distill.losses.registry import losses
from kdtune.distill.training import Training
from kdtune.models import models
from tests.simulated.device import logged, record
from tests.simulated.made import (
    STEPS,
    N,
    arrays_of,
    assert_same_state,
    cohort_on,
    data_on,
    job_of,
    state_of,
    training_on,
    untimed,
)

Train = Callable[..., Any]


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_graph, "recorder_of", lambda device: record)


@pytest.fixture
def own() -> Iterator[Callable[[str, type[nn.Module]], str]]:
    """Yield a function that registers a model of the user's, and gives its name."""
    made: list[str] = []

    def make(name: str, kind: type[nn.Module]) -> str:
        kdtune.register_model(name)(lambda input_shape, n_classes: kind(input_shape[0], n_classes))
        made.append(name)
        return name

    yield make
    for name in made:
        models._items.pop(name, None)


def alone(device: torch.device, kind: str, architecture: str, **options: Any) -> Training:
    training = training_on(data_on(device, arrays_of(kind)), job_of(architecture, **options))
    training.run()
    return training


def assert_equal(graphs: Training, eager: Training) -> None:
    assert untimed(graphs.reports) == untimed(eager.reports)
    assert_same_state(graphs.model, eager.model)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize(
    ("architecture", "kind", "settings"),
    [
        ("resnet8", "images", {}),
        ("lenet5", "images", {"channels_last": True, "group_weights": "sex", "label_smoothing": 0.1}),
        ("mlp-16", "table", {"soft": {"alpha": 0.0}}),
        ("mlp-16", "table", {"soft": {"loss": "dkd"}}),
        ("lenet5", "images", {"soft": {"loss": "hint"}}),
    ],
)
def test_a_student_alone(
    recording: None,
    device: torch.device,
    architecture: str,
    kind: str,
    settings: dict[str, Any],
    optimizer: str,
) -> None:
    """An epoch's last batch is smaller than the others: it is computed operation by operation."""
    options = {"optimizer": optimizer, **settings}
    graphs = alone(device, kind, architecture, execution="graphs", **options)
    assert not graphs.execution.why_eager
    assert N % graphs.job.train.batch_size
    assert_equal(graphs, alone(device, kind, architecture, **options))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize(("architecture", "kind"), [("resnet8", "images"), ("mlp-16", "table")])
def test_several_as_one_of_which_one_ends_early(
    recording: None, device: torch.device, tmp_path: Path, architecture: str, kind: str, optimizer: str
) -> None:
    def trained(execution: str) -> Any:
        jobs = [job_of(architecture, k, optimizer=optimizer, execution=execution) for k in range(3)]
        cohort = cohort_on(data_on(device, arrays_of(kind)), tmp_path / execution, jobs)
        cohort.step()
        cohort.drop(1)
        while cohort.live:
            cohort.step()
        return cohort

    graphs, eager = trained("graphs"), trained("eager")
    assert not graphs._students.execution.why_eager
    for number in range(3):
        assert untimed(graphs.reports[number]) == untimed(eager.reports[number])
        mine, theirs = (
            torch.load(tmp_path / e / f"{number}.pt", weights_only=True)["model"] for e in ("graphs", "eager")
        )
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_resumed_training_records_again(recording: None, device: torch.device, tmp_path: Path) -> None:
    data, job = data_on(device, arrays_of("images")), job_of("resnet8", execution="graphs")
    for _ in range(3):
        training_on(data, job, checkpoint=tmp_path / "c.pt").step()
    resumed = training_on(data, job, checkpoint=tmp_path / "c.pt")
    assert resumed.done
    assert_equal(resumed, alone(device, "images", "resnet8"))


@pytest.mark.parametrize(
    ("architecture", "kind", "left"),
    [("resnet20", "images", 18), ("lenet5", "images", 18), ("mlp-16", "table", 17)],
)
def test_what_the_host_launches_for_a_step(
    recording: None, device: torch.device, architecture: str, kind: str, left: int
) -> None:
    """The batch is gathered and copied, the graph is launched once, and the weights are moved."""

    def epoch(steps: int) -> int:
        job = job_of(architecture, batch_size=N // steps, execution="graphs")
        training = training_on(data_on(device, arrays_of(kind)), job)
        training.step()
        with logged() as log:
            training.step()
        assert log.operations["graph"] == steps
        return log.total

    assert (epoch(STEPS) - epoch(1)) / (STEPS - 1) == left


class Dropping(nn.Sequential):
    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__(nn.BatchNorm1d(inputs), nn.Dropout(0.5), nn.Linear(inputs, classes))


class Looking(nn.Sequential):
    """A network that looks at a value of its data."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__(nn.BatchNorm1d(inputs), nn.Linear(inputs, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = super().forward(x)
        return out if float(out.detach().abs().max()) < 1e9 else out * 0


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Dropping, "the network draws random numbers at each step"),
        (
            Looking,
            "its step can't be recorded: _local_scalar_dense: operation not permitted when stream is capturing",
        ),
    ],
)
def test_what_can_not_be_recorded_is_trained_as_always(
    recording: None, device: torch.device, own: Any, kind: type[nn.Module], why: str
) -> None:
    name = own(f"own {kind.__name__}", kind)
    graphs = alone(device, "table", name, execution="graphs")
    assert graphs.execution.why_eager == why
    assert_equal(graphs, alone(device, "table", name))


def test_a_loss_of_the_user_s_is_not_recorded(recording: None, device: torch.device) -> None:
    @kdtune.register_loss("own")
    def _(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits, labels, reduction="none")

    try:
        graphs = alone(device, "table", "mlp-16", execution="graphs", soft={"loss": "own"})
        assert graphs.execution.why_eager == "it is not known whether a loss of yours can be recorded"
        assert_equal(graphs, alone(device, "table", "mlp-16", soft={"loss": "own"}))
    finally:
        losses._items.pop("own", None)


def test_where_there_are_no_graphs_it_says_so(device: torch.device) -> None:
    for where in (device, torch.device("cpu")):
        graphs = alone(where, "images", "lenet5", execution="graphs")
        assert graphs.execution.why_eager == f"the device ({where.type}) has no CUDA graphs"
        assert_equal(graphs, alone(where, "images", "lenet5"))


def test_a_broken_device_is_not_taken_for_a_step_that_can_not_be_recorded(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(function: Any) -> Any:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(step_graph, "recorder_of", lambda _: broken)
    training = training_on(data_on(device, arrays_of("images")), job_of("lenet5", execution="graphs"))
    before = state_of(training.model)
    with pytest.raises(torch.AcceleratorError):
        training.step()
    assert before.keys() == state_of(training.model).keys()
