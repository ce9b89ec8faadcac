"""Which example is which: a name for each, by which what others know of it is found."""

import json
from collections.abc import Iterable

import torch
from torch import Tensor


def row_ids(rows: Iterable[int] | Tensor, split: str = "") -> tuple[str, ...]:
    """Return the ids of examples that have no name of their own: their numbers in their source, from 0.

    Args:
        split: of a source that has splits of its own, each with numbers from 0: `train` makes `train/0`, `train/1`.
    """
    numbers = rows.tolist() if isinstance(rows, Tensor) else rows
    return tuple(f"{split}/{row}" if split else str(row) for row in numbers)


def tensor_of_ids(ids: tuple[str, ...]) -> Tensor:
    """Return ids as a tensor, uint8 [bytes], so that they can lie beside others in a file."""
    return torch.frombuffer(bytearray(json.dumps(ids).encode()), dtype=torch.uint8)


def ids_of_tensor(content: Tensor) -> tuple[str, ...]:
    """Return the ids that `tensor_of_ids` was given.

    Raises:
        ValueError: the tensor holds something else.
    """
    ids = json.loads(bytes(content.to(torch.uint8).tolist()))
    if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
        raise ValueError("no list of ids")
    return tuple(ids)
