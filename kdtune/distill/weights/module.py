"""The module that a job means, and what stands before one that was trained on other inputs than these data give."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdtune.distill.arrays import Arrays
from kdtune.distill.config import Job
from kdtune.distill.weights.source import Weights
from kdtune.models import build


def module_of(job: Job, *, input_shape: Sequence[int], n_classes: int) -> nn.Module:
    """Return a job's model, freshly initialised: what the weights that are kept of it fit."""
    model = build(job.architecture, input_shape=input_shape, n_classes=n_classes)
    given = job.weights is not None and job.weights.mean is not None
    return Renormalised(model, input_shape[0]) if given else model


class Renormalised(nn.Module):
    """A model behind the step from the data's normalisation to its own, which is kept with its weights.

    It is no part of the first convolution: that pads with zeros, which are another grey in each normalisation.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, model: nn.Module, channels: int) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("scale", torch.ones(channels, 1, 1))
        self.register_buffer("shift", torch.zeros(channels, 1, 1))

    def between(self, data: Arrays, file: Weights) -> None:
        """Lead from the normalisation of the data to that of the file."""
        self.scale.copy_(_column(data.std) / _column(file.std))
        self.shift.copy_((_column(data.mean) - _column(file.mean)) / _column(file.std))

    def forward(self, x: Tensor) -> Tensor:
        """Map images [n, c, h, w] to logits [n, classes]."""
        out: Tensor = self.model(x * self.scale + self.shift)
        return out


def _column(values: Sequence[float] | None) -> Tensor:
    return torch.tensor(values or (), dtype=torch.float64).reshape(-1, 1, 1)
