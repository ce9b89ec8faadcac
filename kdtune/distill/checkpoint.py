"""A training's state in one file, replaced in one step: weights, optimiser, and the reports so far.

The file includes the reports, so that an epoch can be reported again if its report never arrived (because the driver
was killed). It is read with `weights_only=True`: tensors and plain values, never code.
"""

import io
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kdtune.distill.config import Job
from kdtune.distill.one_copy import content_to_host
from kdtune.distill.torch_file import read_torch
from kdtune.errors import KdtuneError
from kdtune.files import write_bytes
from kdtune.runs.records import Report

FORM = 1
"""Version of the checkpoint format."""

_SYNC_SECONDS = 5.0
"""A process waits for the disk once in this time: a power cut costs so much training, and the waiting under one per
cent of it. What a finished model left is made durable when it is recorded as done."""


class CheckpointError(KdtuneError):
    """A checkpoint is damaged, or belongs to another training."""


def save_checkpoint(
    path: Path,
    job: Job,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    reports: list[Report],
    regressor: nn.Module | None = None,
) -> None:
    """Write the state after an epoch; `regressor` is what a loss of features trains beside the model."""
    content = {
        "job": job.to_dict(),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "reports": [report.to_dict() for report in reports],
    }
    if regressor is not None:
        content["regressor"] = regressor.state_dict()
    write_checkpoint(path, content)


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint's content; a reader sees the old file or the new one, never a mixture.

    Tensors leave a device in one copy.
    """
    buffer = io.BytesIO()
    torch.save({"form": FORM, **content_to_host(content)}, buffer)
    durable = time.monotonic() - _Synced.at >= _SYNC_SECONDS
    write_bytes(path, buffer.getvalue(), durable=durable)
    if durable:
        _Synced.at = time.monotonic()


class _Synced:
    """When this process last waited for the disk."""

    at = -math.inf


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, on the CPU.

    Raises:
        CheckpointError: the file is missing, cut short, damaged, or holds more than tensors and plain values.
    """
    try:
        content = read_torch(path, checksums=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: missing") from None
    except Exception as error:  # a damaged file can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: not readable as a checkpoint ({reason})") from None
    if not isinstance(content, dict) or content.get("form") != FORM:
        raise CheckpointError(f"{path}: not a checkpoint of this version")
    return content


def load_checkpoint(
    path: Path,
    job: Job,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    regressor: nn.Module | None = None,
) -> list[Report]:
    """Load a checkpoint's state into a model and its optimiser, and return the reports so far.

    Raises:
        CheckpointError: it can't be read, or was written for another job.
    """
    content = read_checkpoint(path)
    try:
        if Job.from_dict(content["job"]) != job:
            raise CheckpointError(f"{path}: written for another configuration")
        reports = [Report.from_dict(report) for report in content["reports"]]
        model.load_state_dict(content["model"])
        if regressor is not None:
            regressor.load_state_dict(content["regressor"])
        optimizer.load_state_dict(content["optimizer"])
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path}: its content is damaged ({type(error).__name__})") from None
    return reports
