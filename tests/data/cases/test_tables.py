"""Situations that users of such tools have reported in public, each in ten forms or more: read as meant, or refused."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kdtune.data import Dataset, load
from kdtune.errors import DataError

N = 240
RNG = np.random.default_rng(0)
PEOPLE = pd.DataFrame(
    {
        "age": RNG.integers(18, 70, N),
        "job": RNG.choice(["clerk, office", "cook", "nurse"], N),
        "sex": RNG.choice(["F", "M"], N),
        "income": RNG.choice(["no", "yes"], N),
    }
)
OPTIONS: dict[str, Any] = {"label": "income", "sensitive": "sex", "min_group": 1}


def text(frame: pd.DataFrame = PEOPLE, **options: Any) -> str:
    return frame.to_csv(index=False, **options)


def header(line: str, **options: Any) -> str:
    """Return the people with another first line."""
    return line + "\n" + text(**options).partition("\n")[2]


def rows(change: Callable[[str], str], frame: pd.DataFrame = PEOPLE, **options: Any) -> str:
    """Return the people with each row changed, and the header as it is."""
    first, *others = text(frame, **options).splitlines()
    return "\n".join([first, *map(change, others)]) + "\n"


def read(folder: Path, content: str | bytes, name: str = "people.csv", **options: Any) -> Dataset:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load("table", path=str(path), **{**OPTIONS, **options})


def same(one: Dataset, other: Dataset) -> bool:
    return one.fingerprint == other.fingerprint


@pytest.fixture
def right(tmp_path: Path) -> Dataset:
    return read(tmp_path, text(), "right.csv")


TWICE = [
    ("age,income,sex,income", "income"),
    ("income,job,sex,income", "income"),
    ("age, income,sex,income", "income"),
    ("age,income ,sex,income", "income"),
    ('age,"income",sex,income', "income"),
    ('age," income ",sex,income', "income"),
    ("age,\u00a0income,sex,income", "income"),
    ("age,income\t,sex,income", "income"),
    ("sex,job,sex,income", "sex"),
    ("age,sex , sex,income", "sex"),
    ("age,age,sex,income", "age"),
    ("age, age,sex,income", "age"),
    ("age,age ,sex,income", "age"),
    ("age,\u3000age,sex,income", "age"),
    ("age,\u2009age,sex,income", "age"),
    ('age,"age\n",sex,income', "age"),
    ("a\u0308,\u00e4,sex,income", "\u00e4"),
    ("age,\ufeffage,sex,income", "age"),
]


@pytest.mark.parametrize(("line", "name"), TWICE)
def test_01_and_03_a_name_twice(tmp_path: Path, line: str, name: str) -> None:
    with pytest.raises(DataError, match=f"2 columns are called '{name}'.*rename or remove all but one"):
        read(tmp_path, header(line))


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (rows(lambda row: row + ","), {}),
        (rows(lambda row: row + ",,"), {}),
        (rows(lambda row: row + ", "), {}),
        (rows(lambda row: row + ',""'), {}),
        (rows(lambda row: row + ",").replace("\n", "\r\n"), {}),
        (rows(lambda row: row + ";", sep=";"), {"separator": ";"}),
        (rows(lambda row: row + "\t", sep="\t"), {"separator": "\t"}),
        (rows(lambda row: row + "|", sep="|"), {"separator": "|"}),
        (text().replace("\n", ",\n"), {}),
        (text().replace("\n", ",,,\n"), {}),
        ("\ufeff" + rows(lambda row: row + ","), {}),
    ],
)
def test_04_a_separator_at_the_end_of_rows(
    tmp_path: Path, right: Dataset, content: str, options: dict[str, Any]
) -> None:
    assert same(read(tmp_path, content, **options), right)


def test_04_a_separator_at_the_end_of_some_rows(tmp_path: Path) -> None:
    lines = text().splitlines()
    lines[7] += ","
    with pytest.raises(DataError, match="line 8: 5 cells, but the header names 4 columns"):
        read(tmp_path, "\n".join(lines))


def test_04_r_s_row_names_are_read(tmp_path: Path, right: Dataset) -> None:
    content = PEOPLE.set_axis([f"r{k}" for k in range(N)]).to_csv(index_label=False, quoting=csv.QUOTE_ALL)
    assert same(read(tmp_path, content), right)


@pytest.mark.parametrize("blanks", [" ", "  ", "     "])
@pytest.mark.parametrize("separator", [",", ";", "|"])
@pytest.mark.parametrize("quoted", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_05_blanks_before_a_quoted_cell(
    tmp_path: Path, right: Dataset, blanks: str, separator: str, quoted: Any
) -> None:
    content = text(sep=separator, quoting=quoted).replace(f'{separator}"', f'{separator}{blanks}"')
    assert same(read(tmp_path, content, separator=separator), right)


def test_05_blanks_after_a_quoted_cell(tmp_path: Path, right: Dataset) -> None:
    content = text(quoting=csv.QUOTE_ALL).replace('",', '" ,')
    try:
        found = read(tmp_path, content)
    except DataError:
        return
    assert same(found, right)


NESTED = [
    pa.array([[1.0, 2.0]] * N),
    pa.array([["a", "b"]] * N),
    pa.array([[1, 2]] * N, pa.list_(pa.int64(), 2)),
    pa.array([[1]] * N, pa.large_list(pa.int32())),
    pa.array([{"a": 1}] * N),
    pa.array([[("k", 1)]] * N, pa.map_(pa.string(), pa.int32())),
    pa.array([[[1], [2]]] * N),
    pa.array([None, [1]] * (N // 2)),
    pa.array([{"bytes": b"\x89", "path": "x.png"}] * N),
    pa.array([b"\xff\xfe\x00"] * N),
    pa.array([[]] * N, pa.list_(pa.float32())),
]


@pytest.mark.parametrize("column", NESTED, ids=lambda column: str(column.type))
def test_06_parquet_with_a_column_of_no_plain_values(tmp_path: Path, right: Dataset, column: Any) -> None:
    file = tmp_path / "people.parquet"
    pq.write_table(pa.Table.from_pandas(PEOPLE).append_column("vector", column), file)
    assert same(load("table", path=str(file), drop=["vector"], **OPTIONS), right)
    with pytest.raises(DataError, match=r"column 'vector' holds .*, not plain values: name it under `drop`"):
        load("table", path=str(file), **OPTIONS)


@pytest.mark.parametrize(
    "values",
    [
        ["F"],
        ["F", "F "],
        ["F", " F"],
        ["F", ""],
        ["F", "NA"],
        ["F", "?"],
        ["F", "<NA>", "None"],
        ["1", "1.0"],
        ["1", "1.00", "nan"],
        ["True"],
        ["F", "\u00a0F"],
        ["F", "NaT", "#N/A", "n/a"],
    ],
)
def test_09_one_group_only(tmp_path: Path, values: list[str]) -> None:
    frame = PEOPLE.assign(sex=[values[k % len(values)] for k in range(N)])
    with pytest.raises(DataError, match=f"'sex' has one group only, '{values[0]}'"):
        read(tmp_path, text(frame))


@pytest.mark.parametrize("rare", ["missing", "other"])
def test_09_one_group_is_left(tmp_path: Path, rare: str) -> None:
    frame = PEOPLE.assign(sex=["M"] + ["F"] * (N - 1))
    with pytest.raises(DataError, match=r"'sex'.*'M'"):
        read(tmp_path, text(frame), rare=rare, min_group=10)


def test_09_a_group_that_is_in_test_alone(tmp_path: Path) -> None:
    frame = PEOPLE.assign(sex=["M"] + ["F"] * (N - 1))
    for seed in range(12):
        with pytest.raises(DataError, match="too few examples in validation"):
            read(tmp_path, text(frame), min_group=1, seed=seed)


@pytest.mark.parametrize("missing", ["", "NA", "?", " ", "<NA>"])
def test_09_no_group_at_all(tmp_path: Path, missing: str) -> None:
    with pytest.raises(DataError, match=r"'sex'.*blank"):
        read(tmp_path, text(PEOPLE.assign(sex=missing)))


ODD_NUMBERS = [
    "38,5", "-38,5", "1.234,5", "$38", "38 %", "38%", "1,234", "1'234", "1 234", "€38", "38 kg", "<5", "-", "unknown",
    "38*", "#DIV/0!", "3O", "(38)", "1_000", "0x1F", "1e", "--", "+-3",
]  # fmt: skip


@pytest.mark.parametrize("cell", ODD_NUMBERS)
@pytest.mark.parametrize("often", [1, 40])
def test_11_a_cell_that_is_no_number_among_numbers(tmp_path: Path, cell: str, often: int) -> None:
    ages = PEOPLE["age"].astype(str).tolist()
    for k in range(often):
        ages[5 + 4 * k] = cell
    with pytest.raises(DataError, match=r"line 7 \(row 6\)") as refused:
        read(tmp_path, text(PEOPLE.assign(age=ages)))
    assert repr(cell) in str(refused.value)
    assert "age" in str(refused.value)


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_11_decimal_commas_are_read_where_the_space_says_so(
    tmp_path: Path, right: Dataset, separator: str
) -> None:
    frame = PEOPLE.assign(age=PEOPLE["age"] + 0.5)
    expected = read(tmp_path, text(frame), "points.csv")
    content = text(frame, decimal=",", sep=separator)
    assert same(read(tmp_path, content, separator=separator, decimal=","), expected)
    with pytest.raises(DataError, match="decimal"):
        read(tmp_path, content, separator=separator)


@pytest.mark.parametrize(
    ("names", "positive", "index"),
    [
        (["no", "yes"], True, 1),
        (["no", "yes"], False, 1),
        (["No", "Yes"], True, 1),
        (["NO", "YES"], True, 1),
        (["off", "on"], True, 1),
        (["false", "true"], True, 1),
        (["False", "True"], True, 1),
        (["FALSE", "TRUE"], False, 1),
        (["0", "1"], 1, 1),
        (["0", "1"], 0, 1),
        (["0.0", "1.0"], 1, 1),
        (["no", "yes"], "yes", 1),
        (["No", "Yes"], "Yes", 1),
    ],
)
def test_12_the_positive_class_as_yaml_reads_it(
    tmp_path: Path, names: list[str], positive: Any, index: int
) -> None:
    frame = PEOPLE.assign(income=PEOPLE["income"].map({"no": names[0], "yes": names[1]}))
    classes = read(tmp_path, text(frame), positive=positive).classes
    meant = names[1] if positive in (True, 1, "yes", "Yes") else names[0]
    assert float(classes[1]) == float(meant) if meant[0].isdigit() else classes[1] == meant


def test_12_two_labels_that_yaml_reads_alike(tmp_path: Path) -> None:
    frame = PEOPLE.assign(income=PEOPLE["income"].map({"no": "true", "yes": "yes"}))
    with pytest.raises(DataError, match="quote"):
        read(tmp_path, text(frame), positive=True)


def indexed(name: str | None) -> str:
    frame = PEOPLE.sort_values("income").reset_index(drop=True)
    return frame.to_csv(index_label=name) if name is not None else frame.to_csv()


@pytest.mark.parametrize(
    "content",
    [
        indexed(None),
        indexed(" "),
        indexed("Unnamed: 0"),
        indexed("Unnamed: 0.1"),
        indexed("Unnamed: 0_level_0"),
        indexed(None).replace("\n", "\r\n"),
        "\ufeff" + indexed(None),
        pd.read_csv(io.StringIO(indexed(None))).to_csv(),
        PEOPLE.set_axis(range(1, N + 1)).to_csv(quoting=csv.QUOTE_ALL),
        PEOPLE.set_axis([f"p{k}" for k in range(N)]).to_csv(),
        PEOPLE.sample(frac=1, random_state=0).to_csv(),
    ],
)
def test_14_an_index_is_no_feature(tmp_path: Path, content: str) -> None:
    found = read(tmp_path, content)
    assert found.notes[0].startswith("features: 1 number (age), 1 category (job: 3);")
    assert "index" in found.notes[0]


def other(change: Callable[[pd.DataFrame], pd.DataFrame | str]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        made = change(PEOPLE)
        (folder / "test.csv").write_text(made if isinstance(made, str) else text(made))

    return write


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (other(lambda f: f.drop(columns="age")), "no column 'age'"),
        (other(lambda f: f.drop(columns="sex")), "no column 'sex'"),
        (other(lambda f: f.drop(columns="income")), "no column 'income'"),
        (other(lambda f: f.rename(columns={"age": "Age"})), "no column 'age'.*did you mean 'Age'"),
        (other(lambda f: f.assign(age="old")), "'old'"),
        (other(lambda f: f.assign(age=["-", *f["age"].iloc[1:].astype(str)])), r"line 2 \(row 1\).*'-'"),
        (other(lambda f: text(f, sep=";")), "separator"),
        (other(lambda f: text(f).partition("\n")[0] + "\n"), "no rows"),
        (other(lambda f: ""), "empty"),
        (other(lambda f: header("age,age,sex,income")), "no column 'job'|2 columns"),
        (other(lambda f: f.assign(sex="")), "sex"),
        (lambda folder: None, "there is no such file"),
    ],
)
def test_20_another_test_file_is_found_out_at_the_start(
    tmp_path: Path, write: Callable[[Path], None], message: str
) -> None:
    write(tmp_path)
    with pytest.raises(DataError, match=rf"test\.csv.*({message})"):
        read(tmp_path, text(), test=str(tmp_path / "test.csv"))


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f[["income", "sex", "job", "age"]],
        lambda f: f.assign(more=1),
        lambda f: f.assign(income="a label that there is not"),
        lambda f: f.assign(income=""),
        lambda f: f.assign(job="a job that train has not"),
    ],
)
def test_20_no_label_of_the_test_file_is_read(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    other(change)(tmp_path)
    assert len(read(tmp_path, text(), test=str(tmp_path / "test.csv")).train) == round(0.8 * N)
