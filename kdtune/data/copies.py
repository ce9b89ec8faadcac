"""Counts examples that are copies of others: a model knows them from training."""

from collections.abc import Hashable, Sequence

from torch import Tensor

_MOST = 20_000
"""Among more tensors than this nobody looks for copies."""

_FEWEST = 0.01
"""Share of copies below which nothing is said."""

_BY_NATURE = 0.5
"""Where so many examples repeat each other, nothing tells copies from equal examples."""

_MORE_OFTEN = 2
"""Where examples repeat by nature, copies count if a split has so many times the share that train has in itself."""


def copies_notes(
    train: Sequence[Hashable], validation: Sequence[Hashable], test: Sequence[Hashable]
) -> list[str]:
    """Return one line if training examples repeat each other, and one for each other split that repeats earlier ones.

    Args:
        train, validation, test: what the examples are, apart from labels; equal ones are copies.
    """
    n = len(train) - len(set(train))
    lines = (
        [f"{n:,} of {len(train):,} training examples repeat another"] if n >= _FEWEST * len(train) > 0 else []
    )
    lines += copies_of(train, validation, "validation examples are copies of training examples")
    return lines + copies_of(
        [*train, *validation], test, "test examples are copies of training or validation examples"
    )


def copies_of_tensors(train: Tensor, validation: Tensor) -> list[str]:
    """Return the same of the inputs of two splits, [n, …] and [m, …]."""
    if len(train) + len(validation) > _MOST:
        return []
    known, contents = ([hash(row.tobytes()) for row in split.numpy()] for split in (train, validation))
    return copies_of(known, contents, "validation examples are copies of training examples")


def copies_of(earlier: Sequence[Hashable], contents: Sequence[Hashable], what: str) -> list[str]:
    """Return one line if some of the contents are among the earlier ones, more often than those repeat each other."""
    known = set(earlier)
    n = sum(content in known for content in contents)
    within = 1 - len(known) / max(1, len(earlier))
    if within >= _BY_NATURE or not n or n < len(contents) * max(_FEWEST, _MORE_OFTEN * within):
        return []
    return [f"{n:,} of {len(contents):,} {what}, and say nothing about new ones: remove them"]
