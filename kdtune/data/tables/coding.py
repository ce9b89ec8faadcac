"""From a row's label and sensitive columns to class and group numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kdtune.data.groups import OTHER, Rare, columns_of, cross_codes, encode
from kdtune.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 100
"""A label with more different values than this is a number to be predicted, not a class."""


@dataclass(frozen=True)
class Coding:
    """How a row's label and groups become numbers."""

    path: str
    label: str
    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    declared: Mapping[str, tuple[str, ...]]
    edges: Mapping[str, tuple[float, ...]]
    rare: Rare
    is_closed: bool = False

    def closed(self, groups: Mapping[str, tuple[str, ...]], path: str) -> "Coding":
        """Return the same for another file, with its groups settled.

        A value beyond them is then an error, missing or other, as `rare` says; where no group is called
        `other`, it is missing.
        """
        return replace(self, path=path, declared=groups, is_closed=True)

    def encode(self, frame: "pd.DataFrame") -> tuple[Tensor, dict[str, Tensor], dict[str, tuple[str, ...]]]:
        """Return labels int64 [n], attribute -> int64 [n], and column -> groups."""
        position = {name: c for c, name in enumerate(self.classes)}
        values = frame[self.label].tolist()
        for row, value in enumerate(values):
            if value not in position:
                raise DataError(
                    f"{self.path}, row {row + 1}: the label {value!r} in column {self.label!r} is none of "
                    f"the classes ({', '.join(self.classes)})"
                )
        labels = torch.tensor([position[value] for value in values], dtype=torch.int64)
        codes, groups = {}, {}
        for column in columns_of(self.attributes):
            cells, declared = frame[column].tolist(), self.declared.get(column)
            if column in self.edges:
                cells, names = binned(self.path, column, cells, self.edges[column])
                declared = declared or names
            undeclared = self.rare
            if self.is_closed and undeclared == "other" and OTHER not in map(str.lower, declared or ()):
                undeclared = "missing"
            codes[column], groups[column] = encode(column, cells, declared, undeclared=undeclared)
        return labels, cross_codes(self.attributes, codes, groups), groups


def binned(
    path: str, column: str, cells: Sequence[str | None], edges: Sequence[float]
) -> tuple[list[str | None], tuple[str, ...]]:
    """Return the bin of each cell, None where it is not known, and the names of all bins.

    Raises:
        DataError: the edges do not ascend, or a cell is no number.
    """
    if not edges or list(edges) != sorted(set(edges)):
        raise DataError(f"bins of {column!r} must be ascending edges, such as [25, 45], not {list(edges)}")
    between = (f"{low:g}-{high:g}" for low, high in pairwise(edges))
    names = (f"<{edges[0]:g}", *between, f">={edges[-1]:g}")
    binned: list[str | None] = []
    for row, cell in enumerate(cells):
        try:
            binned.append(None if cell is None else names[int(np.searchsorted(edges, float(cell), "right"))])
        except ValueError:
            raise DataError(
                f"{path}, row {row + 1}: {cell!r} in column {column!r}, which has bins, is no number"
            ) from None
    return binned, names


def find_classes(
    frame: "pd.DataFrame", path: str, label: str, positive: str | int | float | bool | None
) -> tuple[str, ...]:
    """Return the classes of a label column, sorted, numbers by value; `positive` last.

    Raises:
        DataError: a row has no label, there are too many classes, or `positive` is none of two.
    """
    values = frame[label].tolist()
    unlabelled = [row + 1 for row, value in enumerate(values) if value is None]
    if unlabelled:
        first = ", ".join(map(str, unlabelled[:5])) + (", …" if len(unlabelled) > 5 else "")
        raise DataError(
            f"{path}: {len(unlabelled)} rows have no label in column {label!r} (rows {first}, counting from "
            "the first row of data): fill them in, or take them out"
        )
    found = set(values)
    if len(found) > MOST_CLASSES:
        raise DataError(f"{path}: label {label!r} has {len(found)} different values, too many for classes")
    try:
        classes = tuple(sorted(found, key=float))
    except ValueError:
        classes = tuple(sorted(found))
    if positive is None:
        return classes
    wanted = str(positive)
    if len(classes) != 2:
        raise DataError(f"{path}: 'positive' needs two classes, but label {label!r} has {len(classes)}")
    if wanted not in classes:
        raise DataError(
            f"{path}: positive: {wanted!r} is no value of label {label!r}{did_you_mean(wanted, classes)} "
            f"(values: {', '.join(classes)})"
        )
    return (next(name for name in classes if name != wanted), wanted)
