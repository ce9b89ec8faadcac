"""How much a device is asked to do: copies and waits of an epoch, operations of a step. A copy more is a step back."""

from pathlib import Path

import pytest
import torch

from kdtune.distill import one_copy
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.steps import fused_step, solo_step
from tests.simulated.device import Log, logged
from tests.simulated.made import STEPS, N, arrays_of, cohort_on, data_on, job_of, teacher_on, training_on


def of_epoch(of: object) -> Log:
    """Return what the second epoch asks for: what is loaded once is there by then."""
    of.step()  # type: ignore[attr-defined]
    with logged() as log:
        of.step()  # type: ignore[attr-defined]
    return log


@pytest.mark.parametrize(
    ("architecture", "kind", "to_device"),
    [
        (
            "resnet8",
            "images",
            3,
        ),  # the order of the examples, how they are cropped and flipped, the teacher's logits
        ("mlp-16", "table", 2),
        ("bert-tiny", "text", 2),
        ("lenet5", "mapped", 3 + STEPS + 1),  # and the images of each batch, in training and on validation
    ],
)
@pytest.mark.parametrize("members", [1, 2, 4])
def test_copies_and_waits_of_an_epoch_do_not_depend_on_the_number_of_students(
    device: torch.device, tmp_path: Path, architecture: str, kind: str, to_device: int, members: int
) -> None:
    data = data_on(device, arrays_of(kind, tmp_path))
    if members == 1:
        log = of_epoch(training_on(data, job_of(architecture), checkpoint=tmp_path / "c.pt"))
    elif kind == "text":
        pytest.skip("texts are not trained as one")
    else:
        jobs = [job_of(architecture, k) for k in range(members)]
        log = of_epoch(cohort_on(data, tmp_path / "run", jobs, extras=("auc",)))
    # What the epoch gave, and the checkpoint.
    assert (log.to_device, log.to_host, log.waits) == (to_device, 2, 2)


def test_a_checkpoint_leaves_the_device_in_one_copy(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = [
        torch.arange(5, device=device),
        torch.randn(3, 4, 5, 5).to(device, memory_format=torch.channels_last),
        torch.tensor(True, device=device),
        torch.randn(7).to(device, torch.bfloat16),
        torch.randn(2, 3).to(device).T,
        torch.zeros(0, device=device),
    ]
    with logged() as log:
        arrived = one_copy.to_host(tensors)
    assert (log.copies, log.waits) == (1, 1)
    for tensor, host in zip(tensors, arrived, strict=True):
        assert host.device.type == "cpu"
        assert host.dtype == tensor.dtype
        assert torch.equal(host, tensor.cpu())
        assert host.untyped_storage().nbytes() == host.numel() * host.element_size(), "nothing lies behind it"
    assert arrived[1].is_contiguous(memory_format=torch.channels_last)
    monkeypatch.setattr(one_copy, "LARGEST", 200)
    with logged() as log:
        again = one_copy.to_host(tensors)
    assert log.copies == 3, "the large one comes by itself"
    assert all(torch.equal(a, b) for a, b in zip(arrived, again, strict=True))


def test_evaluation_waits_for_nothing(device: torch.device, tmp_path: Path) -> None:
    for kind, copies in (("images", 0), ("mapped", 1), ("table", 0)):
        data = data_on(device, arrays_of(kind, tmp_path))
        model = training_on(data, job_of("mlp-16")).model.eval()
        with logged() as log:
            predict_logits(model, data.validation)
        assert (log.copies, log.waits) == (copies, 0)
        signal = teacher_on(data)
        with logged() as log:
            signal.features(1)
        assert log.waits == 0


@pytest.mark.parametrize(
    ("architecture", "kind", "alone", "of_four"),
    [
        ("resnet20", "images", 184, 49),
        ("lenet5", "images", 67, 21.25),
        ("mlp-16", "table", 46, 14.5),
        ("bert-tiny", "text", 162, None),
    ],
)
def test_operations_of_a_step(
    device: torch.device, tmp_path: Path, architecture: str, kind: str, alone: int, of_four: float | None
) -> None:
    """A batch is gathered, augmented, and learnt from: what three steps an epoch ask for more than one does."""
    arrays = arrays_of(kind)

    def epoch(students: int, steps: int) -> int:
        data, batch_size = data_on(device, arrays), N // steps
        if students == 1:
            return of_epoch(training_on(data, job_of(architecture, batch_size=batch_size))).total
        jobs = [job_of(architecture, k, batch_size=batch_size) for k in range(students)]
        return of_epoch(cohort_on(data, tmp_path / str(steps), jobs)).total

    found = {
        students: (epoch(students, 3) - epoch(students, 1)) / 2 / students
        for students in ([1] if of_four is None else [1, 4])
    }
    assert found == ({1: alone} if of_four is None else {1: alone, 4: of_four})


def test_within_a_step_the_host_goes_ahead(device: torch.device) -> None:
    """So do the steps by which calibration and benchmarks time a device."""
    for architecture, kind in (("resnet8", "images"), ("mlp-16", "table"), ("bert-tiny", "text")):
        data, job = data_on(device, arrays_of(kind)), job_of(architecture)
        for step in (solo_step(job, data), *(() if kind == "text" else (fused_step(job, data, 2),))):
            step()
            with logged() as log:
                step()
            assert (log.copies, log.waits) == (0, 0)
