"""Puts a trained model from a file into a model of ours, or says why it does not fit."""

import argparse
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kdtune.distill.torch_file import read_torch
from kdtune.distill.weights.published import State, in_our_spelling
from kdtune.distill.weights.source import Weights
from kdtune.errors import InputError
from kdtune.files import LARGEST_WEIGHTS, open_regular

_CONTAINERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "teacher",
    "student",
    "state_dict_ema",
    "model_ema",
    "ema",
    "checkpoint",
)
"""Keys under which training scripts keep the weights; of several, the first here counts."""

_WRAPPERS = ("module", "_orig_mod")
"""Parts of a name that DataParallel, averaged models and torch.compile add."""

_LEFTOVERS = ("total_ops", "total_params", "n_averaged")
"""Tensors that profilers and averaged models leave in a checkpoint: no weights."""

_OPTIONAL = ("num_batches_tracked", "position_ids")
"""Tensors that a checkpoint may lack or have in excess: counters, and constants that old BERTs stored."""


def load_weights(model: nn.Module, weights: Weights, name: str) -> None:
    """Load a checkpoint's weights into a model; `name` is its architecture, for messages.

    It reads .safetensors, and what torch.load reads with `weights_only`: no code in a file is run. The state may lie in
    a container, and its names may have prefixes that all of them share. Weights of half precision become float32.
    Published checkpoints: `kdtune.distill.weights.published`. Classes are put in the order that is asked for.

    Raises:
        InputError: the file is gone, changed, damaged, or does not fit: one line says which keys and shapes.
    """
    if Weights.of(weights.path).sha256 != weights.sha256:
        raise InputError(f"{weights.path}: the weights have changed since the run began: start a new run")
    wanted = model.state_dict()
    state = read_state(Path(weights.path))
    try:
        state = _fitting(state, wanted, weights.lacks or ())
    except InputError as error:
        raise InputError(f"{weights.path}: the weights do not fit {name!r}: {error}") from None
    _check_finite(state, weights.path)
    model.load_state_dict({**wanted, **state})
    if weights.order is not None:
        _order_classes(model, list(weights.order), weights.path)


def read_state(path: Path) -> State:
    """Return the tensors of a checkpoint by name, on the CPU.

    Raises:
        InputError: it is damaged, or holds more than tensors and plain values.
    """
    import safetensors
    import safetensors.torch

    try:
        if _is_safetensors(path):
            content: Any = safetensors.torch.load_file(path)
        else:
            with torch.serialization.safe_globals(_inert()):
                content = read_torch(path)
    except Exception as error:  # a damaged file can raise anything
        pickled = re.search(r"GLOBAL ([\w.]+)", str(error))
        holds = f"it holds a pickled {pickled[1]}, and reading that could run code" if pickled else ""
        raise InputError(
            f"{path}: not readable as weights ({holds or type(error).__name__}): give a .safetensors file, or a .pt "
            "that holds tensors and nothing else, as torch.save(model.state_dict(), FILE) writes it"
        ) from None
    while isinstance(content, Mapping) and (inner := _contained(content)) is not None:
        _check_one_model(content, path)
        content = inner
    state = {}
    if isinstance(content, Mapping):
        state = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not state:
        raise InputError(f"{path}: holds no named tensors, so it is not a checkpoint of a model")
    return state


def _is_safetensors(path: Path) -> bool:
    """Tell by its first bytes, whatever the file is called: the length of a JSON object, and the object."""
    with open_regular(path, limit=LARGEST_WEIGHTS) as file:
        return file.read(9)[8:] == b"{"


def _check_one_model(content: Mapping[Any, Any], path: Path) -> None:
    """Refuse a checkpoint of a distillation whose teacher and student are of one architecture: it may mean either."""
    shapes = [
        {key: value.shape for key, value in content[name].items() if isinstance(value, Tensor)}
        for name in ("teacher", "student")
        if isinstance(content.get(name), Mapping)
    ]
    if len(shapes) == 2 and shapes[0] == shapes[1]:
        raise InputError(
            f"{path}: holds a teacher and a student of the same shapes: save the one that is meant in a file of its own"
        )


def _inert() -> list[Any]:
    """Return the classes beyond tensors that training scripts save beside weights, and that run nothing when read."""
    numbers: Any = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int32, np.int64, np.bool_)]
    return [argparse.Namespace, np.dtype, *kinds, numbers, (numbers, "numpy.core.multiarray.scalar")]


def _contained(content: Mapping[Any, Any]) -> Mapping[Any, Any] | None:
    """Return what a training script keeps the weights in, if anything."""
    for key in _CONTAINERS:
        if isinstance(content.get(key), Mapping):
            inner: Mapping[Any, Any] = content[key]
            return inner
    if any(isinstance(value, Tensor) for value in content.values()):
        return None
    # Under another key; the state of an optimizer lies deeper, so that it is not taken for weights.
    holding = [
        value
        for value in content.values()
        if isinstance(value, Mapping) and any(isinstance(inner, Tensor) for inner in value.values())
    ]
    return holding[0] if len(holding) == 1 else None


def _fitting(state: State, wanted: State, lacks: Collection[str]) -> State:
    """Return the tensors under the names of a model, without those that it can do without, or that are in `lacks`."""
    state = {name: value for name, value in state.items() if name.rpartition(".")[2] not in _LEFTOVERS}
    ours = _unwrapped(wanted)
    given = _unwrapped(state)
    full = dict(zip(given, state, strict=True))
    names = dict(zip(ours, wanted, strict=True))
    spelt = in_our_spelling(given, names)
    found = {names.get(name, full.get(name, name)): value for name, value in spelt.items()}
    missing = [
        name for name in wanted if name not in found and name not in lacks and not name.endswith(_OPTIONAL)
    ]
    extra = [name for name in found if name not in wanted and not name.endswith(_OPTIONAL)]
    other = [name for name in wanted if name in found and found[name].shape != wanted[name].shape]
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
            f"{len(other)} of another shape ({key}: {list(found[key].shape)} in the file, {list(wanted[key].shape)} "
            "in the model)"
        )
    if problems:
        raise InputError(
            f"{', '.join(problems)}; give a checkpoint of this architecture that was trained on these classes and "
            "this size of input"
        )
    for name in wanted.keys() & found.keys():
        if wanted[name].is_floating_point() != found[name].is_floating_point():
            raise InputError(
                f"{name} holds {found[name].dtype}, as a quantised model does: give the original"
            )
    return {name: value for name, value in found.items() if name in wanted}


def _unwrapped(state: State) -> State:
    """Return tensors, in their order, by name without wrappers and without the prefix that all names share.

    Raises:
        InputError: two names are the same without them.
    """
    names = [[part for part in name.split(".") if part not in _WRAPPERS] for name in state]
    while all(len(parts) > 1 for parts in names) and len({parts[0] for parts in names}) == 1:
        names = [parts[1:] for parts in names]
    plain = [".".join(parts) for parts in names]
    for name, times in Counter(plain).items():
        if times > 1:
            raise InputError(f"it holds {name} {times} times, under several prefixes: keep one")
    return dict(zip(plain, state.values(), strict=True))


def _check_finite(state: State, path: str) -> None:
    for name, value in state.items():
        if value.is_floating_point() and (broken := int((~torch.isfinite(value)).sum())):
            raise InputError(
                f"{path}: {broken} of {value.numel()} values of {name!r} are NaN or infinite: its training diverged, "
                "or the file is damaged: give another checkpoint"
            )


@torch.no_grad()
def _order_classes(model: nn.Module, order: list[int], path: str) -> None:
    """Put the outputs of a model in another order: output k becomes what output order[k] was."""
    heads = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == len(order)]
    if len(heads) != 1:
        raise InputError(
            f"{path}: its classes can't be put in the order of the data: {len(heads)} layers have {len(order)} "
            "outputs: reorder the outputs in the file, and leave `classes` out"
        )
    [head] = heads
    head.weight.copy_(head.weight[order])
    if head.bias is not None:
        head.bias.copy_(head.bias[order])
