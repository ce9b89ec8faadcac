"""Moves many tensors from a device to the host at once: each copy makes the host wait for all that the device does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

LARGEST = 2**28
"""Bytes that one copy may take in the device's memory; what is larger leaves it in several."""


def in_order(value: Tensor, like: Tensor | None = None) -> Tensor:
    """Return a tensor flattened in the memory order of `like`, or in its own."""
    if _is_channels_last(value if like is None else like):
        value = value.permute(0, 2, 3, 1)
    return value.reshape(-1)


def view_like(block: Tensor, like: Tensor) -> Tensor:
    """Return a flat block as a view in the shape and memory layout of `like`."""
    if _is_channels_last(like):
        n, c, h, w = like.shape
        return block.view(n, h, w, c).permute(0, 3, 1, 2)
    return block.view(like.shape)


def to_host(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors on the host, in one copy for each `LARGEST` bytes; those that are there already are returned."""
    found = [tensor.detach() for tensor in tensors]
    # Large items first, so that each begins at a multiple of its own size.
    away = sorted(
        (at for at, tensor in enumerate(found) if tensor.device.type != "cpu"),
        key=lambda at: -found[at].element_size(),
    )
    for block in _blocks(found, away):
        parts = [in_order(found[at]).view(torch.uint8) for at in block]
        arrived = torch.cat(parts).cpu().split([len(part) for part in parts])
        for at, part in zip(block, arrived, strict=True):
            # A copy of its own, because torch saves a view together with all that lies behind it.
            found[at] = view_like(part.clone().view(found[at].dtype), found[at])
    return found


def content_to_host(content: Any) -> Any:
    """Return nested dicts, lists and tuples with their tensors on the host; other values stay as they are."""
    away = [value for value in _leaves(content) if isinstance(value, Tensor) and value.device.type != "cpu"]
    if not away:
        return content
    arrived = dict(zip(map(id, away), to_host(away), strict=True))
    return _replaced(content, arrived)


def _blocks(tensors: Sequence[Tensor], order: Sequence[int]) -> Iterator[list[int]]:
    block: list[int] = []
    size = 0
    for at in order:
        more = tensors[at].numel() * tensors[at].element_size()
        if block and size + more > LARGEST:
            yield block
            block, size = [], 0
        block.append(at)
        size += more
    if block:
        yield block


def _leaves(content: Any) -> Iterator[Any]:
    if isinstance(content, Mapping):
        content = list(content.values())
    if isinstance(content, list | tuple):
        for value in content:
            yield from _leaves(value)
    else:
        yield content


def _replaced(content: Any, arrived: Mapping[int, Tensor]) -> Any:
    if isinstance(content, Mapping):
        return {key: _replaced(value, arrived) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(_replaced(value, arrived) for value in content)
    return arrived.get(id(content), content)


def _is_channels_last(value: Tensor) -> bool:
    """Tell whether a tensor lies in memory with its channels last; where both layouts are the same, its strides say it.

    They are the same for the weights of a convolution over grey images, whose strides decide the layout of all that
    follows: pooling takes thirty times as long on the other one.
    """
    if value.dim() != 4 or not value.is_contiguous(memory_format=torch.channels_last):
        return False
    _, c, h, w = value.shape
    return not value.is_contiguous() or value.stride() == (h * w * c, 1, w * c, c)
