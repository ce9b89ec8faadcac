"""Sensitive attributes: columns, their declared groups, and intersections such as `sex*race`."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdtune.data.dataset import MISSING
from kdtune.errors import DataError, did_you_mean

CROSS = "*"
MOST_GROUPS = 50
"""More distinct values than this are hardly groups of people: a number, or a name, was meant to be binned."""


def attribute_names(sensitive: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the sensitive attributes asked for; `None` asks for none.

    Raises:
        DataError: an attribute is named twice, or an intersection has an empty side.
    """
    names = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive or ())
    for name in names:
        if not all(part.strip() for part in name.split(CROSS)):
            raise DataError(f"sensitive {name!r}: an intersection is written 'sex{CROSS}race'")
        if names.count(name) > 1:
            raise DataError(f"sensitive {name!r} is named twice")
    return names


def columns_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that the attributes are made of, each once, in order of first use."""
    return tuple(dict.fromkeys(part.strip() for name in names for part in name.split(CROSS)))


def encode(
    column: str, values: Sequence[str | None], declared: Sequence[str] | None = None
) -> tuple[Tensor, tuple[str, ...]]:
    """Turn a column of names into codes.

    Args:
        column: its name, for messages.
        values: length n; None where it is not known.
        declared: all groups there may be, in order; None takes those that occur, sorted.

    Returns:
        int64 [n], `MISSING` where not known, and the groups that the codes stand for.

    Raises:
        DataError: a value is not a declared group, or there are too many values for groups.
    """
    found, inverse = np.unique(
        np.array(["" if v is None else v for v in values], dtype=str), return_inverse=True
    )
    known = np.array([v is not None for v in values], dtype=bool)
    occurring = [str(name) for name in np.unique(found[np.unique(inverse[known])])]
    if declared is None:
        if len(occurring) > MOST_GROUPS:
            raise DataError(
                f"column {column!r} has {len(occurring)} different values, too many for groups: "
                f"give `bins: {{{column}: [edge, …]}}` for numbers, or choose another column"
            )
        groups = tuple(occurring)
    else:
        groups = tuple(declared)
        for value in occurring:
            if value not in groups:
                raise DataError(
                    f"column {column!r} holds {value!r}, which is none of its declared groups "
                    f"({', '.join(groups)}){did_you_mean(value, groups)}"
                )
    position = {name: g for g, name in enumerate(groups)}
    table = np.array([position.get(str(name), MISSING) for name in found], dtype=np.int64)
    codes: NDArray[np.int64] = (
        np.where(known, table[inverse], MISSING) if len(known) else np.empty(0, np.int64)
    )
    return torch.from_numpy(codes.astype(np.int64)), groups


def cross_groups(names: Sequence[str], groups: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the declared groups of the attributes `a` or `a*b*…`, given those of the columns.

    An intersection has every combination of its columns' groups, in row-major order, whether it occurs or
    not.
    """
    return {
        name: tuple(
            CROSS.join(parts) for parts in product(*(groups[column] for column in columns_of([name])))
        )
        for name in names
    }


def cross_codes(
    names: Sequence[str], codes: Mapping[str, Tensor], groups: Mapping[str, tuple[str, ...]]
) -> dict[str, Tensor]:
    """Return the codes, int64 [n], of the attributes `a` or `a*b*…`, given those of the columns.

    Who is missing in one of the columns is missing in their intersection.
    """
    crossed = {}
    for name in names:
        first, *others = columns_of([name])
        code = codes[first]
        for column in others:
            missing = (code == MISSING) | (codes[column] == MISSING)
            code = torch.where(missing, MISSING, code * len(groups[column]) + codes[column])
        crossed[name] = code
    return crossed
