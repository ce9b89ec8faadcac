"""Which tensors of a network belong to its classifier, and its first convolution for other numbers of channels."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


def classifier_tensors(build: Callable[[int], nn.Module], n_classes: int) -> tuple[str, ...]:
    """Return the names of the tensors whose shapes depend on the number of classes.

    Args:
        build: from the number of classes to the network.
        n_classes: of the network.
    """
    shapes = [_shapes(build, n) for n in (n_classes, n_classes + 1)]
    return tuple(name for name, shape in shapes[0].items() if shapes[1].get(name) != shape)


def _shapes(build: Callable[[int], nn.Module], n_classes: int) -> dict[str, tuple[int, ...]]:
    try:
        with torch.device("meta"):
            model = build(n_classes)
    except (
        NotImplementedError,
        RuntimeError,
    ):  # some initialise their weights with numbers that they read back
        model = build(n_classes)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def without(state: Mapping[str, Tensor], names: tuple[str, ...]) -> dict[str, Tensor]:
    """Return tensors but those of some names, contiguous."""
    return {name: tensor.contiguous() for name, tensor in state.items() if name not in names}


def first_convolution(model: nn.Module) -> str | None:
    """Return the name of the first convolution; None where there is none."""
    return next((name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)), None)


def fit_channels(model: nn.Module, channels: int) -> None:
    """Replace the first convolution by one for another number of channels, initialised as in a residual network."""
    name = first_convolution(model)
    old = None if name is None else model.get_submodule(name)
    if name is None or not isinstance(old, nn.Conv2d) or old.in_channels == channels:
        return
    new = nn.Conv2d(
        channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        stride=old.stride,  # type: ignore[arg-type]
        padding=old.padding,  # type: ignore[arg-type]
        dilation=old.dilation,  # type: ignore[arg-type]
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, new)


def weight_for_channels(weight: Tensor, channels: int) -> Tensor:
    """Return a colour convolution's weight, [out, 3, h, w], for another number of channels, as timm does.

    One channel gets the sum of the three, so that grey images give what they gave in colour; more channels repeat
    them, scaled to the same sum.
    """
    if channels == weight.shape[1]:
        return weight
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    repeated = weight.repeat(1, -(-channels // weight.shape[1]), 1, 1)[:, :channels]
    return repeated * (weight.shape[1] / channels)
