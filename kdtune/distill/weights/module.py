"""The module that a job means, and what stands before one that was trained on other inputs than these data give."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdtune.distill.arrays import Arrays
from kdtune.distill.config import Job
from kdtune.distill.weights.source import Weights
from kdtune.models import Ensemble, behaviour, build, build_fitting
from kdtune.models.families.library_model import LibraryModel


def module_of(job: Job, *, input_shape: Sequence[int], n_classes: int) -> nn.Module:
    """Return a job's model, freshly initialised: what the weights that are kept of it fit."""
    if job.members:
        return Ensemble(
            module_of(member, input_shape=input_shape, n_classes=n_classes) for member in job.members
        )
    file = file_of(job)
    return assembled(
        job.architecture,
        input_shape=input_shape,
        n_classes=n_classes,
        own_shape=None if file is None else file.shape,
        renormalised=file is not None and file.mean is not None,
    )


def trained_module(
    job: Job, state: Mapping[str, Tensor], *, input_shape: Sequence[int], n_classes: int
) -> nn.Module:
    """Return a job's model with the weights that were kept of it, in evaluation mode.

    Raises:
        UnknownNameError: the architecture is unknown.
        RuntimeError: the weights don't fit it.
    """
    make = partial(module_of, job, input_shape=input_shape, n_classes=n_classes)
    return build_fitting(make, state).eval()


def file_of(job: Job) -> Weights | None:
    """Return the file that a job's model is taken from, or begins from; None where there is none."""
    return job.weights or job.initial


def code_of(job: Job, *, input_shape: Sequence[int], n_classes: int) -> list[str]:
    """Return what tells a job's models of the user's own from others of the same name: one text for each of them."""
    code = []
    for part in () if job.logits is not None else job.members or (job,):
        file = file_of(part)
        shape = input_shape if file is None or file.shape is None else file.shape
        code.append(behaviour(part.architecture, input_shape=shape, n_classes=n_classes))
    return list(filter(None, code))


def assembled(
    model: str | LibraryModel,
    *,
    input_shape: Sequence[int],
    n_classes: int,
    own_shape: Sequence[int] | None,
    renormalised: bool,
) -> nn.Module:
    """Return a model for inputs of one shape that was trained on those of another, or of another normalisation.

    Args:
        own_shape: of the inputs that it was trained on; None where it is `input_shape`.
        renormalised: whether its inputs were normalised otherwise than the data's.
    """
    shape = tuple(input_shape if own_shape is None else own_shape)
    inner = build(model, input_shape=shape, n_classes=n_classes)
    if not renormalised:
        return inner
    return Renormalised(inner, shape[0], None if shape == tuple(input_shape) else shape[1:])


class Renormalised(nn.Module):
    """A model behind the step from the data's normalisation to its own, which is kept with its weights.

    It is no part of the first convolution: that pads with zeros, which are another grey in each normalisation.
    Where the model was trained on images of another size, `size` is its (height, width): they are scaled bilinearly.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, model: nn.Module, channels: int, size: Sequence[int] | None = None) -> None:
        super().__init__()
        self.model = model
        self.size = None if size is None else tuple(size)
        self.register_buffer("scale", torch.ones(channels, 1, 1))
        self.register_buffer("shift", torch.zeros(channels, 1, 1))

    def between(self, data: Arrays, file: Weights) -> None:
        """Lead from the normalisation of the data to that of the file."""
        self.scale.copy_(_column(data.std) / _column(file.std))
        self.shift.copy_((_column(data.mean) - _column(file.mean)) / _column(file.std))

    def forward(self, x: Tensor) -> Tensor:
        """Map images [n, c, h, w] to logits [n, classes]."""
        x = x * self.scale + self.shift
        if self.size is not None:
            x = functional.interpolate(x, self.size, mode="bilinear", align_corners=False)
        out: Tensor = self.model(x)
        return out


def _column(values: Sequence[float] | None) -> Tensor:
    return torch.tensor(values or (), dtype=torch.float64).reshape(-1, 1, 1)
