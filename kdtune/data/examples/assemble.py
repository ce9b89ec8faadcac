"""Cuts examples into train, validation and test, and makes a data set of them: what all sources here share."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdtune.data.checks import require_classes
from kdtune.data.copies import copies_notes
from kdtune.data.dataset import Augmentation, Dataset, Normalisation, Split, fingerprint
from kdtune.data.groups import Rare, attribute_names, columns_of, cross_groups, settle_rare
from kdtune.data.ids import row_ids
from kdtune.data.options import check_effect
from kdtune.data.split import Sizes, at_most_per_class, cut_training, stratified_cut
from kdtune.data.tables.coding import Coding, declared_groups, edges_of, find_classes
from kdtune.data.tables.doubts import alike, unknown
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.kinds import marks_with
from kdtune.data.tables.targets import Targets, form_of_names
from kdtune.errors import DataError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_SPELLINGS = {"train": TRAIN, "training": TRAIN, "validation": VALIDATION, "valid": VALIDATION, "val": VALIDATION,
              "dev": VALIDATION, "test": TEST, "testing": TEST}  # fmt: skip


class Inputs(Protocol):
    """What the examples are, apart from labels and groups. It is picklable."""

    def at(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the inputs of some rows: uint8 [k, c, h, w], float32 [k, features] or int64 [k, length]."""

    def contents(self, rows: NDArray[np.int64]) -> Sequence[Hashable]:
        """Return what tells the examples of some rows apart: equal ones are copies."""

    def described(self, train: Tensor) -> "Described":
        """Return what the data set says of them; `train` are those of the training rows."""


@dataclass(frozen=True)
class Described:
    """What a data set says of its inputs; see `Dataset`."""

    preprocessing: dict[str, Any]
    normalisation: Normalisation | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    vocabulary: int | None = None


@dataclass(frozen=True)
class Cuts:
    """How examples are divided; the options of all sources here.

    Attributes:
        label: column of the class.
        positive: of two classes, the one that is class 1; default: the second in sorted order.
        sensitive: columns, or intersections (`sex*race`), that are the groups.
        groups: column -> all its groups, in order; otherwise those that occur, sorted.
        bins: numeric column -> ascending edges.
        min_group: the fewest examples that a group may have in validation, and that a rate may be out of by which a
            search decides.
        rare: what becomes of smaller groups: `error`, `missing` or `other`.
        test: the share of all examples that is the test split, where the source has none.
        validation: the share of the others that is validation, where the source has none.
        n_train, n_validation: use only so many examples, stratified.
        limit_per_class: use at most so many training examples of each class, before validation is cut off.
        seed: the same seed cuts the same splits.
    """

    label: str
    positive: Any = None
    sensitive: str | Sequence[str] | None = None
    groups: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    bins: Mapping[str, Sequence[float]] = field(default_factory=dict)
    min_group: int = 10
    rare: Rare = "error"
    test: float = 0.2
    validation: float = 0.2
    n_train: int | None = None
    n_validation: int | None = None
    limit_per_class: int | None = None
    seed: int = 0


def split_name(name: str) -> str | None:
    """Return which split a word means; None where it means none."""
    return _SPELLINGS.get(name.strip().lower())


def assemble(
    name: str,
    source: str,
    table: RawTable,
    inputs: Inputs,
    cuts: Cuts,
    *,
    parts: Sequence[str | None] | None = None,
    classes: Sequence[str] | None = None,
    notes: Sequence[str] = (),
    input_column: str | None = None,
    form: Form | None = None,
    too_many: str = "",
) -> Dataset:
    """Return a data set of a table's labels and groups and of the inputs of its rows.

    Args:
        name: of the data set.
        source: name for messages.
        table: has a row for each example, with the label and the sensitive columns.
        inputs: of the same rows.
        cuts: how to divide them.
        parts: the split of each row (`train`, `validation`, `test`), where the source says it; rows with None are left
            out.
        classes: their names in order, where the source says it.
        notes: of the source, for a person.
        input_column: that of the texts or images, where one column is the input.
        form: how the source's cells are read, where it is a file of text.
        too_many: what else can be done about too many classes, for the message.

    Raises:
        DataError: a label, a group or a split can't be used; the message names it and the remedy.
    """
    attributes = attribute_names(cuts.sensitive)
    check_effect(source, {"rare": cuts.rare}, {"rare": Cuts.rare, "sensitive": attributes})
    columns = columns_of(attributes)
    table.require([cuts.label], "label")
    table.require(columns, "sensitive")
    if input_column == cuts.label:
        raise DataError(f"{source}: column {cuts.label!r} is the label and cannot be the input as well")
    for key, option in (("groups", cuts.groups), ("bins", cuts.bins)):
        for column in option:
            if column not in columns and not (key == "bins" and column == cuts.label):
                raise DataError(
                    f"{source}: {key!r} names {column!r}, which is not among the sensitive columns"
                )
    edges, decimal = edges_of(cuts.bins), form.decimal if form else "."
    listed = {
        column: declared_groups(table, column, values, decimal) for column, values in cuts.groups.items()
    }
    if classes is None or cuts.positive is not None:
        classes = find_classes(
            table, cuts.label, cuts.positive, edges=edges, decimal=decimal, too_many=too_many
        )
    classes = tuple(classes)
    coding = Coding(cuts.label, classes, attributes, listed, edges, cuts.rare, decimal)
    labels = coding.encode_labels(table)
    coded, column_groups = coding.encode_groups(table)

    cut = _rows(source, labels, coded, cuts, parts)
    pool = cut[TRAIN] if VALIDATION in cut else None
    rows = cut[TRAIN]
    share = cuts.validation if cuts.n_validation is None else min(1.0, cuts.n_validation / max(1, len(rows)))
    settled_on = cut.get(VALIDATION, rows)
    new_groups, tables = settle_rare(
        _at(coded, settled_on),
        cross_groups(attributes, column_groups),
        share=share if pool is None else 1.0,
        min_group=cuts.min_group,
        rare=cuts.rare,
        found=coded,
    )
    settled = {attribute: tables[attribute][coded[attribute]] for attribute in attributes}
    train_rows, validation_rows = _train_and_validation(source, labels, settled, cut, cuts)
    require_classes(source, classes, train=labels[train_rows], validation=labels[validation_rows])

    ids = np.array(_ids(parts, len(labels)), dtype=object)

    def split(chosen: Tensor) -> Split:
        at = chosen.numpy()
        return Split(inputs.at(at), labels[chosen], _at(settled, chosen), ids=tuple(ids[at]))

    train, validation = split(train_rows), split(validation_rows)
    described = inputs.described(train.inputs)
    copies = copies_notes(*(inputs.contents(at.numpy()) for at in (train_rows, validation_rows, cut[TEST])))
    values = {column: _values(column, table, coding) for column in (cuts.label, *columns)}
    doubts = [line for column, names in values.items() for line in alike(column, names)]
    missing = partial(marks_with, table) if form else None
    for column, names in values.items():
        if column not in edges:
            doubts += unknown(column, names, "class" if column == cuts.label else "group", missing)
    tally = f"{len(train_rows):,} examples in train, {len(validation_rows):,} in validation, {len(cut[TEST]):,} in test"
    return Dataset(
        name=name,
        classes=classes,
        attributes=new_groups,
        train=train,
        validation=validation,
        normalisation=described.normalisation,
        augmentation=described.augmentation,
        preprocessing=described.preprocessing,
        fingerprint=fingerprint(train, validation, classes, new_groups),
        open_test=partial(
            _open_test,
            inputs,
            cut[TEST],
            labels[cut[TEST]],
            _at(settled, cut[TEST]),
            tuple(ids[cut[TEST].numpy()]),
        ),
        vocabulary=described.vocabulary,
        notes=(tally, *notes, *doubts, *copies),
        targets=Targets.of(
            coding,
            column_groups,
            tables,
            form or form_of_names(classes, column_groups.values()),
            input_column,
        ).to_dict(),
        min_group=cuts.min_group,
    )


def _values(column: str, table: RawTable, coding: Coding) -> Sequence[str]:
    return coding.classes if column == coding.label else table[column].present


def _ids(parts: Sequence[str | None] | None, n: int) -> list[str]:
    """Return an id for each row: its number, among those of its split where the source says which that is."""
    if parts is None:
        return list(row_ids(range(n)))
    seen: Counter[str | None] = Counter()
    ids = []
    for part in parts:
        ids.append(f"{part}/{seen[part]}")
        seen[part] += 1
    return ids


def _open_test(
    inputs: Inputs, rows: Tensor, labels: Tensor, groups: Mapping[str, Tensor], ids: tuple[str, ...]
) -> Split:
    return Split(inputs.at(rows.numpy()), labels, dict(groups), rows=rows, ids=ids)


def _at(groups: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: codes[rows] for name, codes in groups.items()}


def _rows(
    source: str,
    labels: Tensor,
    groups: Mapping[str, Tensor],
    cuts: Cuts,
    parts: Sequence[str | None] | None,
) -> dict[str, Tensor]:
    """Return the rows of train and test, ascending, and of validation where the source has it."""
    if parts is None:
        given = {TRAIN: torch.arange(len(labels))}
    else:
        names = np.array([part or "" for part in parts])
        given = {
            part: torch.from_numpy(np.flatnonzero(names == part))
            for part in (TRAIN, VALIDATION, TEST)
            if (names == part).any()
        }
    if TRAIN not in given:
        raise DataError(f"{source}: there is no training split, only {', '.join(given) or 'none'}")
    if TEST not in given:
        rows = given[TRAIN]
        kept, cut = stratified_cut(labels[rows], _at(groups, rows), cuts.test, cuts.seed + 1)
        given |= {TRAIN: rows[kept], TEST: rows[cut]}
    if not len(given[TEST]):
        raise DataError(f"{source}: the test split is empty: give more examples, or a larger share `test`")
    return given


def _train_and_validation(
    source: str, labels: Tensor, groups: Mapping[str, Tensor], cut: Mapping[str, Tensor], cuts: Cuts
) -> tuple[Tensor, Tensor]:
    rows = cut[TRAIN]
    if VALIDATION not in cut:
        sizes = Sizes(cuts.validation, cuts.n_train, cuts.n_validation, cuts.limit_per_class, cuts.seed + 2)
        train, validation = cut_training(source, labels[rows], _at(groups, rows), sizes)
        return rows[train], rows[validation]
    if cuts.limit_per_class is not None:
        rows = rows[at_most_per_class(labels[rows], _at(groups, rows), cuts.limit_per_class, cuts.seed + 4)]
    chosen = {TRAIN: rows, VALIDATION: cut[VALIDATION]}
    for part, n, key in ((TRAIN, cuts.n_train, "n_train"), (VALIDATION, cuts.n_validation, "n_validation")):
        if n is None:
            continue
        if n > len(chosen[part]):
            raise DataError(f"{source}: {key!r} asks for {n} examples, but there are {len(chosen[part])}")
        own = chosen[part]
        chosen[part] = own[stratified_cut(labels[own], _at(groups, own), n, cuts.seed + 2)[1]]
    return chosen[TRAIN], chosen[VALIDATION]
