"""Whole epochs of a teacher-student pair: as kdtune trains it, and as one would write it by hand."""

import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.gpu.setups import CLASSES, arrays_of, data_on, job_of, shortened, synchronise
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.cohorts.cohort import CohortMember
from kdtune.distill.cohorts.open_cohort import open_cohort
from kdtune.distill.config import Execution, Precision
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.models import build


def teacher_of(name: str, data: DeviceData) -> nn.Module:
    """Return a teacher: what it knows does not matter for the time."""
    torch.manual_seed(0)
    shape = data.arrays.input_shape
    return build(name, input_shape=shape, n_classes=CLASSES).to(data.device).eval()


def cached(teacher: nn.Module, data: DeviceData) -> tuple[TeacherSignal, float]:
    """Return the teacher's signal with its first two views computed, and the seconds that one took.

    In a sweep one process computes a view once for all students.
    """
    signal = signal_of(teacher, data)
    signal.logits(1)
    synchronise(data.device)
    started = time.perf_counter()
    views = {0: signal.logits(0).cpu()}
    seconds = time.perf_counter() - started
    views[1] = signal.logits(1).cpu()
    return TeacherSignal(views.__getitem__, signal.validation_predictions), seconds


def by_kdtune(
    student: str,
    precision: Precision,
    data: DeviceData,
    signal: TeacherSignal,
    batch: int,
    students: int,
    execution: Execution = "eager",
) -> float:
    """Return the seconds of an epoch of some students: augmentation, evaluation, report, checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        members = [
            CohortMember(
                k,
                shortened(
                    job_of(student, precision, batch, k, augment=True, execution=execution), 3
                ),  # so that the second is not the last
                signal,
                Path(folder) / f"{k}.pt",
            )
            for k in range(students)
        ]
        state = None if students == 1 else Path(folder) / "state.pt"
        cohort = open_cohort(members, data, state=state)
        cohort.step()
        if cohort.why_eager:
            raise RuntimeError(cohort.why_eager)
        synchronise(data.device)
        started = time.perf_counter()
        cohort.step()
        synchronise(data.device)
        return time.perf_counter() - started


def by_hand(student: str, teacher: nn.Module, arrays: Arrays, device: torch.device, batch: int) -> float:
    """Return the seconds of the second epoch of the usual loop: fresh batches, live teacher, eager float32."""
    model = build(student, input_shape=arrays.input_shape, n_classes=CLASSES).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4, nesterov=True)
    images, labels = torch.from_numpy(arrays.train_inputs), torch.from_numpy(arrays.train_labels)
    others, theirs = torch.from_numpy(arrays.validation_inputs), torch.from_numpy(arrays.validation_labels)
    mean, std = (torch.tensor(v, device=device)[:, None, None] for v in (arrays.mean, arrays.std))

    def prepared(rows: Tensor) -> Tensor:
        return (rows.to(device).float() / 255 - mean) / std

    def augmented(rows: Tensor) -> Tensor:
        size, crop = rows.shape[-1], arrays.crop
        padded = functional.pad(rows, (crop,) * 4)
        top, left = torch.randint(0, 2 * crop + 1, (2, len(rows))).tolist()
        cut = [
            padded[k, :, t : t + size, x : x + size] for k, (t, x) in enumerate(zip(top, left, strict=True))
        ]
        flips = torch.rand(len(rows)) < 0.5
        return torch.stack([c.flip(-1) if flip else c for c, flip in zip(cut, flips.tolist(), strict=True)])

    started = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            synchronise(device)
            started = time.perf_counter()
            model.train()
            for rows in torch.randperm(len(images)).split(batch):
                inputs, truth = prepared(augmented(images[rows])), labels[rows].to(device)
                with torch.no_grad():
                    soft = teacher(inputs)
                logits = model(inputs)
                divergence = functional.kl_div(
                    functional.log_softmax(logits / 4, 1),
                    functional.softmax(soft / 4, 1),
                    reduction="batchmean",
                )
                loss = 0.5 * 16 * divergence + 0.5 * functional.cross_entropy(logits, truth)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            model.eval()
            hits = 0
            with torch.no_grad():
                for rows in torch.arange(len(others)).split(batch):
                    hits += int((model(prepared(others[rows])).argmax(1) == theirs[rows].to(device)).sum())
            torch.save([model.state_dict(), optimizer.state_dict()], Path(folder) / "checkpoint.pt")
        synchronise(device)
        return time.perf_counter() - started


def data_of(device: torch.device, size: int, n: int) -> DeviceData:
    """Return n images, and a tenth for validation."""
    return data_on(device, arrays_of(size, n, max(8, n // 10)), augment=True)
