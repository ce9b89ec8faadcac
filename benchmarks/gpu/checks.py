"""Whether the device computes what the processor computes, and several students as one what each computes alone."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.gpu.setups import arrays_of, data_on, job_of, shortened
from kdtune.distill.arrays import DeviceData
from kdtune.distill.cohorts.cohort import CohortMember
from kdtune.distill.cohorts.open_cohort import open_cohort
from kdtune.distill.config import Execution, Precision
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.execution.step_graph import recorder_of
from kdtune.distill.steps import noise_logits
from kdtune.distill.teachers.signal import TeacherSignal
from kdtune.distill.training import Training

TOLERATED = {"float32": (1e-3, 0.02), "bfloat16": (0.02, 0.2)}
"""Relative differences of loss and logits that rounding explains after four steps, by precision."""


def differences(
    architecture: str, device: torch.device, size: int, batch: int
) -> dict[str, tuple[float, float]]:
    """Train four steps in each way that should give the same; return how far loss and logits are apart."""
    host, there = (data_on(d, arrays_of(size, 4 * batch)) for d in (torch.device("cpu"), device))
    expected = _alone(architecture, "float32", host, batch)
    alone = _alone(architecture, "float32", there, batch)
    as_graph = (
        {}
        if recorder_of(device) is None
        else {
            "a graph against eager": _apart(alone, _alone(architecture, "float32", there, batch, "graphs")),
        }
    )
    return {
        "device against processor": _apart(expected, alone),
        **as_graph,
        "three as one against alone": _apart(alone, _as_one(architecture, there, batch)),
        "bfloat16 against float32": _apart(alone, _alone(architecture, "bfloat16", there, batch)),
    }


def wrong(found: dict[str, tuple[float, float]]) -> list[str]:
    """Return the comparisons that rounding does not explain."""
    bounds = {name: TOLERATED["bfloat16" if name.startswith("bfloat16") else "float32"] for name in found}
    return [
        name
        for name, (loss, logits) in found.items()
        if not (loss <= bounds[name][0] and logits <= bounds[name][1])
    ]


def _alone(
    architecture: str, precision: Precision, data: DeviceData, batch: int, execution: Execution = "eager"
) -> tuple[float, Tensor]:
    job = shortened(job_of(architecture, precision, batch, execution=execution), 1)
    training = Training(job, data, teacher=_noise(data))
    report = training.step()
    if training.execution.why_eager:
        raise RuntimeError(training.execution.why_eager)
    assert report.train_loss is not None
    logits = predict_logits(training.model.eval(), data.validation, precision=precision)
    return report.train_loss, logits.cpu()


def _as_one(architecture: str, data: DeviceData, batch: int) -> tuple[float, Tensor]:
    """Return what the first of three students that are trained as one gives."""
    with tempfile.TemporaryDirectory() as folder:
        members = [
            CohortMember(
                k,
                shortened(job_of(architecture, "float32", batch, k), 1),
                _noise(data),
                Path(folder) / f"{k}.pt",
            )
            for k in range(3)
        ]
        cohort = open_cohort(members, data, state=Path(folder) / "state.pt")
        cohort.step()
        [report] = cohort.reports[0]
        found = torch.load(members[0].checkpoint, weights_only=True)
    training = Training(members[0].job, data, teacher=members[0].teacher)
    training.model.load_state_dict(found["model"])
    assert report.train_loss is not None
    return report.train_loss, predict_logits(training.model.eval(), data.validation).cpu()


def _noise(data: DeviceData) -> TeacherSignal:
    return TeacherSignal(lambda _: noise_logits(data), data.arrays.validation_labels)


def _apart(a: tuple[float, Tensor], b: tuple[float, Tensor]) -> tuple[float, float]:
    return abs(a[0] - b[0]) / abs(a[0]), float((a[1] - b[1]).abs().max() / a[1].abs().max())
