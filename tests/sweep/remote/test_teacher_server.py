"""The process that runs the teachers is killed, or its device fails: its successor gives the same logits."""

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
import safetensors.torch
import torch

import kdtune
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job, TrainConfig
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.training import Training
from kdtune.distill.weights.state import saved_state
from kdtune.errors import SweepError
from kdtune.models import models
from kdtune.runs.paths import RunFiles
from kdtune.sweep.remote import teacher_server
from kdtune.sweep.remote.allotment import Allotment, Node
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.teacher_server import TeacherClient, TrainedTeacher, serve_teachers
from kdtune.sweep.remote.worker_registry import open_registry
from tests.simulated.made import arrays_of

BROKEN = "CUDA error: device-side assert triggered"


def kill_servers() -> int:
    """Kill the processes that run teachers for this process; return how many there were."""
    found = [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and "ray::TeacherServer" in " ".join(process.cmdline())
    ]
    for process in found:
        process.kill()
    return len(found)


def test_logits_outlive_the_process_that_made_them(ray_session: None, plan_of: Any) -> None:
    plan = plan_of()
    job = plan.baseline_job("teacher", "mlp-16")
    arrays = Arrays.of(plan.dataset)
    training = Training(job, DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=False))
    training.run()
    teacher = TrainedTeacher(job, safetensors.torch.save(training.model.state_dict()))
    allotment = Allotment(1, 1, 0, (Node(2),))
    shared = ray.put(arrays)
    with serve_teachers(
        shared, {"mlp-16": teacher}, UserCode.of(()), allotment, view_seed=0, augment=False
    ) as served:
        before = served.signal("mlp-16")
        first = before.logits(0).clone()
        assert kill_servers() == 1
        after = served.signal("mlp-16")
        assert torch.equal(after.logits(0), first)
        assert (after.validation_predictions == before.validation_predictions).all()


def _builder(errors: Path, calls: int, times: int) -> Callable[..., torch.nn.Module]:
    """Return the builder of a linear model whose device fails after so many calls, in the first `times` processes.

    It is made in a function so that it is pickled by value for the other process.
    """

    class Model(torch.nn.Linear):
        done = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            Model.done += 1
            if os.getpid() != here and Model.done > calls:
                seen = errors.read_text().split() if errors.exists() else []
                if len(set(seen) - {str(os.getpid())}) < times:
                    errors.write_text(f"{' '.join(seen)} {os.getpid()}")
                    raise torch.AcceleratorError(BROKEN)
            return super().forward(x)

    here = os.getpid()
    return lambda input_shape, n_classes: Model(input_shape[0], n_classes)


@pytest.fixture
def served(ray_session: None, plan_of: Any, tmp_path: Path) -> Iterator[Any]:
    """Yield a function that serves a teacher whose device fails, and gives its client and its logits."""
    name = f"frail-{tmp_path.name}"

    @contextmanager
    def serve(calls: int, times: int) -> Iterator[tuple[str, TeacherClient, torch.Tensor]]:
        kdtune.register_model(name)(_builder(tmp_path / "errors", calls, times))
        plan = plan_of(pairs=[f"{name}->linear"])
        job = plan.baseline_job("teacher", name)
        arrays = Arrays.of(plan.dataset)
        training = Training(job, DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=False))
        training.run()
        with torch.no_grad():
            logits = training.model(training.data.train.batch(0, torch.arange(len(arrays.train_labels))))
        teacher = TrainedTeacher(job, safetensors.torch.save(training.model.state_dict()))
        with (
            open_registry(RunFiles(tmp_path)) as registry,
            serve_teachers(
                ray.put(arrays), {name: teacher}, UserCode.of((name,)), Allotment(1, 1, 0, (Node(2),)),
                view_seed=0, augment=False, registry=registry, max_failures=1,
            ) as client,
        ):  # fmt: skip
            yield name, client, logits

    yield serve
    models._items.pop(name, None)


def test_a_broken_device_at_a_view_costs_the_process(served: Any, tmp_path: Path) -> None:
    with served(calls=1, times=1) as (name, client, logits):
        assert torch.allclose(client.signal(name).logits(0), logits)
    assert len((tmp_path / "errors").read_text().split()) == 1


def test_a_device_that_fails_at_each_start_is_given_up_with_a_reason(served: Any, tmp_path: Path) -> None:
    words = rf"^the process with the teachers: the GPU failed: {BROKEN} \(2 times\)$"
    with served(calls=0, times=9) as (name, client, _):
        for _ in range(2):  # nothing is tried after that
            with pytest.raises(SweepError, match=words):
                client.signal(name).logits(0)
    assert len((tmp_path / "errors").read_text().split()) == 2


def test_on_gpus_the_next_view_is_made_ahead(ray_session: None) -> None:
    arrays, job = arrays_of("images"), Job("cnn8", TrainConfig(epochs=3, batch_size=16), 0)
    training = Training(job, DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=True))
    teacher = TrainedTeacher(job, safetensors.torch.save(training.model.state_dict()))
    with serve_teachers(
        ray.put(arrays), {"cnn8": teacher}, UserCode.of(()), Allotment(1, 1, 0, (Node(2),)),
        view_seed=0, augment=True, epochs=3,
    ) as client:  # fmt: skip
        client.signal("cnn8").logits(0)
        assert ray.get(client._handle.views.remote()) == [("cnn8", 0)], "on processors it is not"
        ahead = pickle.loads(pickle.dumps(TeacherClient(client._handle, ahead=True))).signal("cnn8")
        ahead.logits(1)
        assert ray.get(client._handle.views.remote()) == [("cnn8", view) for view in range(3)]
        ahead.logits(2)
        assert len(ray.get(client._handle.views.remote())) == 3, "there is no view after the last epoch's"


def test_a_teacher_computes_as_it_did_when_it_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same precision and memory layout: its logits are those of the model that its accuracy was measured of."""
    data = DeviceData(arrays_of("images"), torch.device("cpu"), view_seed=0, augment=False)
    train = TrainConfig(epochs=1, precision="bfloat16", channels_last=True)
    training = Training(Job("resnet8", train, 0, 0), data)
    report = training.step()
    served: list[torch.nn.Module] = []

    def keep(model: torch.nn.Module, *given: Any, **options: Any) -> TeacherSignal:
        served.append(model)
        return signal_of(model, *given, **options)

    monkeypatch.setattr(teacher_server, "signal_of", keep)
    teacher = TrainedTeacher(training.job, saved_state(training.model.state_dict()))
    signal = teacher_server._signal_of(teacher, data, 1)
    own = predict_logits(training.model.eval(), data.train, view=0, precision="bfloat16")
    assert torch.equal(signal.logits(0), own)
    assert report.predictions is not None
    assert (signal.validation_predictions == report.predictions).all()
    then = [value.stride() for value in training.model.parameters()]
    assert [value.stride() for value in served[0].parameters()] == then
