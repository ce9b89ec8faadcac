"""UCI's adult.data, adult.test and german.data in the form in which they are published, with made-up rows."""

from pathlib import Path

import numpy as np
import pytest

from kdtune.data import load
from kdtune.errors import DataError
from tests.data.tables.conftest import Write

ADULT = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship",
    "race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
]  # fmt: skip
GERMAN = [f"a{k}" for k in range(1, 21)] + ["credit"]


def adult(n: int, seed: int, stop: str = "") -> str:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        job = "?" if rng.random() < 0.1 else "Sales"
        rows.append(
            f"{rng.integers(17, 90)}, Private, {rng.integers(10_000, 900_000)}, Bachelors, 13, Divorced, {job}, Wife, "
            f"{rng.choice(['White', 'Black'])}, {rng.choice(['Male', 'Female'])}, 0, 0, {rng.integers(1, 99)}, "
            f"United-States, {rng.choice(['<=50K', '>50K'])}{stop}"
        )
    return "\n".join(rows) + "\n\n"


def german(n: int) -> str:
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(n):
        cells = [
            f"A{k}{rng.integers(1, 4)}" if k not in (2, 5, 13) else rng.integers(1, 70) for k in range(1, 21)
        ]
        rows.append(" ".join(map(str, [*cells, rng.integers(1, 3)])))
    return "\n".join(rows) + "\n"


@pytest.fixture
def adult_data(write: Write) -> Path:
    return write(adult(400, 0), "adult.data")


def test_adult_is_read_with_two_options(adult_data: Path) -> None:
    data = load(
        "table",
        path=adult_data,
        header="none",
        columns=ADULT,
        label="income",
        positive=">50K",
        sensitive="sex",
    )
    assert data.classes == ("<=50K", ">50K")
    assert data.attributes == {"sex": ("Female", "Male")}
    assert "7 categories (workclass: 1, " in data.notes[0]
    assert "occupation: 1" in data.notes[0]
    assert len(data.train) + len(data.validation) + len(data.open_test()) == 400


def test_adult_without_options_names_them(adult_data: Path) -> None:
    with pytest.raises(
        DataError, match=r"no column 'income'.*`header: none` and `columns: \[name, …\]` \(15 names\)"
    ):
        load("table", path=adult_data, label="income")


def test_the_test_file_of_adult(adult_data: Path, write: Write) -> None:
    options = {"path": adult_data, "header": "none", "columns": ADULT, "label": "income", "sensitive": "sex"}
    test = write("|1x3 Cross validator\n" + adult(100, 1, stop="."), "adult.test")
    with pytest.raises(DataError, match=r"adult\.test: .*line 1: 1 cell, but `columns` names 15"):
        load("table", **options, test=str(test))
    data = load("table", **options, test=str(test), comment="|")
    opened = data.open_test()
    assert len(opened) == 100
    expected = [line.endswith(">50K.") for line in test.read_text().splitlines()[1:] if line]
    assert opened.labels.tolist() == expected


def test_full_stops_count_where_some_labels_have_none(adult_data: Path, write: Write) -> None:
    test = write(adult(50, 1, stop=".") + adult(50, 2), "adult.test")
    data = load(
        "table",
        path=adult_data,
        header="none",
        columns=ADULT,
        label="income",
        sensitive="sex",
        test=str(test),
    )
    with pytest.raises(DataError, match=r"adult\.test, line 1 \(row 1\): the label '[<>]=?50K\.'"):
        data.open_test()


def test_german_is_read_with_three_options(write: Write) -> None:
    data = load(
        "table", path=write(german(300), "german.data"), separator=" ", header="none", columns=GERMAN, label="credit",
        positive=2, sensitive="a9",
    )  # fmt: skip
    assert data.classes == ("1", "2")
    assert data.notes[0].startswith("features: 3 numbers (a2, a5, a13), 16 categories (a1: 3, ")


def test_german_without_options_names_them(write: Write) -> None:
    path = write(german(300), "german.data")
    with pytest.raises(DataError, match=r'"," in it; " " cuts the lines into 21 cells.*set `separator: " "`'):
        load("table", path=path, label="credit")
    with pytest.raises(
        DataError, match=r"no column 'credit'.*`header: none` and `columns: \[name, …\]` \(21 names\)"
    ):
        load("table", path=path, label="credit", separator=" ")


def test_numbers_in_columns_of_equal_width(write: Write) -> None:
    rng = np.random.default_rng(0)
    rows = [
        "".join(f"{value:4d}" for value in [*rng.integers(1, 80, 3), *rng.integers(1, 3, 2)])
        for _ in range(200)
    ]
    path = write("\n".join(rows) + "\n", "german.data-numeric")
    data = load(
        "table",
        path=path,
        separator=" ",
        header="none",
        columns=["a", "b", "c", "sex", "y"],
        label="y",
        sensitive="sex",
    )
    assert data.notes[0].startswith("features: 3 numbers (a, b, c)")
