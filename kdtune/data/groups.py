"""Sensitive attributes: columns, their declared groups, and intersections such as `sex*race`."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Literal

import torch
from torch import Tensor

from kdtune.data.dataset import MISSING
from kdtune.data.tables.cells import tidy_name
from kdtune.errors import DataError, did_you_mean
from kdtune.text import counted

Rare = Literal["error", "missing", "other"]
"""What becomes of the examples of a group that is too small, or not declared."""

CROSS = "*"
OTHER = "other"
MOST_GROUPS = 50
"""More distinct values than this are hardly groups of people: they are numbers to be binned, or names."""

_MOST_LISTED = 8
"""A message lists no more groups than this."""


def attribute_names(sensitive: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the sensitive attributes asked for; `None` asks for none.

    Raises:
        DataError: an attribute is named twice, or an intersection has an empty side.
    """
    asked = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive or ())
    names = tuple(map(tidy_name, asked))
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
    column: str,
    values: Sequence[str | None],
    declared: Sequence[str] | None = None,
    *,
    undeclared: Rare = "error",
    is_closed: bool = False,
) -> tuple[Tensor, tuple[str, ...]]:
    """Turn a column of names into codes.

    Args:
        column: its name, for messages.
        values: length n; None where it is not known.
        declared: all groups there may be, in order; None takes those that occur, sorted, numbers by value.
        undeclared: what becomes of a value that is no declared group: an `error`, `missing`, or `other`.
        is_closed: whether the groups are settled, as a student's are; there is no option to change them then.

    Returns:
        int64 [n], `MISSING` where not known, and the groups that the codes stand for.

    Raises:
        DataError: a value is not a declared group, there are too many values for groups, or none at all.
    """
    occurring = _in_order({value for value in values if value is not None})
    if not occurring:
        remedy = "evaluate without groups" if is_closed else "choose another column"
        raise DataError(f"column {column!r} is sensitive but blank in every row: {remedy}")
    if declared is None:
        if len(occurring) > MOST_GROUPS:
            raise DataError(
                f"column {column!r} has {len(occurring)} different values, too many for groups: "
                f"give `bins: {{{column}: [edge, …]}}` for numbers, or choose another column"
            )
        groups = tuple(occurring)
    else:
        groups = tuple(declared)
    codes = {name: code for code, name in enumerate(groups)}
    strangers = [value for value in occurring if value not in codes]
    if strangers and undeclared == "error":
        raise DataError(
            f"column {column!r} holds {strangers[0]!r}, which is none of its declared groups "
            f"({', '.join(groups)}){did_you_mean(strangers[0], groups)}; {remedy_for_stranger(is_closed)}"
        )
    if undeclared == "other" and strangers:
        groups, other = with_other(groups)
        codes |= dict.fromkeys(strangers, other)
    coded = [MISSING if value is None else codes.get(value, MISSING) for value in values]
    return torch.tensor(coded, dtype=torch.int64), groups


def remedy_for_stranger(is_closed: bool) -> str:
    """Return what to do about a value that is no declared group; `is_closed` as for `encode`."""
    if is_closed:
        return "give one of them, or nothing where it is not known"
    return "declare it, or set `rare: missing` or `rare: other`"


def _in_order(values: set[str]) -> list[str]:
    try:
        return sorted(values, key=float)
    except ValueError:
        return sorted(values)


def with_other(groups: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """Return the groups, with one called `other` (in upper or lower case) added if need be, and its position."""
    for position, name in enumerate(groups):
        if name.lower() == OTHER:
            return groups, position
    return (*groups, OTHER), len(groups)


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

    An example that is missing in one of the columns is missing in their intersection.
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


def settle_rare(
    codes: Mapping[str, Tensor],
    groups: Mapping[str, tuple[str, ...]],
    *,
    share: float,
    min_group: int,
    rare: Rare,
    found: Mapping[str, Tensor] | None = None,
) -> tuple[dict[str, tuple[str, ...]], dict[str, Tensor]]:
    """Decide what becomes of groups that are too small for a rate in validation.

    A declared group without any example is kept, and shown as absent, if two others occur; one that is only in test is
    too small.

    Args:
        codes: attribute -> int64 [n], of all examples from which validation is cut.
        groups: attribute -> declared groups.
        share: validation's share of them.
        min_group: the fewest examples that a group may have in validation.
        rare: `error`; or `missing`, to treat their groups as unknown; or `other`, to merge them.
        found: attribute -> int64 [m], of these examples and those of test; default: `codes`.

    Returns:
        Attribute -> the groups left, and attribute -> int64 [groups + 1], the new code for each old one;
        the last entry, reached by index -1, is for the missing: `table[codes]` translates.

    Raises:
        DataError: a group is too small and `rare` is `error`, they are too small even when merged, or fewer than
            two groups are left that occur.
    """
    new_groups, tables = {}, {}
    for name, declared in groups.items():
        sizes = _sizes(codes[name], len(declared))
        anywhere = sizes if found is None else _sizes(found[name], len(declared))
        small = {g for g, size in enumerate(sizes) if anywhere[g] > 0 and round(size * share) < min_group}
        merged = small | {g for g in range(len(declared)) if declared[g].lower() == OTHER}
        enough = round(sum(sizes[g] for g in merged) * share) >= min_group
        if small and (rare == "error" or (rare == "other" and not enough)):
            listed = ", ".join(
                f"{declared[g]!r} ({round(sizes[g] * share)} of {sizes[g]})" for g in sorted(small)
            )
            raise DataError(
                f"sensitive {name!r}: too few examples in validation for a rate, fewer than {min_group}: "
                f"{listed}; "
                "set `rare: missing` to leave them out of the groups, `rare: other` to merge them "
                f"{'(together they are still too few) ' if rare == 'other' else ''}or a lower `min_group`"
            )
        kept = [g for g in range(len(declared)) if g not in small]
        left = tuple(declared[g] for g in kept)
        table = torch.full((len(declared) + 1,), MISSING)
        table[kept] = torch.arange(len(kept))
        is_merged = bool(small) and rare == "other"
        if is_merged:
            left, other = with_other(left)
            table[sorted(small)] = other
        absent = [
            declared[g] for g in kept if not (anywhere[g] or (is_merged and declared[g].lower() == OTHER))
        ]
        occurring = [group for group in left if group not in absent]
        if len(occurring) < 2:
            rare_ones = {declared[g]: sizes[g] for g in sorted(small)}
            without = int((codes[name] == MISSING).sum())
            raise DataError(_too_few(name, occurring, absent, rare_ones, rare, min_group, without))
        new_groups[name], tables[name] = left, table
    return new_groups, tables


def _sizes(codes: Tensor, n_groups: int) -> list[int]:
    sizes: list[int] = torch.bincount(codes[codes != MISSING], minlength=n_groups).tolist()
    return sizes


def few_groups(attribute: str, groups: Sequence[str]) -> str:
    """Return what to say of a sensitive attribute with fewer than two groups."""
    if groups:
        return f"{attribute!r} has one group only, {groups[0]!r}"
    return f"{attribute!r} has no group"


def _too_few(
    attribute: str,
    left: Sequence[str],
    absent: Sequence[str],
    small: Mapping[str, int],
    rare: Rare,
    min_group: int,
    without: int,
) -> str:
    text = few_groups(attribute, left)
    if absent:
        listed = ", ".join(map(repr, absent[:_MOST_LISTED]))
        text += f" (no example is in {listed}{', …' if len(absent) > _MOST_LISTED else ''})"
    if without:
        text += f", and {counted(without, 'example')} of no group, because there the value is missing"
    if not small:
        return f"{text}: choose another sensitive column"
    listed = ", ".join(f"{group!r} {size}" for group, size in list(small.items())[:_MOST_LISTED])
    listed += f" and {len(small) - _MOST_LISTED} more" if len(small) > _MOST_LISTED else ""
    done = "merges" if rare == "other" else "leaves out"
    return (
        f"{text}: `rare: {rare}` {done} those with fewer than {min_group} examples in validation (in all: {listed}); "
        "set a lower `min_group`, or take another column"
    )
