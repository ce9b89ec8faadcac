"""Compiled steps: the numbers of eager ones but for rounding, and where there is no compiler the eager ones."""

import shutil
from typing import Any

import pytest
import torch

from kdtune.distill.arrays import DeviceData
from kdtune.distill.execution import compiled
from kdtune.distill.fused.students import Students
from kdtune.distill.steps import Step, fused_step, solo_step
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.training import Training
from kdtune.models import build


@pytest.fixture
def signal(data: DeviceData) -> TeacherSignal:
    torch.manual_seed(1)
    return signal_of(build("resnet8", input_shape=(3, 16, 16), n_classes=3), data)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: Any) -> Any:
        def call(inputs: Any) -> Any:
            raise LookupError("no C compiler\nand more")

        return call

    monkeypatch.setattr(compiled.torch, "compile", fail)


def test_without_a_compiler_a_student_is_trained_as_always(
    no_compiler: None, data: Any, signal: Any, make_job: Any
) -> None:
    trained = {}
    for execution in ("eager", "compiled"):
        trained[execution] = Training(
            make_job(alpha=0.5, epochs=2, execution=execution), data, teacher=signal
        )
        trained[execution].run()
    assert trained["compiled"].execution.why_eager == "torch.compile failed: LookupError: no C compiler"
    eager = trained["eager"].model.state_dict()
    for name, value in trained["compiled"].model.state_dict().items():
        assert torch.equal(value, eager[name]), name


def test_without_a_compiler_several_are_trained_as_always(
    no_compiler: None, data: Any, make_job: Any
) -> None:
    job = make_job(alpha=0.5, execution="compiled")
    students = Students([job, job], data)
    indices = torch.arange(4)
    students.train_batch(None, data.train.batch(0, indices), None, data.labels[:4], 1.0, indices)
    assert students.execution.why_eager == "torch.compile failed: LookupError: no C compiler"


def stepped(step: Step, times: int = 4) -> dict[str, torch.Tensor]:
    for _ in range(times):
        step()
    assert step.why_eager() == ""
    return step.module.state_dict()


@pytest.mark.slow  # it compiles
@pytest.mark.skipif(
    shutil.which("c++") is None and shutil.which("g++") is None, reason="needs a C++ compiler"
)
@pytest.mark.parametrize(("architecture", "students"), [("resnet8", 1), ("lenet5", 3)])
def test_compiled_numbers_are_those_of_eager_steps_but_for_rounding(
    data: Any, make_job: Any, architecture: str, students: int
) -> None:
    def make(execution: str) -> Step:
        job = make_job(architecture, alpha=0.5, execution=execution)
        return solo_step(job, data) if students == 1 else fused_step(job, data, students)

    eager, found = stepped(make("eager")), stepped(make("compiled"))
    assert {name.rpartition(".")[2] for name in found.keys() - eager.keys()} <= {"num_batches_tracked"}, (
        "eager steps count batches on the host"
    )
    for name, value in eager.items():
        assert torch.allclose(found[name], value, rtol=1e-3, atol=1e-4), name
