"""The line of what was made of a table, and the lines of doubt."""

import re

import numpy as np
import pandas as pd
import pytest

from kdtune.data.tables.doubts import alike
from kdtune.errors import DataError
from tests.data.tables.conftest import Load, Write


def test_the_line(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    table = people.assign(notes="x", sex=people["sex"].where(people.index % 30 != 0, "?"))
    data = load_people(
        write(table.assign(hours=table["hours"].where(table.index % 100 != 0)).to_csv()), drop=["notes"]
    )
    assert data.notes == (
        "features: 2 numbers (age, hours), 1 category (job: 3); label income: no 150, yes 150; "
        "left out: notes (dropped), Unnamed: 0 (index); sensitive sex: F 143, M 147, missing 10; "
        "missing cells: hours 3",
    )
    assert data.describe()["notes"] == list(data.notes)


def test_it_counts_what_is_taken(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    path = write(people.to_csv(index=False))
    assert "label income: no 50, yes 50" in load_people(path, limit=100).notes[0]
    many = people.assign(**{f"x{k}": k for k in range(40)})
    assert "x9, and 30 more), 1 category" in load_people(write(many.to_csv(index=False))).notes[0]


def test_how_many_have_no_group_is_said_beside_many_groups(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    table = people.assign(sex=[f"g{k % 14}" if k % 30 else "" for k in range(len(people))])
    note = load_people(write(table.to_csv(index=False)), min_group=1).notes[0]
    assert ", and 2 more, missing 10" in note


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_column_that_tells_the_label(
    noise: float, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    rng = np.random.default_rng(1)
    told = np.where(rng.random(300) < noise, "no", people["income"])
    columns = {
        "copy": np.where(told == "yes", "granted", "refused"),
        "amount": np.where(told == "yes", 5000, 100) + rng.integers(0, 90, 300),
        "middle": np.where(told == "yes", 50.0, rng.choice([0, 100], 300)) + rng.random(300),
        "blank": np.where(told == "yes", "x", ""),
    }
    for name, values in columns.items():
        notes = load_people(write(people.assign(**{name: values}).to_csv(index=False))).notes
        assert [
            note
            for note in notes[1:]
            if f"column {name!r} alone predicts the label in 9" in note or "100.0%" in note
        ]
        assert len(notes) == 2


def test_no_column_tells_it_where_the_answer_is_nearly_always_the_same(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    rare = people.assign(income=np.where(people.index % 10 == 0, "yes", "no"), age=people["age"])
    assert len(load_people(write(rare.to_csv(index=False))).notes) == 1


@pytest.mark.parametrize(
    ("ids", "is_id"),
    [
        (np.arange(300), True),
        (np.arange(300)[::-1] + 17, True),
        (np.random.default_rng(0).permutation(10**6)[:300], True),
        (np.random.default_rng(0).integers(0, 1000, 300), False),
        (np.random.default_rng(0).random(300), False),
    ],
)
def test_a_column_that_is_an_id(
    ids: np.ndarray, is_id: bool, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    notes = load_people(write(people.assign(person=ids).to_csv(index=False))).notes
    said = "column 'person' holds a different whole number in every row: if it is an id, name it under `drop`"
    assert (said in notes) == is_id


def test_names_that_differ_in_case_alone(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    sex = people["sex"].where(people.index % 3 != 0, people["sex"].str.lower())
    notes = load_people(write(people.assign(sex=sex).to_csv(index=False))).notes
    told = [note for note in notes if note.endswith("in column 'sex' are different names here")]
    assert len(told) == 1
    assert all(re.search(f"'{a}' and '{b}'|'{b}' and '{a}'", told[0]) for a, b in ("Ff", "Mm"))


def test_a_text_that_is_an_id(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    few = people.iloc[:150].assign(person=[chr(97 + k % 26) * (1 + k // 26) for k in range(150)])
    notes = load_people(write(few.to_csv(index=False))).notes
    assert (
        "column 'person' holds a different text in every row: if it is an id, name it under `drop`" in notes
    )


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            ["00123", "01234", "99999"],
            "some begin with a zero (00123): if they are codes, name it under `categorical`",
        ),
        (["01", "02", "11"], "some begin with a zero (01)"),
        (["1.234", "850", "12.500", "999"], "each point has three digits after it (1.234)"),
        (["20", "30", "45", "-999"], "holds -999 in 75 rows, far from all other numbers"),
        (["20", "30", "45", "999"], "holds 999 in 75 rows, far from all other numbers"),
        (["20", "30", "45", "-1"], "holds -1 in 75 rows, far from all other numbers"),
        (["20", "30", "45", "9999.0"], "holds 9999.0 in 75 rows"),
        (["0.123", "0.500", "0.850", "1"], None),
        (["1.234", "2.500", "3.125"], None),
        (["0", "1", "2", "10"], None),
        (["0.5", "0.25", "0.125", "0"], None),
        (["96", "97", "98", "99"], None),
        (["-3", "-2", "-1", "0"], None),
        (["20", "30", "45", "300"], None),
    ],
)
def test_numbers_that_may_mean_something_else(
    cells: list[str], said: str | None, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    values = [cells[k % len(cells)] for k in range(len(people))]
    notes = load_people(write(people.assign(value=values).to_csv(index=False))).notes[1:]
    assert [said in note for note in notes] == [True] if said else notes == ()


@pytest.mark.parametrize("copies", [10, 300])
def test_rows_that_are_copies(copies: int, people: pd.DataFrame, write: Write, load_people: Load) -> None:
    whole = people.assign(value=np.random.default_rng(0).random(len(people)))
    twice = pd.concat([whole, whole.iloc[:copies]])
    notes = load_people(write(twice.to_csv(index=False))).notes
    assert f"{copies} of {300 + copies} rows repeat another row in every column" in notes[-1]
    assert len(load_people(write(whole.to_csv(index=False))).notes) == 1


def test_names_that_look_alike_are_told_by_their_codes(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    cyrillic = people["sex"].where((people["sex"] != "M") | (people.index % 2 == 0), "\u041c")
    notes = load_people(write(people.assign(sex=cyrillic).to_csv(index=False))).notes
    told = [note for note in notes if "different names" in note]
    assert len(told) == 1
    assert "(U+041C) in column 'sex' are different names here" in told[0]


def test_many_names_that_look_alike_take_one_line(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    jobs = [["Cook", "cook", "COOK", "Clerk", "clerk", "Smith", "smith"][k % 7] for k in range(len(people))]
    notes = load_people(write(people.assign(job=jobs).to_csv(index=False))).notes
    told = [note for note in notes if "different names" in note]
    assert told == [
        "'Cook' and 'cook', 'Cook' and 'COOK', 'Clerk' and 'clerk' in column 'job' are different names here "
        "(1 more such names)"
    ]


def test_hexadecimal_ids_are_no_numbers() -> None:
    assert alike("column 'id'", ["00000e10", "00000e20", "12345678"], ".") == []
    assert len(alike("column 'code'", ["7", "7.0", "x"], ".")) == 1


def test_numbers_that_become_one_are_named(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    big = [10**18 + k for k in range(len(people))]
    notes = load_people(write(people.assign(big=big).to_csv(index=False))).notes
    assert any("column 'big' is read as numbers, of which" in note for note in notes)
    exact = [10**15 + k for k in range(len(people))]
    notes = load_people(write(people.assign(big=exact).to_csv(index=False))).notes
    assert not any("become one" in note for note in notes)


def test_numbers_too_large_to_compute_with_are_refused(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    big = [1e300 if k == 7 else float(k) for k in range(len(people))]
    with pytest.raises(DataError, match=r"column 'big' holds 1e\+300, too large a number"):
        load_people(write(people.assign(big=big).to_csv(index=False)))
