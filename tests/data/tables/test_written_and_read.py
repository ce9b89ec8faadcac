"""Random tables, written by programs that people use: what is read equals what was written, or is refused."""

import csv
import io
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from kdtune.data import Dataset
from kdtune.data.tables.table import load_table
from kdtune.errors import DataError

N = 60
MISSING = {"", "NA", "?", "None", "nan", "<NA>", "NULL"}
LETTERS = "abcXYZéüßñÆ"
ANY = LETTERS + "0123456789 ,;|\t'\".-_#%$&/()<>=+:\u00a0\u2009"


@dataclass(frozen=True)
class Way:
    """A way of writing a table, and the options with which it is to be read."""

    name: str
    to_bytes: Callable[[pd.DataFrame], bytes]
    options: dict[str, Any]
    suffix: str = ".csv"


def by_pandas(**options: Any) -> Callable[[pd.DataFrame], bytes]:
    encoding = options.pop("encoding", "utf-8")
    return lambda frame: frame.to_csv(**options).encode(encoding)


def by_csv(**options: Any) -> Callable[[pd.DataFrame], bytes]:
    def write(frame: pd.DataFrame) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text, **options)
        writer.writerow(frame.columns)
        writer.writerows(frame.to_numpy(dtype=object).tolist())
        return text.getvalue().encode()

    return write


def by_arrow(delimiter: str) -> Callable[[pd.DataFrame], bytes]:
    def write(frame: pd.DataFrame) -> bytes:
        buffer = io.BytesIO()
        options = pyarrow.csv.WriteOptions(delimiter=delimiter)
        pyarrow.csv.write_csv(pa.Table.from_pandas(frame, preserve_index=False), buffer, options)
        return buffer.getvalue()

    return write


def to_parquet(frame: pd.DataFrame, *, index: bool, binary: bool = False, float32: bool = False) -> bytes:
    buffer = io.BytesIO()
    frame = frame.astype({frame.columns[0]: np.float32}) if float32 else frame
    if binary:
        table = pa.Table.from_pandas(frame, preserve_index=index)
        kinds = [
            pa.binary() if pa.types.is_large_string(f.type) or pa.types.is_string(f.type) else f.type
            for f in table.schema
        ]
        table = table.cast(
            pa.schema([field.with_type(kind) for field, kind in zip(table.schema, kinds, strict=True)])
        )
        pa.parquet.write_table(table, buffer)
    else:
        frame.to_parquet(buffer, index=index)
    return buffer.getvalue()


WAYS = [
    Way("pandas", by_pandas(index=False), {}),
    Way("pandas with its index", by_pandas(), {}),
    Way("pandas, all in quotes", by_pandas(index=False, quoting=csv.QUOTE_ALL), {}),
    Way("pandas, texts in quotes", by_pandas(index=False, quoting=csv.QUOTE_NONNUMERIC), {}),
    Way("pandas, lines of Windows", by_pandas(index=False, lineterminator="\r\n"), {}),
    Way("pandas, semicolons", by_pandas(index=False, sep=";"), {"separator": ";"}),
    Way("pandas, semicolons and decimal commas", by_pandas(index=False, sep=";", decimal=","), {"separator": ";", "decimal": ","}),
    Way("pandas, decimal commas", by_pandas(index=False, decimal=","), {"decimal": ","}),
    Way("pandas, tabs", by_pandas(index=False, sep="\t"), {}, ".tsv"),
    Way("pandas, tabs in .csv", by_pandas(index=False, sep="\t"), {"separator": "\t"}),
    Way("pandas, bars", by_pandas(index=False, sep="|"), {"separator": "|"}),
    Way("pandas, a mark of UTF-8", by_pandas(index=False, encoding="utf-8-sig"), {}),
    Way("pandas, UTF-16", by_pandas(index=False, encoding="utf-16"), {"encoding": "utf-16"}),
    Way("pandas, UTF-16 without a mark", by_pandas(index=False, encoding="utf-16-be"), {"encoding": "utf-16-be"}),
    Way("pandas, Latin-1", by_pandas(index=False, encoding="latin-1"), {"encoding": "latin-1"}),
    Way("pandas, Windows-1252", by_pandas(index=False, encoding="cp1252"), {"encoding": "cp1252"}),
    Way("pandas, missing marked", by_pandas(index=False, na_rep="<NA>"), {}),
    Way("pandas, as R has it", by_pandas(index_label=False, quoting=csv.QUOTE_ALL), {}),
    Way("csv", by_csv(), {}),
    Way("csv, all in quotes", by_csv(quoting=csv.QUOTE_ALL), {}),
    Way("csv, semicolons", by_csv(delimiter=";", lineterminator="\n"), {"separator": ";"}),
    Way("csv, tabs", by_csv(dialect="excel-tab"), {"separator": "\t"}),
    Way("csv, as Unix has it", by_csv(dialect="unix"), {}),
    Way("arrow", by_arrow(","), {}),
    Way("arrow, semicolons", by_arrow(";"), {"separator": ";"}),
    Way("Parquet by pandas", lambda frame: to_parquet(frame, index=False), {}, ".parquet"),
    Way("Parquet by pandas, with its index", lambda frame: to_parquet(frame, index=True), {}, ".parquet"),
    Way("Parquet of bytes", lambda frame: to_parquet(frame, index=False, binary=True), {}, ".parquet"),
    Way("Parquet of small floats", lambda frame: to_parquet(frame, index=False, float32=True), {}, ".parquet"),
    Way("Parquet by another name", lambda frame: to_parquet(frame, index=False), {}, ".csv"),
]  # fmt: skip


def tidy(text: str | None) -> str:
    """Return the cell that is meant, by the documentation: stripped, composed, empty where missing."""
    stripped = unicodedata.normalize("NFC", (text or "").strip())
    return "" if stripped in MISSING else stripped


def distinct(texts: st.SearchStrategy[str], low: int, high: int) -> st.SearchStrategy[list[str]]:
    return st.lists(texts, min_size=low, max_size=high, unique_by=lambda text: tidy(text).casefold())


def frames(texts: st.SearchStrategy[str], names: st.SearchStrategy[str]) -> st.SearchStrategy[pd.DataFrame]:
    """Tables of a number that tells the row, a category, a group and a label, with random texts."""

    def make(draw: tuple[list[str], list[str], list[str], list[str], int, bool]) -> pd.DataFrame:
        columns, categories, groups, labels, seed, shuffled = draw
        rng = np.random.default_rng(seed)
        rows = rng.permutation(N) if shuffled else np.arange(N)

        def column(values: list[str]) -> list[str]:
            return [values[k] for k in rng.permutation(np.arange(N) % len(values))]

        cells = [rows + 0.5, column(categories), column(groups), column(labels)]
        return pd.DataFrame(dict(zip(columns, cells, strict=True)))

    return st.tuples(
        distinct(names, 4, 4),
        distinct(texts, 1, 6),
        distinct(texts, 2, 3),
        distinct(texts, 2, 2),
        st.integers(0, 2**31),
        st.booleans(),
    ).map(make)


def same(read: str, written: str) -> bool:
    """Tell whether a name that was read is the cell that was written; numbers are compared by value."""
    if read == tidy(written):
        return True
    try:
        return float(read) == float(tidy(written).replace(",", "."))
    except ValueError:
        return False


def check(data: Dataset, frame: pd.DataFrame) -> None:
    """Check that every example of every split is a row of the table, cell by cell."""
    number, category, group, label = frame.columns
    first, second = data.preprocessing["columns"]
    assert (first["name"], first["kind"]) == (tidy(number), "number")
    assert second["name"] == tidy(category)
    cells = {name: list(frame[name]) for name in frame.columns}
    rows = {float(value): k for k, value in enumerate(cells[number])}
    seen = []
    for split in (data.train, data.validation, data.open_test()):
        for inputs, target, of_group in zip(
            split.inputs.double(), split.labels, split.groups[tidy(group)], strict=True
        ):
            row = rows[round(2 * (inputs[0].item() * first["scale"] + first["mean"])) / 2]
            seen.append(row)
            assert same(data.classes[target], cells[label][row])
            written = tidy(cells[group][row])
            assert (of_group < 0) == (not written)
            assert of_group < 0 or same(data.attributes[tidy(group)][of_group], written)
            written = tidy(cells[category][row])
            if second["kind"] == "number":
                value = inputs[1].item() * second["scale"] + second["mean"]
                expected = float(written.replace(",", ".")) if written else second["median"]
                assert value == pytest.approx(expected, rel=1e-4, abs=1e-4 * second["scale"])
            else:
                hot = [name for name, x in zip(second["categories"], inputs[1:], strict=False) if x]
                assert (hot == [""]) if not written else not hot or same(hot[0], written)
    assert sorted(seen) == list(range(N))


def read_back(way: Way, frame: pd.DataFrame, folder: Path, options: dict[str, Any]) -> Dataset:
    path = folder / f"table{way.suffix}"
    try:
        path.write_bytes(way.to_bytes(frame))
    except UnicodeEncodeError:
        assume(False)
    _, _, group, label = map(tidy, frame.columns)
    return load_table(path=str(path), label=label, sensitive=group, min_group=1, **options)


COMMON = {
    "deadline": None,
    "suppress_health_check": [
        HealthCheck.function_scoped_fixture,
        HealthCheck.filter_too_much,
        HealthCheck.too_slow,
    ],
}
NAMED = st.text(LETTERS, min_size=1, max_size=1).flatmap(
    lambda first: st.text(ANY.replace("*", ""), max_size=6).map(lambda rest: first + rest)
)
"""Texts that begin with a letter, and so are no numbers."""


@settings(max_examples=8, **COMMON)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@given(frame=frames(NAMED, NAMED.filter(str.isprintable)))
def test_a_table_is_read_as_it_was_written(way: Way, frame: pd.DataFrame, tmp_path: Path) -> None:
    check(read_back(way, frame, tmp_path, way.options), frame)


RISKY = st.one_of(
    st.text(ANY + "\n\r\u0301*", max_size=6),
    st.sampled_from(
        [
            *MISSING,
            "1",
            "1.0",
            "01",
            "38,5",
            "1,234",
            "$5",
            "5%",
            "-",
            "<5",
            "1e3",
            "inf",
            "yes",
            "no",
            "true",
        ]
    ),
)
"""Texts that may be numbers, marks, truth values, or break lines."""


@settings(max_examples=12, **COMMON)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@given(frame=frames(RISKY, st.one_of(NAMED, RISKY)), told=st.booleans())
def test_whatever_is_written_is_read_as_that_or_refused(
    way: Way, frame: pd.DataFrame, told: bool, tmp_path: Path
) -> None:
    """With the options that the file needs, and without them."""
    assume(all(tidy(name).isprintable() and tidy(name) and "*" not in name for name in frame.columns))
    try:
        data = read_back(way, frame, tmp_path, way.options if told else {})
    except DataError:
        event("refused")
        return
    event("read")
    check(data, frame)
