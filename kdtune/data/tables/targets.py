"""How a table of other examples gives their labels and groups, as plain JSON that travels with an exported student."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Self

import torch
from torch import Tensor

from kdtune.data.groups import CROSS, columns_of
from kdtune.data.tables.coding import Coding
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.errors import DataError


def form_of_names(classes: Iterable[str], groups: Iterable[Iterable[str]]) -> Form:
    """Return how a file gives labels and groups of data that came from none: its usual marks, but for these names."""
    return Form().sparing(chain(classes, *groups))


@dataclass(frozen=True)
class Targets:
    """How rows give labels and groups.

    Attributes:
        coding: closed, as for the rows of a test file; its label is empty where folders are the classes.
        settled: attribute -> the settled group of each group of the coding, and last that of an unknown one.
        form: how the table's cells are read.
        column: that of the texts or images, where one column is the input.
    """

    coding: Coding
    settled: Mapping[str, tuple[int, ...]]
    form: Form
    column: str | None = None

    @classmethod
    def of(
        cls,
        coding: Coding,
        groups: Mapping[str, tuple[str, ...]],
        tables: Mapping[str, Tensor],
        form: Form,
        column: str | None = None,
    ) -> Self:
        """Make it from what a loader found.

        Args:
            coding: as the loader used it.
            groups: column -> its groups (see `Coding.encode_groups`).
            tables: of `settle_rare`.
            form: of the table.
            column: of the texts or images.
        """
        settled = {name: tuple(tables[name].tolist()) for name in coding.attributes}
        return cls(coding.closed(groups), settled, form, column)

    @classmethod
    def plain(cls, label: str, classes: Sequence[str], attributes: Mapping[str, Sequence[str]]) -> Self:
        """Make it from names alone, for a data set that came from no table: columns are called as attributes are.

        Args:
            label: column of the class, or empty.
            classes: in order.
            attributes: attribute -> its groups; those of `sex*race` are every combination, in row-major order.
        """
        columns: dict[str, tuple[str, ...]] = {}
        for name, groups in attributes.items():
            parts = [
                tuple(dict.fromkeys(part)) for part in zip(*(g.split(CROSS) for g in groups), strict=False)
            ]
            columns |= dict(zip(columns_of([name]), parts, strict=False))
        settled = {name: (*range(len(groups)), -1) for name, groups in attributes.items()}
        return cls(
            Coding(label, tuple(classes), tuple(attributes), columns, {}, "error", is_closed=True),
            settled,
            form_of_names(classes, columns.values()),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The sensitive columns."""
        return columns_of(self.coding.attributes)

    def of_columns(self, label: str, columns: Sequence[str]) -> "Targets":
        """Return the same with another label column, and only the attributes that some columns suffice for."""
        known = tuple(name for name in self.coding.attributes if set(columns_of([name])) <= set(columns))
        return replace(self, coding=replace(self.coding, label=label, attributes=known))

    def labels(self, table: RawTable) -> Tensor:
        """Return each row's class, int64 [n].

        Raises:
            DataError: there is no such column, or a label is none of the classes.
        """
        table.require([self.coding.label], "label")
        return self.coding.encode_labels(table)

    def groups(self, table: RawTable) -> dict[str, Tensor]:
        """Return attribute -> each row's group, int64 [n], -1 where it is not known.

        Raises:
            DataError: there is no such column, or a value is none of its groups.
        """
        table.require(self.columns, "sensitive")
        coded, _ = self.coding.encode_groups(table)
        return {name: torch.tensor(self.settled[name])[codes] for name, codes in coded.items()}

    def strange(self, table: RawTable) -> list[str]:
        """Return a line for each sensitive column with values that are no group of train; `groups` reads them."""
        return self.coding.strange(table)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON, without the classes, which stand beside it."""
        coding = self.coding
        return {
            "label": coding.label,
            "sensitive": list(coding.attributes),
            "groups": {column: list(groups) for column, groups in coding.declared.items()},
            "bins": {column: list(edges) for column, edges in coding.edges.items()},
            "rare": coding.rare,
            "settled": {name: list(codes) for name, codes in self.settled.items()},
            "column": self.column,
            "missing": list(self.form.missing),
            "reading": self.form.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], classes: Sequence[str]) -> Self:
        """Rebuild it from `to_dict`.

        Raises:
            DataError: this is no such state.
        """
        try:
            form = Form.from_dict(state["reading"], state["missing"])
            coding = Coding(
                label=str(state["label"]),
                classes=tuple(classes),
                attributes=tuple(map(str, state["sensitive"])),
                declared={str(k): tuple(map(str, v)) for k, v in state["groups"].items()},
                edges={str(k): tuple(map(float, v)) for k, v in state["bins"].items()},
                rare=state["rare"],
                decimal=form.decimal,
                is_closed=True,
            )
            settled = {str(k): tuple(map(int, v)) for k, v in state["settled"].items()}
            return cls(coding, settled, form, state["column"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"not a description of labels and groups: {error!r}") from None
