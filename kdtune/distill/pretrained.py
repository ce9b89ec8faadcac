"""Loads a trained model from a file instead of training it: a pretrained teacher."""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kdtune.distill.weights import Weights
from kdtune.errors import InputError

_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
"""Torchvision's DenseNet weights write `norm.1` for what its DenseNets call `norm1`."""


def load_weights(model: nn.Module, weights: Weights, name: str) -> None:
    """Load a checkpoint's weights into a model; `name` is its architecture, for messages.

    It reads .safetensors, and what torch.load reads with `weights_only`: no code in a file is run. The state may be
    under `state_dict` or `model`; a leading `module.`, and the names of a `transformers` model, are understood.

    Raises:
        InputError: the file is gone, changed, damaged, or does not fit: one line says which keys and shapes.
    """
    if Weights.of(weights.path) != weights:
        raise InputError(f"{weights.path}: the weights have changed since the run began: start a new run")
    wanted = model.state_dict()
    state = _named_as(read_state(Path(weights.path)), wanted)
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    extra = [key for key in state if key not in wanted]
    other = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    problems = [
        f"{len(keys)} {what} ({keys[0]})"
        for keys, what in (
            (missing, "of its tensors are not in the file"),
            (extra, "in the file do not belong to it"),
        )
        if keys
    ]
    if other:
        key = other[0]
        problems.append(
            f"{len(other)} of another shape ({key}: {list(state[key].shape)} in the file, {list(wanted[key].shape)} "
            "in the model)"
        )
    if problems:
        raise InputError(
            f"{weights.path}: the weights do not fit {name!r}: {', '.join(problems)}; give a checkpoint of this "
            "architecture that was trained on these classes and this size of input"
        )
    model.load_state_dict({**wanted, **state})


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, on the CPU.

    Raises:
        InputError: it is damaged, or holds more than tensors and plain values.
    """
    import safetensors
    import safetensors.torch

    try:
        if path.suffix == ".safetensors":
            content: Any = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can raise anything
        raise InputError(
            f"{path}: not readable as weights ({type(error).__name__}): give a .safetensors file, or a .pt that holds "
            "tensors and nothing else"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not any(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path}: holds no named tensors, so it is not a checkpoint of a model")
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _named_as(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    named = {}
    wrapped = all(key.startswith("model.") for key in wanted)
    for key, value in state.items():
        name = _OLD_DENSENET.sub(r"\1\2.", key.removeprefix("module."))
        if wrapped and not name.startswith("model."):
            name = f"model.{name}"
        if name in wanted or not name.endswith("position_ids"):  # old BERTs stored these constants
            named[name] = value
    return named
