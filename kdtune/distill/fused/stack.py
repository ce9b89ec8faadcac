"""K networks of one architecture as one network, side by side in the channels.

Images are [n, K * C, h, w], vectors [n, K * D], the first network's channels first. A convolution has one group per
network, a linear layer is a batched product, and batch normalisation works by channel anyway. The first layer sees the
inputs themselves, [n, C, ...]: they are the same for all networks, so they are not copied.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdtune.models import build

_PLAIN: tuple[type[nn.Module], ...] = (
    nn.ReLU,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Flatten,
    nn.Identity,
)
"""Layers that have no weights and do not look across channels."""


class NotStackable(Exception):  # noqa: N818 (an answer, not a mistake)
    """These networks have a part that does not work side by side."""


def stack(models: Sequence[nn.Module]) -> nn.Module:
    """Return networks of one architecture as one: from [n, ...] to logits [n, K * classes].

    Parameters and buffers have the same names as in one network, and K times its first dimension; counters stay
    single. The given networks are not changed.

    Raises:
        NotStackable: a layer is of a kind that is not known to work side by side.
    """
    first = models[0]
    names = [name for name, _ in first.named_parameters(remove_duplicate=False)]
    if len(names) != len(list(first.parameters())):
        raise NotStackable("layers share weights")
    stacked = _stack(models)
    if stacked.state_dict().keys() != first.state_dict().keys():
        raise NotStackable("a layer computes its weights from others")
    return stacked


def _stack(models: Sequence[nn.Module]) -> nn.Module:
    first = models[0]
    match first:
        case nn.Conv2d():
            return _Conv2d(models)
        case nn.Linear():
            return _Linear(models)
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return _batch_norm(models)
        case _ if type(first) in _PLAIN:
            return copy.deepcopy(first)
    if not list(first.children()):
        raise NotStackable(f"{type(first).__name__} is not known to work side by side")
    if first._parameters or first._buffers:
        raise NotStackable(f"{type(first).__name__} has weights of its own")
    stacked = copy.copy(first)
    stacked._modules = {
        name: _stack([model.get_submodule(name) for model in models]) for name, _ in first.named_children()
    }
    if hasattr(
        stacked, "copies"
    ):  # its forward pass depends on the channels, so it must know how many networks there are
        stacked.__dict__["copies"] = len(models)
    return stacked


class _Conv2d(nn.Module):
    def __init__(self, models: Sequence[Any]) -> None:
        super().__init__()
        first = models[0]
        if first.groups != 1 or first.padding_mode != "zeros":
            raise NotStackable("a convolution with groups, or padded with something other than zeros")
        self.copies = len(models)
        self.inputs = first.in_channels
        self.options = (first.stride, first.padding, first.dilation)
        self.weight = _joined([model.weight for model in models])
        self.bias = None if first.bias is None else _joined([model.bias for model in models])

    def forward(self, x: Tensor) -> Tensor:
        groups = 1 if x.shape[1] == self.inputs else self.copies
        return functional.conv2d(x, self.weight, self.bias, *self.options, groups)


class _Linear(nn.Module):
    def __init__(self, models: Sequence[Any]) -> None:
        super().__init__()
        first = models[0]
        self.copies = len(models)
        self.inputs = first.in_features
        self.weight = _joined([model.weight for model in models])
        self.bias = None if first.bias is None else _joined([model.bias for model in models])

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2:
            raise NotStackable("a linear layer on something other than vectors")
        if x.shape[1] == self.inputs:
            return functional.linear(x, self.weight, self.bias)
        # `unflatten`, not `reshape`: that may silently copy the weights, and a copy would never be trained.
        weight = self.weight.unflatten(0, (self.copies, -1)).transpose(1, 2)
        each = x.unflatten(1, (self.copies, -1)).transpose(0, 1)
        if self.bias is None:
            out = torch.bmm(each, weight)
        else:
            out = torch.baddbmm(self.bias.unflatten(0, (self.copies, 1, -1)), each, weight)
        return out.transpose(0, 1).flatten(1)


def _batch_norm(models: Sequence[Any]) -> nn.Module:
    first = models[0]
    if first.momentum is None or not first.track_running_stats:
        raise NotStackable("a batch normalisation without running statistics of the usual kind")
    norm: nn.Module = type(first)(
        len(models) * first.num_features, eps=first.eps, momentum=first.momentum, affine=first.affine
    )
    if first.affine:
        norm.weight = _joined([model.weight for model in models])
        norm.bias = _joined([model.bias for model in models])
    norm.running_mean = torch.cat([model.running_mean for model in models])
    norm.running_var = torch.cat([model.running_var for model in models])
    norm.num_batches_tracked = first.num_batches_tracked.clone()
    return norm.train(first.training)


def _joined(parameters: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.cat([parameter.detach() for parameter in parameters]))


def is_stackable(architecture: str, input_shape: tuple[int, ...], n_classes: int) -> bool:
    """Return whether networks of this name work side by side: check their layers, then try it.

    As one, two networks with different weights must give the logits and the gradients that each gives alone.
    """
    if len(input_shape) == 2:  # token ids: no layer here takes them
        return False
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        models = [
            build(architecture, input_shape=input_shape, n_classes=n_classes).double() for _ in range(2)
        ]
        inputs = torch.randn(4, *input_shape, dtype=torch.float64)
        weights = torch.randn(2, 4, n_classes, dtype=torch.float64)
    try:
        stacked = stack(models)
        logits = stacked(inputs).unflatten(1, (2, -1)).transpose(0, 1)
    except Exception:  # a forward pass that does not fit: any code may be in it
        return False
    (logits * weights).sum().backward()
    for k, model in enumerate(models):
        alone = model(inputs)
        if alone.shape != logits[k].shape or not torch.allclose(alone, logits[k]):
            return False
        (alone * weights[k]).sum().backward()
        joint = dict(stacked.named_parameters())
        for name, parameter in model.named_parameters():
            gradient = joint[name].grad
            if (gradient is None) != (parameter.grad is None):
                return False
            if gradient is not None and parameter.grad is not None:
                part = gradient.unflatten(0, (2, -1))[k]
                if not torch.allclose(parameter.grad, part, rtol=1e-6, atol=1e-9):
                    return False
    return True
