"""Labels and groups: as a person, YAML and a file write them; and what is no group."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from kdtune.data import Dataset
from kdtune.errors import DataError
from tests.data.tables.conftest import Load, Write


def label_of(people: pd.DataFrame, no: str, yes: str) -> pd.DataFrame:
    return people.assign(income=people["income"].map({"no": no, "yes": yes}))


def from_yaml(load_people: Load, path: Path, text: str) -> Dataset:
    """Load with options as a person writes them in a space."""
    return load_people(path, **yaml.safe_load(text))


@pytest.mark.parametrize(
    ("no", "yes", "option"),
    [
        ("no", "yes", "positive: yes"),
        ("No", "Yes", "positive: Yes"),
        ("NO", "YES", "positive: yes"),
        ("false", "true", "positive: true"),
        ("False", "True", "positive: true"),
        ("FALSE", "TRUE", "positive: yes"),
        ("off", "on", "positive: on"),
        ("maybe", "yes", "positive: yes"),
        ("0", "1", "positive: 1"),
        ("0", "1", "positive: 1.0"),
        ("0", "1", "positive: '1'"),
        ("0.0", "1.0", "positive: 1"),
        ("0.0", "1.0", "positive: '1.0'"),
        ("-1", "+1", "positive: 1"),
        ("0", "1e0", "positive: 1"),
        ("2019-01-01", "2020-01-01", "positive: 2020-01-01"),
        (" no ", " yes ", "positive: 'yes'"),
    ],
)
def test_positive_as_people_write_it(
    no: str, yes: str, option: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    data = from_yaml(load_people, write(label_of(people, no, yes).to_csv(index=False)), option)
    assert (
        data.train.labels.sum() + data.validation.labels.sum() + data.open_test().labels.sum()
        == (people["income"] == "yes").sum()
    )


@pytest.mark.parametrize(
    ("no", "yes", "option", "message"),
    [
        ("0", "1", "positive: yes", "positive: 'true' is no value.*quote it.*values: 0, 1"),
        ("true", "yes", "positive: yes", "'true' is no value of label 'income'.*quote it"),
        ("no", "yes", "positive: 1", "positive: '1' is no value.*values: no, yes"),
        ("no", "yes", "positive: 'Yes'", "did you mean 'yes'"),
        ("00", "01", "positive: 1", "positive: '1' is no value"),
    ],
)
def test_positive_that_is_no_label(
    no: str, yes: str, option: str, message: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    with pytest.raises(DataError, match=message):
        from_yaml(load_people, write(label_of(people, no, yes).to_csv(index=False)), option)


def test_labels_that_are_equal_numbers_are_one_class(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    expected = load_people(write(label_of(people, "0", "1").to_csv(index=False), "right.csv"))
    spelled = np.where(
        people["income"] == "yes", np.resize(["1", "1.0", "1e0"], 300), np.resize(["0", "0.0"], 300)
    )
    mixed = people.assign(income=spelled)
    data = load_people(write(mixed.to_csv(index=False)))
    assert (data.classes, data.fingerprint) == (("0", "1"), expected.fingerprint)
    for kind in (np.int64, np.float64, np.float32, np.uint8, "Int64"):
        path = write(b"", "people.parquet")
        label_of(people, "0", "1").astype({"income": kind}).to_parquet(path)
        assert load_people(path).fingerprint == expected.fingerprint


@pytest.mark.parametrize("column", ["0", "0.0"])
def test_groups_that_are_numbers_are_matched_by_value(
    column: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    values = np.where(people["sex"] == "F", "2" + column[1:], "10" + column[1:])
    path = write(people.assign(sex=values).to_csv(index=False))
    assert load_people(path).attributes == {"sex": ("2", "10")}
    for groups in ([10, 2], ["10", "2"], [10.0, 2.0], ["10.0", "2.00"]):
        data = load_people(path, groups={"sex": groups})
        assert data.attributes == {"sex": ("10", "2")}
        assert int((data.train.groups["sex"] == -1).sum()) == 0


def test_groups_that_yaml_reads_as_truth_values(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    path = write(people.assign(sex=people["sex"].map({"F": "yes", "M": "no"})).to_csv(index=False))
    assert from_yaml(load_people, path, "groups: {sex: [yes, no]}").attributes == {"sex": ("yes", "no")}
    path = write(people.assign(sex=people["sex"].map({"F": "NO", "M": "SE"})).to_csv(index=False))
    assert from_yaml(load_people, path, "groups: {sex: [SE, NO]}").attributes == {"sex": ("SE", "NO")}


def test_columns_that_yaml_reads_as_numbers_or_truth_values(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    named = people.rename(columns={"age": "1", "hours": "2020", "job": "y", "sex": "no", "income": "yes"})
    path = write(named.assign(**{"3.5": "x"}).to_csv(index=False))
    data = from_yaml(load_people, path, "{label: yes, sensitive: no, drop: [y, 3.5], features: [1, 2020]}")
    assert data.notes[0].startswith("features: 2 numbers (1, 2020); label yes: no ")
    assert data.notes[0].endswith("left out: y (dropped), 3.5 (dropped); sensitive no: F 148, M 152")
    for option in ("drop: [on]", "sensitive: on", "features: [on]", "groups: {on: [a]}"):
        path = write(named.assign(true="x").to_csv(index=False))
        with pytest.raises(
            DataError, match=r"'(drop|sensitive|features|groups)' names 'true', .*YAML.*quote"
        ):
            from_yaml(load_people, path, "{label: 'yes', sensitive: 'no', " + option + "}")


def test_a_value_that_is_no_declared_group_is_named_by_its_line(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    sex = people["sex"].where(people.index != 200, "f")
    path = write(people.assign(sex=sex).to_csv(index=False))
    with pytest.raises(
        DataError, match=r"line 202 \(row 201\): column 'sex' holds 'f', which is none of its declared"
    ):
        load_people(path, groups={"sex": ["F", "M"]})
    assert "missing 1" in load_people(path, groups={"sex": ["F", "M"]}, rare="missing").notes[0]


def sizes(*counts: int) -> list[str]:
    """Return 300 group names, as many of each as said."""
    return [name for name, count in zip("abcdefgh", counts, strict=False) for _ in range(count)]


@pytest.mark.parametrize(
    ("sex", "options", "message"),
    [
        (["F"] * 300, {}, "'sex' has one group only, 'F'"),
        (["F"] * 299 + [""], {}, "'sex' has one group only, 'F'"),
        (["F"] * 299 + ["?"], {"rare": "other"}, "'sex' has one group only, 'F'"),
        ([" F ", "F"] * 150, {}, "'sex' has one group only, 'F'"),
        ([""] * 300, {}, r"people\.csv: column 'sex' is sensitive but blank in every row"),
        (["NA"] * 300, {}, "column 'sex' is sensitive but blank in every row"),
        ([""] * 300, {"groups": {"sex": ["F", "M"]}}, "column 'sex' is sensitive but blank in every row"),
        (sizes(300), {"groups": {"sex": ["a"]}}, "'sex' has one group only, 'a'"),
        (sizes(290, 10), {"rare": "missing", "min_group": 10}, r"one group only, 'a': `rare: missing` leaves out .*'b' 8"),
        (sizes(40, 40, 40, 40, 40, 40, 40, 20), {"rare": "missing", "min_group": 50}, r"'sex' has no group: `rare: missing`"),
        (sizes(40, 40, 40, 40, 40, 40, 40, 20), {"rare": "other", "min_group": 40}, r"'sex' has one group only, 'other': `rare: other` merges"),
        (sizes(290, 10), {"rare": "error", "min_group": 10}, r"'b' \(2 of 8\)"),
        (sizes(290, 10), {"groups": {"sex": ["a"]}, "rare": "missing"}, "'sex' has one group only, 'a'"),
        ([str(k) for k in range(300)], {}, r"300 different values, too many for groups.*bins"),
    ],
)  # fmt: skip
def test_groups_that_are_too_few_are_named(
    sex: list[str],
    options: dict[str, Any],
    message: str,
    people: pd.DataFrame,
    write: Write,
    load_people: Load,
) -> None:
    path = write(people.assign(sex=sex).to_csv(index=False))
    with pytest.raises(DataError, match=message):
        load_people(path, **options)


def test_a_label_in_bins(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    path = write(people.to_csv(index=False))
    with pytest.raises(
        DataError, match=r"label 'hours' has 2\d\d different values.*`bins: \{hours: \[edge, …\]\}`"
    ):
        load_people(path, label="hours")
    data = load_people(path, label="hours", bins={"hours": [20, 37.5]}, features=["age"])
    assert data.classes == ("<20", "20-37.5", ">=37.5")
    labels = [data.train.labels, data.validation.labels, data.open_test().labels]
    found = sum(np.bincount(part.numpy(), minlength=3) for part in labels)
    cut = pd.cut(people["hours"], [-np.inf, 20, 37.5, np.inf], right=False).value_counts(sort=False)
    assert found.tolist() == cut.tolist()
    two = load_people(path, label="hours", bins={"hours": [37.5]}, positive="<37.5", features=["age"])
    assert two.classes == (">=37.5", "<37.5")


def test_a_quantity_as_label_gets_a_hint(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    path = write(people.assign(score=np.resize(np.arange(12), 300)).to_csv(index=False))
    hint = "label 'score' has 12 numbers as classes: if it is a quantity, set `bins: {score: [edge, …]}`"
    assert hint in load_people(path, label="score").notes
    with pytest.raises(
        DataError, match=r"has no example in .*; label 'age' has \d+ numbers as classes.*`bins"
    ):
        load_people(path, label="age", validation=0.01)


def test_large_edges_keep_their_digits(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    path = write(people.assign(sex=people["age"] + 1_234_500).to_csv(index=False))
    data = load_people(path, bins={"sex": [1_234_540, 1_234_560]})
    assert data.attributes == {"sex": ("<1234540", "1234540-1234560", ">=1234560")}


@pytest.mark.parametrize("column", ["income", "sex"])
@pytest.mark.parametrize("others", ["unknown", "01"])
def test_equal_numbers_beside_others_that_are_told_apart_by_their_spelling(
    column: str, others: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    values = np.resize(["1", "0", "1.0", others], 300)
    path = write(people.assign(**{column: values}).to_csv(index=False))
    with pytest.raises(
        DataError, match=rf"line 4 \(row 3\): '1.0' and '1' in column '{column}' are the same number"
    ):
        load_people(path)
    alike = np.where(np.isin(values, ["1.0", "01"]), "1", values)
    data = load_people(write(people.assign(**{column: alike}).to_csv(index=False)))
    names = data.classes if column == "income" else data.attributes["sex"]
    assert names == (("0", "1") if others == "01" else ("0", "1", "unknown"))


def test_whole_numbers_of_many_digits_are_sorted_by_value(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    low, high = "9007199254740992", "9007199254740993"
    for first, second in ((low, high), (high, low)):
        values = np.where(people["sex"] == people["sex"][0], first, second)
        assert load_people(write(people.assign(income=values).to_csv(index=False))).classes == (low, high)


@pytest.mark.parametrize("edges", [[float("nan")], [40, float("inf")], [float("-inf"), 40]])
def test_edges_of_bins_are_numbers(
    edges: list[float], people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    with pytest.raises(DataError, match="must be ascending edges"):
        load_people(write(people.to_csv(index=False)), sensitive="age", bins={"age": edges})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sensitive": "age", "bins": {"age": [5]}},
            r"'age' has one group only, '>=5' \(no example is in '<5'\)",
        ),
        (
            {"groups": {"sex": ["A", "B"]}, "rare": "missing"},
            r"'sex' has no group \(no example is in 'A', 'B'\)",
        ),
        (
            {"groups": {"sex": ["F", "X"]}, "rare": "missing"},
            r"'sex' has one group only, 'F' \(no example is in 'X'\)",
        ),
    ],
)
def test_declared_groups_that_do_not_occur_are_no_groups(
    options: dict[str, Any], message: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    with pytest.raises(DataError, match=message):
        load_people(write(people.to_csv(index=False)), **options)


@pytest.mark.parametrize("name", ["unknown", "na", "Missing", "-", "\\N", "#REF!", "#VALEUR!", "#NV"])
@pytest.mark.parametrize("column", ["sex", "income"])
def test_a_group_or_class_that_may_stand_for_a_missing_value_is_named(
    column: str, name: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    values = people[column].where(people.index % 3 != 0, name)
    notes = load_people(write(people.assign(**{column: values}).to_csv(index=False))).notes
    [said] = [note for note in notes if "if it stands for a missing value" in note]
    assert said.startswith(f"{name!r} in column {column!r} is a {'group' if column == 'sex' else 'class'}: ")


def test_a_category_that_is_an_error_of_a_spreadsheet_is_named(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    jobs = people["job"].where(people.index % 3 != 0, "#REF!")
    notes = load_people(write(people.assign(job=jobs).to_csv(index=False))).notes
    [said] = [note for note in notes if "if it stands for a missing value" in note]
    assert said.startswith("'#REF!' in column 'job' is a category: ")


def test_a_class_that_counts_as_missing_is_named_with_the_option_that_keeps_it(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    people = people.assign(
        income=people["income"].replace("no", "None"), job=people["job"].replace("cook", "NA")
    )
    path = write(people.to_csv(index=False))
    said = r"'None' in it counts as missing: if it is a class, set `missing: \[\"NA\"\]`"
    with pytest.raises(DataError, match=said):
        load_people(path)
    data = load_people(path, missing=["NA"])
    assert data.classes == ("None", "yes")
    assert "missing cells: job" in data.notes[0]


def test_a_column_that_is_called_like_an_intersection_is_refused(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    """It is what may be meant, and would be a feature."""
    crossed = people["sex"] + people["job"]
    path = write(people.assign(**{"sex*job": crossed}).to_csv(index=False))
    with pytest.raises(DataError, match=r"sensitive 'sex\*job' is an intersection .* called so, too: rename"):
        load_people(path, sensitive=["sex*job"])
    load_people(path, sensitive=["sex"], drop=["sex*job"])


def test_one_group_beside_examples_of_none_counts_these(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    n = int((people["sex"] == "F").sum())
    path = write(people.assign(sex=people["sex"].replace("F", "NA")).to_csv(index=False))
    with pytest.raises(DataError, match=rf"one group only, 'M', and {n} examples of no group"):
        load_people(path, test=0.001)


def test_declared_groups_are_named_once(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    with pytest.raises(DataError, match="groups of 'sex': 'F' is named twice"):
        load_people(write(people.to_csv(index=False)), groups={"sex": ["F", "M", "F"]})


@pytest.mark.parametrize("key", [True, "true"])
def test_a_key_that_yaml_reads_as_true_and_json_writes_as_text(
    key: Any, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    path = write(people.rename(columns={"sex": "on"}).to_csv(index=False))
    data = load_people(path, sensitive=[True], groups={key: ["M", "F"]})
    assert data.attributes == {"on": ("M", "F")}
