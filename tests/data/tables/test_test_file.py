"""A test file: all of it but its labels is checked when the data set is loaded."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kdtune.data import load
from kdtune.errors import DataError
from tests.data.tables.conftest import Load, Write


@pytest.fixture
def train_file(people: pd.DataFrame, write: Write) -> Path:
    return write(people.to_csv(index=False))


REFUSED: dict[str, tuple[Callable[[pd.DataFrame], str], str]] = {
    "the label is not there": (lambda t: t.drop(columns="income").to_csv(index=False), "no column 'income', named by 'label'"),
    "the label has another name": (lambda t: t.rename(columns={"income": "incomes"}).to_csv(index=False), "did you mean 'incomes'"),
    "the sensitive column is not there": (lambda t: t.drop(columns="sex").to_csv(index=False), "no column 'sex', named by 'sensitive'"),
    "a feature is not there": (lambda t: t.drop(columns="hours").to_csv(index=False), "no column 'hours', named by 'features'"),
    "a feature is there twice": (lambda t: t.assign(**{" age": 1}).to_csv(index=False), "2 columns are called 'age'"),
    "no header": (lambda t: t.to_csv(index=False, header=False), r"no column 'income'.*the first line seems to hold data"),
    "a line before the header": (lambda t: "|1x3 Cross validator\n" + t.to_csv(index=False), "line 2: 5 cells"),
    "a line in place of the header": (lambda t: "|1x3 Cross validator\n" + t.to_csv(index=False, header=False), "line 2: 5 cells"),
    "semicolons": (lambda t: t.to_csv(index=False, sep=";"), 'set `separator: ";"`'),
    "a cell that is no number": (lambda t: t.astype({"age": object}).replace({"age": {t["age"].iloc[4]: "-"}}).to_csv(index=False), r"line \d+ \(row \d+\): '-' in column 'age' is no number"),
    "numbers with commas": (lambda t: t.to_csv(index=False, decimal=","), "in column 'hours' is no number"),
    "a short row": (lambda t: t.to_csv(index=False) + "1,2\n", "line 102: 2 cells"),
    "a group of its own": (lambda t: t.assign(sex=["x", *t["sex"].iloc[1:]]).to_csv(index=False), r"line 2 \(row 1\): column 'sex' holds 'x', which is none of its declared groups"),
    "no group at all": (lambda t: t.assign(sex="").to_csv(index=False), "column 'sex' is sensitive but blank in every row"),
    "no rows": (lambda t: t.head(0).to_csv(index=False), "no rows"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_at_the_start(
    case: str, people: pd.DataFrame, train_file: Path, write: Write, load_people: Load
) -> None:
    make, message = REFUSED[case]
    path = write(make(people.head(100)), "test.csv")
    with pytest.raises(DataError, match=message) as caught:
        load_people(train_file, test=str(path))
    assert str(path) in str(caught.value)


def test_its_labels_are_looked_at_only_when_it_is_opened(
    people: pd.DataFrame, train_file: Path, write: Write, load_people: Load
) -> None:
    unknown = "the label '{}' in column 'income' is none of the classes (no, yes)"
    blank = "there is no label in column 'income', nor in 99 more rows: fill it in, or remove the row"
    mark = "'?' in it counts as missing, as in training"
    for label, said in {"maybe": unknown, "1": unknown, "": blank, "?": f"{blank}; {mark}"}.items():
        path = write(people.head(100).assign(income=label).to_csv(index=False), "test.csv")
        data = load_people(train_file, test=str(path))
        with pytest.raises(DataError) as caught:
            data.open_test()
        assert str(caught.value) == f"{path}, line 2 (row 1): {said.format(label)}"


def test_columns_may_be_in_another_order_and_more(
    people: pd.DataFrame, train_file: Path, write: Write, load_people: Load
) -> None:
    test = people.tail(100)
    plain = load_people(train_file, test=str(write(test.to_csv(index=False), "test.csv"))).open_test()
    other = test[["income", "sex", "job", "hours", "age"]].assign(note="x")
    moved = load_people(train_file, test=str(write(other.to_csv(), "test.csv"))).open_test()
    assert moved.inputs.equal(plain.inputs)
    assert moved.labels.tolist() == (test["income"] == "yes").astype(int).tolist()


def test_it_may_be_of_another_kind(
    people: pd.DataFrame, train_file: Path, tmp_path: Path, load_people: Load
) -> None:
    test = people.tail(100)
    test.to_csv(tmp_path / "test.csv", index=False)
    test.to_parquet(tmp_path / "test.parquet")
    opened = [
        load_people(train_file, test=str(tmp_path / name)).open_test()
        for name in ("test.csv", "test.parquet")
    ]
    assert opened[0].inputs.equal(opened[1].inputs)


@pytest.mark.parametrize("options", [{"test": "nowhere.csv"}, {"test": "peopel.csv"}, {"test": "."}])
def test_a_path_that_is_not_there(
    options: dict[str, Any], train_file: Path, load_people: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(train_file.parent)
    with pytest.raises(DataError, match=r"there is no such file|is a folder"):
        load_people(train_file, **options)


def test_the_training_file_is_no_test_file(
    people: pd.DataFrame, train_file: Path, write: Write, load_people: Load
) -> None:
    copy = write(train_file.read_bytes(), "test.csv")
    for path in (train_file, copy):
        with pytest.raises(DataError, match="has the content of"):
            load_people(train_file, test=str(path))


def test_one_group_alone_is_named_at_the_start(
    people: pd.DataFrame, train_file: Path, write: Write, load_people: Load
) -> None:
    """Else it is found out after the sweep, when the gaps on test are undefined."""
    options: dict[str, Any] = {"sensitive": ["sex", "age"], "bins": {"age": [40]}}
    mixed = write(people[:99].assign(hours=7.1).to_csv(index=False), "mixed.csv")
    assert not any("one group" in note for note in load_people(train_file, test=str(mixed), **options).notes)
    one = people[people["sex"].eq("F") & people["age"].ge(40)].assign(hours=7.1)
    notes = load_people(train_file, test=str(write(one.to_csv(index=False), "one.csv")), **options).notes
    for column, group in (("sex", "F"), ("age", ">=40")):
        said = f"column {column!r} has one group only, {group!r}: differences between groups are undefined"
        assert sum(said in note for note in notes) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda row: {**row, "job": row["job"].upper()},
            "column 'job' holds values that train has not, in 40 of 40 rows",
        ),
        (
            lambda row: {**row, "age": row["age"] * 1000},
            "column 'age' has a median of .*: is it in another unit",
        ),
        (lambda row: {**row, "age": ""}, "column 'age' is blank in every row"),
        (
            lambda row: {**row, "age": row["age"] if row["job"] == "cook" else ""},
            r"column 'age' is blank in \d+ of 40 rows, and never is in train: .* as its median, \d+",
        ),
        (
            lambda row: {**row, "job": row["job"] if row["age"] > 40 else ""},
            r"column 'job' is blank in \d+ of 40 rows, and never is in train: .* as none of its values",
        ),
    ],
)
def test_what_is_unlike_train_is_named(
    change: Callable[[dict[str, Any]], dict[str, Any]], said: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)

    def rows(n: int) -> list[dict[str, Any]]:
        ages, jobs, labels = (
            rng.integers(18, 80, n),
            rng.choice(["cook", "clerk"], n),
            rng.choice(["a", "b"], n),
        )
        return [
            {"age": int(a), "job": str(j), "y": str(y)} for a, j, y in zip(ages, jobs, labels, strict=True)
        ]

    pd.DataFrame(rows(200)).to_csv(tmp_path / "train.csv", index=False)
    more = rows(40)
    for name, found, count in (("same", more, 0), ("other", list(map(change, more)), 1)):
        pd.DataFrame(found).to_csv(tmp_path / f"{name}.csv", index=False)
        data = load("table", path=str(tmp_path / "train.csv"), test=str(tmp_path / f"{name}.csv"), label="y")
        told = [
            line
            for line in data.notes
            if line.startswith(str(tmp_path / f"{name}.csv")) and "copies" not in line
        ]
        assert len(told) == count
        assert all(re.search(said, line) for line in told)
