"""Properties of any module, built here or by a user."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from kdtune.errors import InputError
from kdtune.models._ensemble import Ensemble


def parameter_count(model: nn.Module) -> int:
    """Return the number of parameters, shared ones once; buffers such as running means do not count."""
    return sum(p.numel() for p in model.parameters())


def multiplications(model: nn.Module, x: Tensor) -> int:
    """Return how many multiplications the convolutions and linear layers of a model take for inputs x.

    Nearly all work of a network for images is in them. The model runs in its current mode, as in `penultimate`.
    """
    counted = 0

    def count(module: nn.Module, _args: tuple[Any, ...], output: Tensor) -> None:
        nonlocal counted
        weight = module.get_parameter("weight")
        counted += output.numel() * weight[0].numel()  # each output is a sum of so many products

    layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, layers):
                hooks.enter_context(module.register_forward_hook(count))
        model(x)
    return counted


def watch_features(model: nn.Module) -> Callable[[], Tensor]:
    """Return a function that gives the penultimate features [n, D] of the latest batch that ran in a model.

    They are the input of the `Linear` that ran last; gradients flow through them. The model is watched from now on.

    Raises:
        InputError: by the function, if no `Linear` ran in the model.
    """
    seen: list[Tensor] = []

    def keep(_module: nn.Module, args: tuple[Any, ...]) -> None:
        seen[:] = [args[0]]

    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(keep)

    def latest() -> Tensor:
        if not seen:
            raise InputError(f"{type(model).__name__} has no Linear layer, hence no penultimate features")
        return torch.flatten(seen[0], 1).float()

    return latest


def penultimate(model: nn.Module, x: Tensor) -> Tensor:
    """Return the features [n, D] from which the model's last `Linear` computes the logits of x.

    The last one is the one that runs last, wherever it is in the module. The model runs in its current mode:
    put it into eval mode first, or x changes the statistics of batch norms. Those of an ensemble are its members', side
    by side.

    Raises:
        InputError: no `Linear` runs in the model.
    """
    for module in model.modules():
        if isinstance(module, Ensemble):
            return torch.cat([penultimate(member, x) for member in module.members], dim=1)
    seen: list[Tensor] = []

    def keep(_module: nn.Module, args: tuple[Any, ...]) -> None:
        seen[:] = [args[0]]

    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, nn.Linear):
                hooks.enter_context(module.register_forward_pre_hook(keep))
        model(x)
    if not seen:
        raise InputError(f"{type(model).__name__} has no Linear layer, hence no penultimate features")
    return torch.flatten(seen[0], 1)
