"""Passes of a model on several cores of a CPU: each computes batches of its own, so that none waits within a batch."""

import copy
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from kdtune.data.images.views import Views
from kdtune.distill.evaluation.forward import evaluation_batch, is_small, predict_logits

_KNOWN = {"kdtune", "torch", "torchvision", "timm"}
"""Packages whose modules keep nothing of a forward pass but in themselves, and draw nothing at random in evaluation."""

_MOST = 8
"""Threads at most: each holds the activations of a batch."""


def spread_logits(
    model: nn.Module,
    views: Views,
    *,
    threads: int,
    view: int | None = None,
    precision: str = "float32",
) -> Tensor:
    """Return what `predict_logits` returns, to the bit: the batches are the same.

    One thread computes it on a GPU, where a batch has large examples, because the memory of its activations would be
    needed once for each thread, and where a module is of a package that we do not know.

    Args:
        threads: how many batches are computed at once, at most.
    """
    batch = evaluation_batch(views)
    batches = -(-len(views) // batch)
    modules = [model]
    if views.device.type == "cpu" and is_small(views):
        modules = _sharing_tensors(model, min(threads, batches, _MOST))
    rows = np.arange(len(views))
    size = -(-batches // len(modules)) * batch
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    predict = partial(predict_logits, view=view, precision=precision, batch=batch)
    if len(parts) < 2:
        return predict(model, views)
    with ThreadPoolExecutor(len(parts)) as pool:
        # Each thread has views of its own, because these keep their latest draw.
        waiting = [
            pool.submit(predict, module, copy.copy(views), rows=part)
            for module, part in zip(modules, parts, strict=False)
        ]
        return torch.cat([one.result() for one in waiting])


def _sharing_tensors(model: nn.Module, n: int) -> list[nn.Module]:
    """Return n models with the same parameters and buffers, or one: a module is for one thread at a time."""
    if any(type(module).__module__.partition(".")[0] not in _KNOWN for module in model.modules()):
        return [model]
    tensors = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return [model, *(copy.deepcopy(model, dict(tensors)) for _ in range(n - 1))]
