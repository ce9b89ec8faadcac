"""Texts of the user's own: a table with a column of texts, in CSV, TSV or Parquet."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kdtune.data.dataset import Dataset
from kdtune.data.examples.assemble import TEST, TRAIN, Cuts, assemble
from kdtune.data.examples.columns import texts_of
from kdtune.data.groups import Rare, attribute_names, columns_of
from kdtune.data.options import Count, Length, Seed, Share, Vocabulary, Written
from kdtune.data.registry import register_dataset
from kdtune.data.tables.cells import MISSING_MARKERS
from kdtune.data.tables.columns import by_column
from kdtune.data.tables.files.form import DecimalSign, Form, Header
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.files.reading import check_form, open_table
from kdtune.data.texts.tokenizer import preparation_of
from kdtune.text import counted


@register_dataset("text")
def load_text(
    *,
    path: str | Path,
    text: Written,
    label: Written,
    positive: Written | None = None,
    sensitive: Written | Sequence[Written] | None = None,
    groups: Mapping[Written, Sequence[Written]] | None = None,
    bins: Mapping[Written, Sequence[int | float]] | None = None,
    min_group: Count = 10,
    rare: Rare = "error",
    tokenizer: str | Path | None = None,
    length: Length = 128,
    vocabulary: Vocabulary = 30522,
    separator: str | None = None,
    encoding: str = "utf-8",
    decimal: DecimalSign = ".",
    header: Header = "first",
    columns: Sequence[Written] | None = None,
    comment: str | None = None,
    missing: Sequence[Written] = MISSING_MARKERS,
    test: Share | str = 0.2,
    validation: Share = 0.2,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    seed: Seed = 0,
) -> Dataset:
    """Read texts and their labels from a table. No text is printed, logged or put into a message.

    Args:
        path: a CSV, TSV or Parquet file.
        text: the column of the texts.
        label: the column with the class.
        tokenizer: a folder with a `tokenizer.json`, as transformers saves it, that file, or a name on the hub; without
            it, words are hashed to ids.
        length: tokens of a text; longer ones are cut off, shorter ones padded.
        vocabulary: number of ids to which words are hashed; a tokenizer has its own number.
        test: the share of rows that is the test split, or the path of another file.
        positive, sensitive, groups, bins, min_group, rare: as for `table`.
        separator, encoding, decimal, header, columns, comment, missing: how the file is written, as for `table`.
        validation, n_train, n_validation, limit_per_class, seed: as for `table`.

    Raises:
        DataError: a file, column, label or group can't be used; the message names the place and the remedy.
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
    preparation = preparation_of(tokenizer, length, vocabulary)
    tables = {TRAIN: open_table(path, form.without_marks())}
    if isinstance(test, str):
        tables[TEST] = open_table(test, form.without_marks())
    [text_column] = tables[TRAIN].named([text], "text")
    # Somebody may have written nothing but "none" or "?".
    tables = {part: table.marked(form.is_missing(), but=text_column) for part, table in tables.items()}
    first = tables[TRAIN]
    [label_column] = first.named([label], "label")
    asked = [] if sensitive is None else [sensitive] if not isinstance(sensitive, list | tuple) else sensitive
    names = first.named(asked, "sensitive")
    for table in tables.values():
        table.require([label_column], "label")
        table.require([text_column], "text")
        table.require(columns_of(attribute_names(names)), "sensitive")
    values = [value for table in tables.values() for value in table[text_column].texts()]
    joined = RawTable.joined(list(tables.values()), form.is_missing())
    return assemble(
        "text",
        str(path),
        joined,
        texts_of(values, joined.at, text_column, preparation),
        Cuts(
            label_column,
            positive=positive,
            sensitive=names,
            groups=by_column(first, "groups", groups, first.order),
            bins=by_column(first, "bins", bins, first.order),
            min_group=min_group,
            rare=rare,
            test=test if isinstance(test, float) else 0.2,
            validation=validation,
            n_train=n_train,
            n_validation=n_validation,
            limit_per_class=limit_per_class,
            seed=seed,
        ),
        parts=None
        if len(tables) == 1
        else [part for part, table in tables.items() for _ in range(len(table))],
        notes=_notes(values, form),
        input_column=text_column,
        form=form,
    )


def _notes(texts: Sequence[str | None], form: Form) -> list[str]:
    """Return a line if texts are what stands for a missing value in other columns; it names none of them."""
    is_mark = form.is_missing()
    n = sum(text is not None and is_mark(text) for text in texts)
    if not n:
        return []
    return [
        f"{counted(n, 'text')} of {len(texts):,} hold nothing but what stands for a missing value in other columns, "
        "such as NA or null: if it does so here, leave such rows out"
    ]
