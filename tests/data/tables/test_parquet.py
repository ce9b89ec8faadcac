"""Parquet: every type of column, as the same table in CSV, or refused by name where it is used."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kdtune.data import load
from kdtune.data.tables.files.frames import table_of_frame
from kdtune.data.tables.files.reading import open_table
from kdtune.data.tables.preprocessing import TablePreprocessing
from kdtune.errors import DataError
from tests.data.tables.conftest import Load


def save(tmp_path: Path, people: pd.DataFrame, **columns: Any) -> Path:
    """Write the table with some columns replaced by Arrow arrays, or added."""
    table = {**{name: pa.array(people[name].tolist()) for name in people}, **columns}
    path = tmp_path / "people.parquet"
    pq.write_table(pa.table(table), path)
    return path


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int8(), pa.string()),
     pa.dictionary(pa.int32(), pa.large_string())],
)  # fmt: skip
def test_every_type_of_text(
    kind: pa.DataType, people: pd.DataFrame, tmp_path: Path, load_people: Load, right: str
) -> None:
    texts = {name: pa.array(people[name].tolist()).cast(kind) for name in ("job", "sex", "income")}
    assert load_people(save(tmp_path, people, **texts)).fingerprint == right


@pytest.mark.parametrize(
    ("column", "kind"),
    [("age", pa.int8()), ("age", pa.uint16()), ("age", pa.int32()), ("age", pa.float32()), ("age", pa.float16()),
     ("age", pa.decimal128(10, 2)), ("hours", pa.float64()), ("hours", pa.decimal128(10, 3)), ("hours", pa.float32()),
     ("age", pa.string()), ("hours", pa.string()), ("age", pa.dictionary(pa.int16(), pa.int64()))],
)  # fmt: skip
def test_every_type_of_number(
    column: str, kind: pa.DataType, people: pd.DataFrame, tmp_path: Path, load_people: Load, right: str
) -> None:
    if pa.types.is_decimal(kind):
        numbers = pa.array([Decimal(str(value)) for value in people[column]], type=kind)
    elif pa.types.is_dictionary(kind):
        numbers = pa.array(people[column].tolist()).dictionary_encode()
    else:
        numbers = pa.array(people[column].tolist()).cast(kind, safe=False)
    assert load_people(save(tmp_path, people, **{column: numbers})).fingerprint == right


def test_truth_values_are_as_pandas_writes_them(
    people: pd.DataFrame, tmp_path: Path, load_people: Load
) -> None:
    marked = people.assign(job=people["age"] > 40)
    marked.to_csv(tmp_path / "people.csv", index=False)
    expected = load_people(tmp_path / "people.csv")
    assert expected.preprocessing["columns"][2]["categories"] == ["False", "True"]
    assert load_people(save(tmp_path, marked)).fingerprint == expected.fingerprint


def test_nothing_known_is_missing_whatever_the_type(
    people: pd.DataFrame, tmp_path: Path, load_people: Load
) -> None:
    holes = people.astype(object)
    holes.iloc[::7] = None
    holes["income"] = people["income"]
    holes.to_csv(tmp_path / "people.csv", index=False)
    expected = load_people(tmp_path / "people.csv").fingerprint
    numbers = pa.array([None if value is None else float(value) for value in holes["hours"]])
    with_nan = pa.array([np.nan if value is None else float(value) for value in holes["age"]])
    texts = pa.array(["NA" if value is None else value for value in holes["job"]])
    path = save(tmp_path, holes, hours=numbers, age=with_nan, job=texts)
    assert load_people(path).fingerprint == expected
    holes.to_parquet(tmp_path / "pandas.parquet")
    assert load_people(tmp_path / "pandas.parquet").fingerprint == expected


UNREADABLE = {
    "lists": pa.array([[1.0, 2.0]] * 300),
    "lists of equal length": pa.array([[1.0, 2.0]] * 300, type=pa.list_(pa.float32(), 2)),
    "large lists": pa.array([[1, 2]] * 300, type=pa.large_list(pa.int64())),
    "records": pa.array([{"a": 1, "b": "x"}] * 300),
    "maps": pa.array([[("a", 1)]] * 300, type=pa.map_(pa.string(), pa.int64())),
    "lists of records": pa.array([[{"a": 1}]] * 300),
    "bytes": pa.array([b"\xff\x00\xfe"] * 300),
    "bytes of equal length": pa.array([b"\xff\x00"] * 300, type=pa.binary(2)),
}


@pytest.mark.parametrize("held", UNREADABLE)
def test_a_column_of_no_plain_values_is_left_alone_or_refused_by_name(
    held: str, people: pd.DataFrame, tmp_path: Path, load_people: Load, right: str
) -> None:
    path = save(tmp_path, people, embedding=UNREADABLE[held])
    assert load_people(path, drop=["embedding"]).fingerprint == right
    assert load_people(path, features=["age", "hours", "job"]).fingerprint == right
    uses: list[dict[str, Any]] = [
        {},
        {"label": "embedding"},
        {"sensitive": "embedding"},
        {"features": ["embedding"]},
    ]
    for options in uses:
        with pytest.raises(DataError, match=r"column 'embedding' holds .*, not plain values"):
            load_people(path, **options)


def test_the_index_of_pandas_is_no_feature(
    people: pd.DataFrame, tmp_path: Path, load_people: Load, right: str
) -> None:
    path = tmp_path / "people.parquet"
    frames = {
        "": people,
        "__index__": people.set_axis([f"p{k}" for k in range(300)]),
        "Unnamed: 5": people.iloc[np.arange(300)].set_axis(np.arange(300)[::-1]),
        "person (index)": people.set_axis(pd.Index(range(1000, 1300), name="person")),
        "Unnamed: 0 (index)": people.assign(**{"Unnamed: 0": range(300)}),
    }
    for said, frame in frames.items():
        frame.to_parquet(path, index=None if not said else True)
        data = load_people(path)
        assert data.fingerprint == right
        assert said.removeprefix("__index__") in data.notes[0]


def test_moments_are_texts(people: pd.DataFrame, tmp_path: Path, load_people: Load) -> None:
    days = [datetime.date(2020, 1, 1 + k % 2) for k in range(300)]
    for moments in (
        pa.array(days),
        pa.array(pd.to_datetime(days)),
        pa.array(pd.to_datetime(days)).cast(pa.date32()),
    ):
        column = load_people(save(tmp_path, people, age=moments)).preprocessing["columns"][0]
        assert column["categories"] == ["2020-01-01", "2020-01-02"]
    many = pa.array([datetime.date(2020, 1, 1) + datetime.timedelta(k) for k in range(300)])
    with pytest.raises(DataError, match=r"row 1: '2020-01-01' in column 'age', whose 300 values differ"):
        load_people(save(tmp_path, people, age=many))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_and_durations_are_the_same_in_a_file_of_any_unit_and_in_a_frame(
    unit: str, people: pd.DataFrame, tmp_path: Path, load_people: Load
) -> None:
    """A student of a Parquet file reads the same values in a DataFrame, and in another program's file."""
    moments = pd.Series(pd.to_datetime(["2020-01-01 08:05:00", "2020-01-02 00:00:00"] * 150)).astype(
        f"datetime64[{unit}]"
    )
    there = moments.dt.tz_localize("Europe/Berlin")
    lengths = pd.Series([pd.Timedelta(hours=k) for k in range(300)]).astype(f"timedelta64[{unit}]")
    frame = people.assign(
        moment=moments, there=there, length=lengths, time=[datetime.time(8, k % 2) for k in range(300)]
    )
    path = tmp_path / "people.parquet"
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, version="2.6")
    state = load_people(path).preprocessing
    columns = {column["name"]: column for column in state["columns"]}
    assert columns["moment"]["categories"] == ["2020-01-01 08:05:00", "2020-01-02"]
    assert columns["there"]["categories"] == ["2020-01-01 08:05:00+01:00", "2020-01-02 00:00:00+01:00"]
    assert columns["time"]["categories"] == ["08:00:00", "08:01:00"]
    assert columns["length"]["median"] % 1800 == 0, "seconds"
    fitted = TablePreprocessing.from_dict(state)
    assert np.array_equal(fitted.transform(frame), fitted.transform(open_table(path, fitted.form)))
    part = moments.astype("datetime64[ms]") + pd.Timedelta(milliseconds=120)
    pq.write_table(pa.Table.from_pandas(people.assign(moment=part), preserve_index=False), path)
    fitted = TablePreprocessing.from_dict(load_people(path).preprocessing)
    assert not fitted.strange(table_of_frame(people.assign(moment=part), fitted.form))


def test_names_that_are_twice(people: pd.DataFrame, tmp_path: Path, load_people: Load) -> None:
    columns = [pa.array(people[name].tolist()) for name in people]
    names = [*people, " age"]
    pq.write_table(pa.Table.from_arrays([*columns, columns[0]], names), tmp_path / "people.parquet")
    with pytest.raises(DataError, match=r"2 columns are called 'age'.*columns 1, 6"):
        load_people(tmp_path / "people.parquet")


def test_a_cell_is_named_by_its_row(people: pd.DataFrame, tmp_path: Path, load_people: Load) -> None:
    ages = people["age"].astype(str).where(people.index != 5, "-")
    with pytest.raises(DataError, match=r"people\.parquet, row 6: '-' in column 'age' is no number"):
        load_people(save(tmp_path, people, age=pa.array(ages.tolist())))
    hours = people["hours"].where(people.index != 5, np.inf)
    with pytest.raises(DataError, match=r"people\.parquet, row 6: 'inf' in column 'hours' is no number"):
        load_people(save(tmp_path, people, hours=pa.array(hours.tolist())))


@pytest.mark.parametrize("name", ["people.csv", "people.parquet", "people"])
def test_it_is_told_by_its_content(
    name: str, people: pd.DataFrame, tmp_path: Path, load_people: Load, right: str
) -> None:
    save(tmp_path, people).rename(tmp_path / name)
    assert load_people(tmp_path / name).fingerprint == right


def test_what_is_damaged(people: pd.DataFrame, tmp_path: Path, load_people: Load) -> None:
    path = save(tmp_path, people)
    whole = path.read_bytes()
    for content in (whole[:-20], whole[:8], b"", b"age,sex\n"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"people\.parquet: cannot be read as a table"):
            load_people(path)
    pq.write_table(pa.table({"age": pa.array([], pa.int64()), "income": pa.array([], pa.string())}), path)
    with pytest.raises(DataError, match="no rows"):
        load_people(path)


def test_a_named_index_is_a_feature_where_it_is_asked_for(
    people: pd.DataFrame, tmp_path: Path, load_people: Load, right: str
) -> None:
    path = tmp_path / "people.parquet"
    people.set_index("age").to_parquet(path)
    assert "left out: age (index)" in load_people(path).notes[0]
    assert load_people(path, features=["age", "hours", "job"]).fingerprint == right
    people.assign(**{"Unnamed: 0": 1}).to_parquet(path)
    with pytest.raises(DataError, match="column 'Unnamed: 0' has no name in the file"):
        load_people(path, features=["Unnamed: 0", "age"])
    assert load_people(path, drop=["Unnamed: 0"]).fingerprint == right


OF_TEXT: list[tuple[str, dict[str, Any]]] = [
    ("separator", {"separator": ";"}),
    ("encoding", {"encoding": "latin-1"}),
    ("header", {"header": "none", "columns": ["age", "hours", "job", "sex", "income"]}),
    ("comment", {"comment": "#"}),
]


@pytest.mark.parametrize(("option", "options"), OF_TEXT)
def test_an_option_of_delimited_text_is_refused(
    option: str, options: dict[str, Any], people: pd.DataFrame, tmp_path: Path, load_people: Load
) -> None:
    path = save(tmp_path, people)
    said = rf"people\.parquet: {option} is for delimited text, and this is none: leave it out"
    with pytest.raises(DataError, match=said):
        load_people(path, **options)
    with pytest.raises(DataError, match=said):
        load("text", path=str(path), text="job", label="income", **options)


def test_an_option_of_delimited_text_counts_where_one_of_the_files_is_that(
    people: pd.DataFrame, tmp_path: Path, load_people: Load
) -> None:
    path, later = save(tmp_path, people), tmp_path / "later.csv"
    people.iloc[::-1].to_csv(later, index=False, sep=";")
    assert len(load_people(path, test=str(later), separator=";").open_test()) == len(people)
    other = path.rename(tmp_path / "other.parquet")
    save(tmp_path, people.iloc[::-1])
    with pytest.raises(
        DataError, match=r"people\.parquet, .*other\.parquet: separator is .* and these are none"
    ):
        load_people(path, test=str(other), separator=";")


def test_decimal_commas_and_marks_of_missing_values_may_be_in_cells_of_text(
    people: pd.DataFrame, tmp_path: Path, load_people: Load, right: str
) -> None:
    hours = pa.array([str(value).replace(".", ",") for value in people["hours"]])
    assert load_people(save(tmp_path, people, hours=hours), decimal=",", missing=["-"]).fingerprint == right
