"""Passes of a model over inputs: at its precision, and with few enough examples at once."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from kdtune.data.images.views import Views

_BATCH, _LARGE, _SMALLEST = 500, 64, 16
"""Most examples per batch; most of large ones on a CPU; fewest."""

_VALUES, _MOST_VALUES = 2**18, 2**21
"""Input values per batch on a CPU: so few that activations stay in the processor's cache (a ResNet-8 runs 2.6 times
faster on 64 images of 32x32 than on 500), and the most for large examples, which take hundreds of MB more."""


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[object]:
    """Return the context in which a forward pass runs at this precision."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def evaluation_batch(views: Views) -> int:
    """Return how many examples are evaluated at once."""
    if views.device.type != "cpu":
        return _BATCH
    values = max(1, views.values)
    return max(_SMALLEST, min(_BATCH, max(_VALUES // values, min(_LARGE, _MOST_VALUES // values))))


def is_small(views: Views) -> bool:
    """Return whether the activations of a batch on a CPU stay in the processor's cache."""
    return evaluation_batch(views) * views.values <= _VALUES


@torch.inference_mode()
def predict_logits(
    model: nn.Module,
    views: Views,
    *,
    view: int | None = None,
    precision: str = "float32",
    rows: np.ndarray | None = None,
    batch: int | None = None,
) -> Tensor:
    """Return the model's logits, float32 [n, classes]: on one view of the inputs, or on the unchanged inputs.

    The model is where the views are.

    Args:
        precision: `float32`, `bfloat16` or `float16`.
        rows: positions of the inputs, int64 [n]; all of them if left out.
        batch: most examples at once; default: `evaluation_batch`.
    """
    n = len(views) if rows is None else len(rows)
    return gathered(outputs(model, views, view=view, precision=precision, rows=rows, batch=batch), n)


@torch.inference_mode()
def predict_classes(model: nn.Module, views: Views, *, precision: str = "float32") -> Tensor:
    """Return the classes that the model gives the unchanged inputs, int64 [n]: logits are kept of one batch only."""
    found = outputs(model, views, precision=precision)
    return gathered((logits.argmax(dim=1) for logits in found), len(views))


def outputs(
    model: Callable[[Tensor], Tensor],
    views: Views,
    *,
    view: int | None = None,
    precision: str = "float32",
    rows: np.ndarray | None = None,
    batch: int | None = None,
) -> Iterator[Tensor]:
    """Yield what a model (or several as one) answers on one batch of inputs after the other, float32.

    Args: as those of `predict_logits`.
    """
    stored = views.stored
    at = torch.arange(len(views), device=stored) if rows is None else torch.from_numpy(rows).to(stored)
    for indices in at.split(batch or evaluation_batch(views)):
        inputs = views.plain(indices) if view is None else views.batch(view, indices)
        with autocast(views.device, precision):
            yield model(inputs).float()


def gathered(parts: Iterable[Tensor], n: int, dim: int = 0) -> Tensor:
    """Return batches of results as one tensor of `n` examples along `dim`; each is copied into it as it comes.

    In a list, small results would lie between the freed memory of large batches, which the allocator then can't use
    again: a process grew by twice the size of the images that it evaluated.
    """
    found, at = torch.empty(0), 0
    for part in parts:
        if not at:
            found = part.new_empty([*part.shape[:dim], n, *part.shape[dim + 1 :]])
        found.narrow(dim, at, part.shape[dim]).copy_(part)
        at += part.shape[dim]
    return found
