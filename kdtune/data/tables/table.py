"""Any CSV or Parquet file with a label column and sensitive columns."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from kdtune.data.checks import require_classes
from kdtune.data.copies import copies_of
from kdtune.data.dataset import Augmentation, Dataset, Split, fingerprint
from kdtune.data.groups import Rare, cross_groups, settle_rare
from kdtune.data.ids import row_ids
from kdtune.data.options import Count, Seed, Share, Written
from kdtune.data.registry import register_dataset
from kdtune.data.split import Sizes, at_most_per_class, cut_training, stratified_cut
from kdtune.data.tables.cells import MISSING_MARKERS
from kdtune.data.tables.coding import Coding, declared_groups, edges_of, find_classes
from kdtune.data.tables.columns import assign_roles, by_column
from kdtune.data.tables.doubts import bins_hint, doubts
from kdtune.data.tables.files.form import DecimalSign, Form, Header
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.files.reading import check_form, file_digest, open_table
from kdtune.data.tables.preprocessing import TablePreprocessing
from kdtune.data.tables.summary import summary_line
from kdtune.data.tables.targets import Targets
from kdtune.errors import DataError


@register_dataset("table")
def load_table(
    *,
    path: str | Path,
    label: Written,
    positive: Written | None = None,
    sensitive: Written | Sequence[Written] | None = None,
    groups: Mapping[Written, Sequence[Written]] | None = None,
    bins: Mapping[Written, Sequence[int | float]] | None = None,
    min_group: Count = 10,
    rare: Rare = "error",
    features: Sequence[Written] | None = None,
    drop: Sequence[Written] = (),
    categorical: Sequence[Written] = (),
    use_sensitive: bool = False,
    min_frequency: Annotated[int, Field(ge=2)] | None = None,
    missing: Sequence[Written] = MISSING_MARKERS,
    separator: str | None = None,
    encoding: str = "utf-8",
    decimal: DecimalSign = ".",
    header: Header = "first",
    columns: Sequence[Written] | None = None,
    comment: str | None = None,
    test: Share | str = 0.2,
    validation: Share = 0.2,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    limit: Count | None = None,
    seed: Seed = 0,
) -> Dataset:
    """Read a table, cut it into train, validation and test, and make features of its columns.

    Test is cut first, then validation from the rest, each stratified by class and groups; rows keep their
    order. The preprocessing is fitted on train only. The cells of all rows are checked, also those of a test
    file, except for its labels: these are not read before test is opened.

    Args:
        path: a .parquet file, or delimited text (.csv, .tsv or any other name).
        label: the column with the class. Classes are in sorted order, numbers by value.
        positive: with two classes, the one that is class 1, "positive" for DPD and EOD. Default: the second
            in sorted order.
        sensitive: columns, or intersections (`sex*race`), that are the groups.
        groups: column -> all its groups, in order; otherwise those that occur, sorted.
        bins: numeric column, sensitive or the label -> ascending edges: `[25, 45]` makes `<25`, `25-45`, `>=45`; an
            edge belongs to the bin above it.
        min_group: the fewest examples that a group may have in validation, and that a rate may be out of by which a
            search decides.
        rare: what becomes of smaller groups, and of values that are not a declared group: `error`, `missing`
            (their rows belong to no group), or `other` (they are merged).
        features: the columns that features are made of; default: all but the label, the sensitive columns and `drop`.
            A column without a name is an index, and never a feature.
        drop: columns that are not features: identifiers, and whatever leaks the label.
        categorical: columns of numbers that are codes.
        use_sensitive: let sensitive columns be features as well.
        min_frequency: categories with fewer training rows are joined into one feature.
        missing: what stands for a missing value, besides the empty cell; it replaces the usual marks.
        separator: the character between cells; a blank stands for one or more. Default: a comma, in .tsv a tab.
        encoding: of the text; Python's name of it.
        decimal: the decimal sign.
        header: `none` if the first line doesn't name the columns.
        columns: their names if there is no header.
        comment: lines that begin with this text are left out.
        test: the share of rows that is the test split, or the path of another file.
        validation: the share of the remaining rows that is validation.
        n_train: use only this many training rows, stratified.
        n_validation: use this many rows for validation, stratified, instead of the share.
        limit_per_class: use at most this many rows of each class, before validation is cut off.
        limit: use only this many rows, of all splits together, stratified.
        seed: the same seed cuts the same splits.

    Raises:
        DataError: a file, column, label, value or group cannot be used; the message names it and the remedy.
    """
    form = Form.checked(
        separator=separator,
        encoding=encoding,
        decimal=decimal,
        header=header,
        columns=columns,
        comment=comment,
        missing=missing,
    )
    check_form(form, [path, *([test] if isinstance(test, str) else [])])
    table = open_table(path, form)
    roles = assign_roles(
        table, label=label, sensitive=sensitive, features=features, drop=drop, use_sensitive=use_sensitive
    )
    edges = edges_of(by_column(table, "bins", bins, (roles.label, *roles.sensitive)))
    declared = {
        column: declared_groups(table, column, values, decimal)
        for column, values in by_column(table, "groups", groups, roles.sensitive).items()
    }
    classes = find_classes(table, roles.label, positive, edges=edges, decimal=decimal)
    coding = Coding(roles.label, classes, roles.attributes, declared, edges, rare, decimal)
    labels = coding.encode_labels(table)
    coded, column_groups = coding.encode_groups(table)

    rows, test_rows = _cut_test(labels, coded, test, limit, seed)
    if limit_per_class is not None:
        rows = rows[at_most_per_class(labels[rows], _at(coded, rows), limit_per_class, seed + 4)]
    attribute_groups, tables = settle_rare(
        _at(coded, rows),
        cross_groups(roles.attributes, column_groups),
        share=validation if n_validation is None else min(1.0, n_validation / len(rows)),
        min_group=min_group,
        rare=rare,
        found=coded,
    )
    settled = {name: tables[name][coded[name]] for name in roles.attributes}
    sizes = Sizes(validation, n_train, n_validation, None, seed + 2)
    kept, cut = cut_training(table.path, labels[rows], _at(settled, rows), sizes)
    train_rows, validation_rows = rows[kept], rows[cut]
    rows = torch.cat([train_rows, validation_rows]).sort().values
    _require_classes(table.path, roles.label, classes, labels[train_rows], labels[validation_rows])

    codes_of_numbers = table.named(categorical, "categorical")
    table.require_there(codes_of_numbers, "categorical")
    preprocessing = TablePreprocessing.fit(
        table.only(roles.features),
        train_rows.numpy(),
        categorical=codes_of_numbers,
        min_frequency=min_frequency,
        form=form,
    )
    targets = Targets.of(coding, column_groups, tables, form)
    of_test = (
        [] if isinstance(test, float) else _check_test_file(table, test, rows.numpy(), targets, preprocessing)
    )

    def split(chosen: Tensor) -> Split:
        inputs = torch.from_numpy(preprocessing.transform(table.take(chosen.numpy())))
        ids = row_ids(chosen, "train" if isinstance(test, str) else "")
        return Split(inputs, labels[chosen], _at(settled, chosen), ids=ids)

    train, held_out = split(train_rows), split(validation_rows)
    taken = rows if test_rows is None else torch.cat([rows, test_rows])
    line = summary_line(
        table.take(taken.numpy()),
        preprocessing.columns,
        label=roles.label,
        labels=(classes, labels[taken].numpy()),
        groups={name: (attribute_groups[name], settled[name][taken].numpy()) for name in roles.attributes},
        left_out=roles.left_out,
    )
    doubtful = doubts(
        table,
        preprocessing.columns,
        label=roles.label,
        labels=(classes, labels.numpy()),
        rows=train_rows.numpy(),
        sensitive=[column for column in roles.sensitive if column not in edges],
        decimal=decimal,
    )
    return Dataset(
        name="table",
        classes=classes,
        attributes=attribute_groups,
        train=train,
        validation=held_out,
        normalisation=None,
        augmentation=Augmentation(),
        preprocessing=preprocessing.to_dict(),
        fingerprint=fingerprint(train, held_out, classes, attribute_groups),
        open_test=partial(
            _open_test,
            test if isinstance(test, str) else str(path),
            digest=None if isinstance(test, str) else file_digest(path),
            rows=test_rows,
            targets=targets,
            preprocessing=preprocessing,
        ),
        notes=(line, *doubtful, *of_test),
        targets=targets.to_dict(),
    )


def _at(groups: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: codes[rows] for name, codes in groups.items()}


def _cut_test(
    labels: Tensor, groups: Mapping[str, Tensor], test: float | str, limit: int | None, seed: int
) -> tuple[Tensor, Tensor | None]:
    """Return the rows of train and validation, and those of test, ascending; None where test is another file."""
    rows = torch.arange(len(labels))
    if limit is not None and limit < len(rows):
        rows = stratified_cut(labels, groups, limit, seed)[1]
    if isinstance(test, str):
        return rows, None
    rest, cut = stratified_cut(labels[rows], _at(groups, rows), test, seed + 1)
    return rows[rest], rows[cut]


def _require_classes(
    path: str, label: str, classes: tuple[str, ...], train: Tensor, validation: Tensor
) -> None:
    """Require an example of each class in both splits; for a label that may be a quantity, name the remedy."""
    try:
        require_classes(path, classes, train=train, validation=validation)
    except DataError as error:
        hint = bins_hint(label, classes)
        raise DataError(f"{error}; {hint}" if hint else str(error)) from None


def _check_test_file(
    train: RawTable, test: str, rows: NDArray[np.int64], targets: Targets, preprocessing: TablePreprocessing
) -> list[str]:
    """Check a test file, except for its labels; return notes on what it holds that training rows do not.

    Args:
        train: the table of the training rows and of validation.
        test: the file.
        rows: of training and validation.
        targets: how labels and groups are read.
        preprocessing: how features are made.

    Raises:
        DataError: it is the training file, a column doesn't exist, or a cell is of another kind than in training.
    """
    table = open_table(test, preprocessing.form)
    if file_digest(test) == file_digest(train.path):
        raise DataError(
            f"test: {test} has the content of {train.path}: leave `test` out to cut test rows from that file"
        )
    table.require([targets.coding.label], "label")
    table.require(targets.columns, "sensitive")
    preprocessing.check(table)
    targets.groups(table)
    names = list(dict.fromkeys([*(column.name for column in preprocessing.columns), *targets.columns]))
    copies = copies_of(
        train.take(rows).contents(names),
        table.contents(names),
        "rows are copies of rows of train or validation",
    )
    return [f"{test}: {line}" for line in (*preprocessing.strange(table), *targets.strange(table), *copies)]


def _open_test(
    path: str,
    *,
    digest: str | None,
    rows: Tensor | None,
    targets: Targets,
    preprocessing: TablePreprocessing,
) -> Split:
    if digest is not None and file_digest(path) != digest:
        raise DataError(
            f"{path} has changed since the data set was loaded: its test rows are no longer the same"
        )
    table = open_table(path, preprocessing.form)
    ids = row_ids(range(len(table)), "test") if rows is None else row_ids(rows)
    if rows is None:
        rows = torch.arange(len(table))
    if not len(rows):
        raise DataError(f"{path}: the test split is empty")
    labels, groups = targets.labels(table), targets.groups(table)
    return Split(
        torch.from_numpy(preprocessing.transform(table.take(rows.numpy()))),
        labels[rows],
        _at(groups, rows),
        rows=rows,
        ids=ids,
    )
