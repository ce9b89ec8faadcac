"""The feature space in which individual fairness measures the distance of two examples."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from kdtune.data.images.views import Views
from kdtune.distill.evaluation.forward import evaluation_batch
from kdtune.distill.torch_file import read_torch
from kdtune.errors import InputError
from kdtune.models import penultimate

_MOST_NUMBERS = 200_000_000
"""Largest number of features in memory at once: 800 MB in float32, enough for 10,000 images of 3x64x64. With more, a
sample of the examples is drawn, and the report says so."""


def sample_of(n: int, width: int, seed: int) -> np.ndarray:
    """Return the indices of the examples to measure, int64 and sorted: all, or as many as fit into memory."""
    most = max(2, _MOST_NUMBERS // max(1, width))
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size=most, replace=False))


def raw(views: Views, indices: np.ndarray) -> np.ndarray:
    """Return normalised inputs, float32 [k, D]."""
    return _in_batches(lambda batch: batch.flatten(1), views, indices)


@torch.inference_mode()
def of_teacher(module: nn.Module, views: Views, indices: np.ndarray) -> np.ndarray:
    """Return the input of a model's last layer, float32 [k, D]."""
    return _in_batches(lambda batch: penultimate(module, batch), views, indices)


@torch.inference_mode()
def of_torchvision(name: str, images: torch.Tensor, indices: np.ndarray) -> np.ndarray:
    """Return the penultimate features of a torchvision model with its ImageNet weights, float32 [k, D].

    Args:
        images: uint8 [n, 1 or 3, h, w].

    Raises:
        InputError: there is no such model, or its weights are not on this disk.
    """
    model, transform = _torchvision(name)
    rows = []
    for start in range(0, len(indices), 50):
        batch = images[torch.from_numpy(indices[start : start + 50])]
        rows.append(penultimate(model, transform(batch.expand(-1, 3, -1, -1))).float().numpy())
    return np.concatenate(rows)


def check_torchvision(name: str) -> Path:
    """Return the path of a torchvision model's weights.

    Raises:
        InputError: there is no such model, or its weights are not on this disk.
    """
    from torchvision.models import get_model_weights

    try:
        weights = get_model_weights(name).DEFAULT
    except ValueError:
        raise InputError(
            f"study.individual.features: {name!r} is neither 'raw', 'teacher', nor a model of torchvision"
        ) from None
    path = Path(torch.hub.get_dir()) / "checkpoints" / str(weights.url).rpartition("/")[2]
    if not path.is_file():
        raise InputError(
            f"study.individual.features: {name}'s weights are not on this disk: put {path.name} into {path.parent}, "
            "or use 'raw' or 'teacher'"
        )
    return path


def _torchvision(name: str) -> tuple[nn.Module, nn.Module]:
    from torchvision.models import get_model, get_model_weights

    path = check_torchvision(name)
    model: nn.Module = get_model(name, weights=None)
    model.load_state_dict(read_torch(path))
    return model.eval(), get_model_weights(name).DEFAULT.transforms()


def _in_batches(
    function: Callable[[torch.Tensor], torch.Tensor], views: Views, indices: np.ndarray
) -> np.ndarray:
    found: np.ndarray | None = None
    size = evaluation_batch(views)
    for start in range(0, len(indices), size):
        batch = views.plain(torch.from_numpy(indices[start : start + size]))
        rows = function(batch).float().cpu().numpy()
        if found is None:  # filled in place, because joining the parts would need twice the memory
            found = np.empty((len(indices), rows.shape[1]), dtype=np.float32)
        found[start : start + len(rows)] = rows
    return np.zeros((0, 0), dtype=np.float32) if found is None else found
