"""Which example is which: a name for each, by which what others know of it is found."""

import json
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from kdtune.errors import DataError
from kdtune.user_code import kind_of


def row_ids(rows: Iterable[int] | Tensor, split: str = "") -> tuple[str, ...]:
    """Return the ids of examples that have no name of their own: their numbers in their source, from 0.

    Args:
        split: of a source that has splits of its own, each with numbers from 0: `train` makes `train/0`, `train/1`.
    """
    numbers = rows.tolist() if isinstance(rows, Tensor) else rows
    return tuple(f"{split}/{row}" if split else str(row) for row in numbers)


def check_ids(source: str, **splits: Sequence[object] | None) -> None:
    """Require texts that differ for all examples: by its id, an example gets a teacher's logits.

    Args:
        source: name for messages.
        splits: the ids of each split's examples, by its name; None where they have none.

    Raises:
        DataError: an id is no text, or that of two examples; the message names the split and the index.
    """
    seen: dict[str, str] = {}
    for what, ids in splits.items():
        for k, name in enumerate(ids or ()):
            if not isinstance(name, str):
                raise DataError(f"{source}, {what}: ids[{k}] is {kind_of(name)}, not a text: give str(id)")
            if name in seen:
                raise DataError(
                    f"{source}, {what}: ids[{k}] is {name!r}, and so is the id of an example of {seen[name]}: give "
                    f"each example of the data an id of its own, such as '{what}/{k}'"
                )
            seen[name] = what


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
