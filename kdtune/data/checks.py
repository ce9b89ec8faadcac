"""What every data set must hold before it is worth training on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kdtune.errors import DataError


def require_classes(source: str, classes: Sequence[str], **splits: Tensor) -> None:
    """Require an example of every class in each split; `splits` are labels, int64 [n], by the split's name.

    Raises:
        DataError: there are fewer than two classes, or a class has no example in a split.
    """
    if len(classes) < 2:
        raise DataError(f"{source}: there must be at least two classes, found {', '.join(classes) or 'none'}")
    for split, labels in splits.items():
        sizes = torch.bincount(labels, minlength=len(classes)).tolist()
        for name, size in zip(classes, sizes, strict=True):
            if size == 0:
                raise DataError(
                    f"{source}: class {name!r} has no example in {split}: "
                    "give it more examples, leave it out, or make that split larger"
                )
