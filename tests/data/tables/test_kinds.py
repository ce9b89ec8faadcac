"""What is a number, what a category, and what is refused because nobody can tell."""

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from kdtune.data.tables.numbers import canonical, number
from kdtune.errors import DataError
from tests.data.tables.conftest import Load, Write


def with_cells(people: pd.DataFrame, cells: dict[int, str], column: str = "age") -> str:
    """Return the table with some cells of a column replaced, by row from 1."""
    changed = people[column].astype(object).copy()
    for row, cell in cells.items():
        changed[row - 1] = cell
    return people.assign(**{column: changed}).to_csv(index=False)


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        ("-", r'`missing: \["-"\]`.*`categorical`'),
        ("unknown", r'`missing: \["unknown"\]`.*`categorical`'),
        ("--", r'`missing: \["--"\]`'),
        (".", r'`missing: \["\."\]`'),
        ("#DIV/0!", r'`missing: \["#DIV/0!"\]`'),
        ("inf", r'`missing: \["inf"\]`'),
        ("-Infinity", r'`missing: \["-Infinity"\]`'),
        ("1e999", r"no plain number: write one, or"),
        ("0x1f", r"`missing:"),
        ("12 kg", r"`missing:"),
        ("<5", r"`missing:"),
        ("5+", r"`missing:"),
        ("20-30", r"`missing:"),
        ("1 Jan", r"`missing:"),
        ("١٢", r"no plain number"),
        ("1_000", r"such as 1000"),
        ("$5", r"such as 5\)"),
        ("5 €", r"such as 5\)"),
        ("38%", r"such as 38\)"),
        ("(5)", r"such as -5\)"),
        ("−5", r"such as -5\)"),
        ("5-", r"such as -5\)"),
        ("1 234", r"such as 1234\)"),
        ("1\u00a0234", r"such as 1234\)"),
        ("1'234.5", r"such as 1234\.5\)"),
        ("1,234.5", r"such as 1234\.5\)"),
        ("38,5", r'decimal sign, set `decimal: ","`'),
        ("1,234", r'decimal sign, set `decimal: ","`; if it separates thousands, write 1234'),
        ("05.01.2020", r"no plain number"),
    ],
)  # fmt: skip
def test_a_cell_that_is_no_number_is_named(
    cell: str, remedy: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    for rows in ([6], [6, 100, 250], range(6, 120)):
        path = write(with_cells(people, dict.fromkeys(rows, cell)))
        with pytest.raises(DataError, match=remedy) as caught:
            load_people(path)
        assert str(caught.value).startswith(f"{path}, line 7 (row 6): {cell!r} in column 'age' is no ")
        more = len(rows) - 1
        assert (f"({more} more such row" in str(caught.value)) == (more > 0)


@pytest.mark.parametrize("row", [1, 150, 300])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_named_whichever_split_the_row_falls_into(
    row: int, seed: int, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    path = write(with_cells(people, {row: "-"}))
    with pytest.raises(DataError, match=rf"people\.csv, line {row + 1} \(row {row}\): '-'"):
        load_people(path, seed=seed)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("${}", r"'\$70'.*such as 70\)"),
        ("{}%", r"'70%'.*such as 70\)"),
        ("{},5", r"'70,5'.*`decimal: \",\"`"),
        ("{},000", r"'70,000'.*write 70000"),
        ("1.{},5", r"no plain number: write one, or"),
        ("1.0{},5", r"'1\.070,5'.*such as 1070\.5\)"),
        ("1 0{}", r"'1 070'.*such as 1070\)"),
        ("–{}", r"'–70'.*such as -70\)"),
        ("({})", r"'\(70\)'.*such as -70\)"),
        ("+-{}", r"no plain number: write one, or"),
        ("{} kg", r"'70 kg'.*values differ only in their digits"),
        ("EUR {}", r"'EUR 70'.*values differ only in their digits"),
        ("2020-01-{}", r"'2020-01-70'.*values differ only in their digits"),
        ("{}:30", r"'70:30'.*values differ only in their digits"),
        ("about {} years", r"values differ only in their digits"),
    ],
)
def test_a_column_of_numbers_in_another_notation(
    form: str, message: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    path = write(people.assign(age=people["age"].map(form.format)).to_csv(index=False))
    with pytest.raises(DataError, match=rf"people\.csv, line 2 \(row 1\): .*{message}"):
        load_people(path)
    assert load_people(path, drop=["age"]).notes[0].startswith("features: 1 number (hours)")
    columns = load_people(path, categorical=["age"]).preprocessing["columns"]
    assert columns[0]["kind"] == "category"


@pytest.mark.parametrize(
    "values",
    [
        ["<25", "25-45", ">=45"],
        ["under 25", "25 to 45", "45+"],
        ["A11", "A12", "A13"],
        ["Q1 2020", "Q2 2020"],
        ["true", "false"],
        ["2020-01-01", "2021-01-01"],
        ["+", "-"],
        ["no 1", "none at all", "1"],
    ],
)
def test_texts_with_digits_are_categories_where_they_are_few(
    values: list[str], people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    path = write(people.assign(age=np.resize(values, 300)).to_csv(index=False))
    column = load_people(path).preprocessing["columns"][0]
    assert (column["kind"], column["categories"]) == ("category", sorted(values))


def test_codes_that_are_numbers_but_for_one_need_their_option(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    path = write(people.assign(age=np.resize(["0", "1", "2", "3+"], 300)).to_csv(index=False))
    with pytest.raises(DataError, match=r"line 5 \(row 4\): '3\+'.*`categorical`"):
        load_people(path)
    assert load_people(path, categorical=["age"]).preprocessing["columns"][0]["categories"] == [
        "0",
        "1",
        "2",
        "3+",
    ]


def test_the_marks_of_pandas_are_missing_everywhere(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    marks = ["", "<NA>", "None", "#N/A", "n/a", "NaT", "NULL", "null", "NaN", "nan", "-nan", "NA", "N/A", "?"]
    holes = {5 * k + 1: mark for k, mark in enumerate(marks)}
    for column in ("age", "job", "sex"):
        data = load_people(write(with_cells(people, holes, column)))
        assert data.attributes == {"sex": ("F", "M")}
        assert ("missing 14" if column == "sex" else f"missing cells: {column} 14") in data.notes[0]


def test_missing_marks_of_ones_own(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    path = write(with_cells(people, {6: "-9", 7: "-9.0", 8: "-", 9: "?"}))
    with pytest.raises(DataError, match=r"line 9 \(row 8\).*`missing: \[\"-\", \"\?\"\]`"):
        load_people(path)
    data = load_people(path, missing=["-", "?", -9])
    assert "missing cells: age 4" in data.notes[0]
    assert "missing cells: age 2" in load_people(path, missing=["-", "?"]).notes[0]


def test_codes_that_are_equal_numbers_are_one_category(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    codes = np.resize(["1", "1.0", "2", "2.00", "10"], 300)
    column = load_people(
        write(people.assign(age=codes).to_csv(index=False)), categorical=["age"]
    ).preprocessing["columns"][0]
    assert column["categories"] == ["1", "10", "2"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1.0), ("-1.5", -1.5), ("+.5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("007", 7.0), ("1_0", None), ("nan", None),
     ("inf", None), ("1e999", None), ("", None), (" 1", None), ("1 ", None), ("١", None), ("0x1", None), ("1,5", None)],
)  # fmt: skip
def test_number(text: str, value: float | None) -> None:
    assert number(text) == value


def test_number_with_a_decimal_comma() -> None:
    assert (number("1,5", ","), number("15", ","), number("1.5", ",")) == (1.5, 15.0, None)


@pytest.mark.parametrize(
    ("text", "one"),
    [("1", "1"), ("1.0", "1"), ("1e0", "1"), ("+1", "1"), ("-0.0", "0"), ("100", "100"), ("1.50", "1.5"),
     ("1e2", "100"),
     ("12345678901234567890", "12345678901234567890"), ("0.10000000000000000001", "0.10000000000000000001"),
     ("007", None), ("a", None), ("1e99", None), ("0.5", "0.5"), ("00", None), ("0", "0")],
)  # fmt: skip
def test_one_spelling_of_a_number(text: str, one: str | None) -> None:
    assert canonical(text) == one


def test_equal_numbers_have_one_spelling_and_others_have_not() -> None:
    rng = np.random.default_rng(0)
    for value in [*rng.normal(size=200).tolist(), *rng.integers(-(10**9), 10**9, 200).astype(float).tolist()]:
        spellings: set[Any] = {
            canonical(f) for f in (repr(value), f"{value:.17e}", f"{value:+.20f}") if float(f) == value
        }
        assert all(spelling is not None and float(spelling) == value for spelling in spellings)
        assert canonical(repr(math.nextafter(value, math.inf))) != canonical(repr(value))


@pytest.mark.parametrize("mark", ["\\N", '"', "a: b", "#", "'", "\\", "-", "n.a."])
def test_the_remedy_for_a_mark_can_be_copied(
    mark: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    """What stands between backquotes is YAML, and does what it says."""
    ages = people["age"].astype(object).where(people.index % 7 != 0, mark)
    path = write(people.assign(age=ages).to_csv(index=False))
    with pytest.raises(DataError, match="set `missing: ") as refused:
        load_people(path)
    option = re.search("`(missing: .*)`; if", str(refused.value))
    assert option is not None
    data = load_people(path, **yaml.safe_load(option[1]))
    assert "missing cells: age 43" in data.notes[0]
