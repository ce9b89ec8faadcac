"""Cuts one part out of a data set, stratified by class and group."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kdtune.data.seeds import derive_seed
from kdtune.errors import DataError


@dataclass(frozen=True)
class Sizes:
    """How validation is cut from the training examples, and how many of either are taken: the loaders' options.

    `limit_per_class` comes first, then `n_validation` or the share `validation`, then `n_train`.
    """

    validation: float
    n_train: int | None
    n_validation: int | None
    limit_per_class: int | None
    seed: int


def stratified_cut(
    labels: Tensor, groups: Mapping[str, Tensor] | None, size: float | int, seed: int
) -> tuple[Tensor, Tensor]:
    """Cut a part out of a data set, stratified by class and group jointly.

    Examples are sorted by class, then by groups, at random within those, and a systematic sample is taken
    from a random start. So every class and every (class, groups) cell of m examples gives floor or ceil of
    its share m * k / n, and the part has exactly k examples.

    Args:
        labels: int64 [n].
        groups: sensitive attribute -> int64 [n], a missing group counting as a group of its own; or None.
        size: the part's share, a float between 0 and 1, or its number of examples k, an int.
        seed: the same seed cuts the same part.

    Returns:
        Indices of what is left, int64 [n - k], and of the part, int64 [k], each ascending.

    Raises:
        DataError: the part would be larger than the whole, or the share is not between 0 and 1.
    """
    n = len(labels)
    if isinstance(size, float):
        if not 0 <= size <= 1:
            raise DataError(f"a share must be between 0 and 1, not {size:g}")
        k = round(size * n)
    else:
        k = size
    if not 0 <= k <= n:
        raise DataError(f"cannot cut {k} examples out of {n}")
    rng = np.random.default_rng(seed)
    # The last key of lexsort is the first to sort by.
    keys = [rng.random(n), *(values.numpy() for _, values in sorted((groups or {}).items())), labels.numpy()]
    order = np.lexsort(keys)
    steps = (np.arange(n + 1, dtype=np.int64) * k + int(rng.integers(max(n, 1)))) // max(n, 1)
    chosen = np.zeros(n, dtype=bool)
    chosen[order[np.diff(steps) > 0]] = True
    return torch.from_numpy(np.flatnonzero(~chosen)), torch.from_numpy(np.flatnonzero(chosen))


def at_most_per_class(labels: Tensor, groups: Mapping[str, Tensor] | None, n: int, seed: int) -> Tensor:
    """Return at most `n` examples of each class, stratified by groups: indices, int64 [k], ascending.

    Arguments are those of `stratified_cut`.
    """
    chosen = []
    for label in sorted(set(labels.tolist())):
        rows = torch.nonzero(labels == label).flatten()
        if len(rows) > n:
            of_class = {name: codes[rows] for name, codes in (groups or {}).items()}
            rows = rows[stratified_cut(labels[rows], of_class, n, seed)[1]]
        chosen.append(rows)
    return torch.cat(chosen).sort().values


def cut_training(
    source: str, labels: Tensor, groups: Mapping[str, Tensor] | None, sizes: Sizes
) -> tuple[Tensor, Tensor]:
    """Cut validation from the training examples, and take as many of either as was asked for.

    Args:
        source: name of the data, for messages.
        labels: int64 [n].
        groups: as for `stratified_cut`.
        sizes: what was asked for.

    Returns:
        Indices of train and of validation, each ascending.

    Raises:
        DataError: more is asked for than there is.
    """
    rows = torch.arange(len(labels))
    if sizes.limit_per_class is not None:
        limit_seed = derive_seed(sizes.seed, "limit_per_class")
        rows = at_most_per_class(labels, groups, sizes.limit_per_class, limit_seed)
    if sizes.n_validation is not None and sizes.n_validation >= len(rows):
        raise DataError(
            f"{source}: 'n_validation' asks for {sizes.n_validation} of {len(rows)} training examples"
        )
    kept, cut = _cut(labels, groups, rows, sizes.n_validation or sizes.validation, sizes.seed)
    if sizes.n_train is not None:
        if sizes.n_train > len(kept):
            raise DataError(
                f"{source}: 'n_train' asks for {sizes.n_train} examples, {len(kept)} are left for it"
            )
        kept = _cut(labels, groups, kept, sizes.n_train, sizes.seed + 1)[1]
    return kept, cut


def _cut(
    labels: Tensor, groups: Mapping[str, Tensor] | None, rows: Tensor, size: float | int, seed: int
) -> tuple[Tensor, Tensor]:
    of_rows = {name: codes[rows] for name, codes in (groups or {}).items()}
    kept, cut = stratified_cut(labels[rows], of_rows, size, seed)
    return rows[kept], rows[cut]
