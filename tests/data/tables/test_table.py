import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from kdtune.data import load
from kdtune.data.tables.preprocessing import TablePreprocessing
from kdtune.errors import DataError

SHARED = Path(__file__).parents[3].parent / "shared/data"


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 400
    return pd.DataFrame(
        {
            "row": np.arange(n),
            "age": rng.integers(18, 80, n),
            "job": rng.choice(["cook", "clerk", "smith"], n),
            "sex": rng.choice(["f", "m"], n),
            "race": rng.choice(["x", "y"], n),
            "income": rng.choice(["low", "high"], n),
        }
    )


@pytest.fixture
def table(frame, tmp_path):
    """Write the frame, changed in the cells asked for, and return the options to load it."""

    def write(name="t.csv", *, frame=frame, options=None, **columns):
        changed = frame.assign(**columns)
        path = tmp_path / name
        if path.suffix == ".csv":
            changed.to_csv(path, index=False)
        else:
            changed.to_parquet(path)
        return {"path": str(path), "label": "income", "sensitive": "sex", "min_group": 1} | (options or {})

    return write


def test_splits_cover_the_table_once(table) -> None:
    data = load("table", **table(), features=["row"])
    parts = [data.train, data.validation, data.open_test()]
    assert [len(part) for part in parts] == [256, 64, 80]
    (column,) = data.preprocessing["columns"]
    rows = torch.cat([part.inputs[:, 0] for part in parts]).double() * column["scale"] + column["mean"]
    assert sorted(rows.round().int().tolist()) == list(range(400))
    for part in parts:
        assert part.inputs.dtype == torch.float32


def test_labels_and_groups_stay_with_their_rows(table, frame) -> None:
    data = load(
        "table", **table(options={"sensitive": ["sex", "sex*race"]}), features=["row"], positive="high"
    )
    (column,) = data.preprocessing["columns"]
    assert data.classes == ("low", "high")
    for part in (data.train, data.validation, data.open_test()):
        rows = frame.iloc[
            (part.inputs[:, 0].double() * column["scale"] + column["mean"]).round().int().tolist()
        ]
        assert [data.classes[c] for c in part.labels] == rows["income"].tolist()
        assert [data.attributes["sex"][g] for g in part.groups["sex"]] == rows["sex"].tolist()
        crossed = (rows["sex"] + "*" + rows["race"]).tolist()
        assert [data.attributes["sex*race"][g] for g in part.groups["sex*race"]] == crossed


def test_preprocessing_has_seen_train_only(table) -> None:
    data = load("table", **table(), features=["age"])
    assert data.train.inputs.mean().item() == pytest.approx(0, abs=1e-6)
    assert data.train.inputs.std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert abs(data.validation.inputs.mean().item()) > 1e-4


def test_sensitive_columns_stay_out_unless_asked_for(table) -> None:
    def names(**options):
        return TablePreprocessing.from_dict(load("table", **table(), **options).preprocessing).feature_names

    jobs = ["job=clerk", "job=cook", "job=smith"]
    assert names(drop=["row"]) == ["age", *jobs, "race=x", "race=y"]
    assert names(drop=["row", "race"], use_sensitive=True) == ["age", *jobs, "sex=f", "sex=m"]
    with pytest.raises(DataError, match="use_sensitive: true"):
        names(features=["age", "sex"])


def test_parquet_and_csv_are_the_same_data(table) -> None:
    options = {"drop": ["row"], "sensitive": ["sex", "race"]}
    prints = [load("table", **table(name, options=options)).fingerprint for name in ("t.csv", "t.parquet")]
    assert prints[0] == prints[1]


def test_the_test_rows_may_be_another_file(table, frame, tmp_path) -> None:
    options = table(options={"test": str(tmp_path / "test.csv")})
    with pytest.raises(DataError, match=r"test\.csv: there is no such file"):
        load("table", **options)
    frame.head(30).to_csv(options["test"], index=False)
    data = load("table", **options)
    assert len(data.train) + len(data.validation) == 400
    assert len(data.open_test()) == 30
    frame.head(30).assign(income="middle").to_csv(options["test"], index=False)
    with pytest.raises(DataError, match=r"test\.csv, line 2 \(row 1\): the label 'middle'"):
        data.open_test()


@pytest.mark.parametrize("rare", ["missing", "other"])
def test_a_group_that_only_the_test_file_has_is_no_other_group(table, frame, tmp_path, rare) -> None:
    race = np.where(np.arange(400) < 40, "tiny", frame["race"])
    frame.head(30).assign(race="new").to_csv(tmp_path / "test.csv", index=False)
    options = {"test": str(tmp_path / "test.csv"), "sensitive": "race*sex", "rare": rare, "min_group": 6}
    data = load("table", **table(race=race, options=options))
    assert set(data.open_test().groups["race*sex"].tolist()) == {-1}


def test_a_file_that_changed_is_not_opened_as_test(table) -> None:
    options = table()
    data = pickle.loads(pickle.dumps(load("table", **options)))
    assert len(data.open_test()) == 80
    Path(options["path"]).write_text(Path(options["path"]).read_text() + "1,2,cook,f,x,low\n")
    with pytest.raises(DataError, match="has changed"):
        data.open_test()


def test_missing_cells(table, frame) -> None:
    sex = frame["sex"].where(frame.index % 5 != 0, " ? ")
    job = frame["job"].where(frame.index % 3 != 0, "")
    age = frame["age"].astype(object).where(frame.index % 7 != 0, "NA")
    data = load("table", **table(sex=sex, job=job, age=age), drop=["row"])
    assert (data.train.groups["sex"] == -1).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert data.attributes["sex"] == ("f", "m")
    assert "job=(missing)" in TablePreprocessing.from_dict(data.preprocessing).feature_names
    assert torch.isfinite(data.train.inputs).all()


def test_numbers_in_bins(table, frame) -> None:
    data = load("table", **table(options={"sensitive": "age"}), bins={"age": [25, 45]}, features=["row"])
    assert data.attributes["age"] == ("<25", "25-45", ">=45")
    (column,) = data.preprocessing["columns"]
    rows = (data.train.inputs[:, 0].double() * column["scale"] + column["mean"]).round().int().tolist()
    expected = [(age >= 25) + (age >= 45) for age in frame["age"].iloc[rows]]
    assert data.train.groups["age"].tolist() == expected


def test_limit_and_seed(table) -> None:
    options = table()
    data = load("table", **options, limit=100)
    assert len(data.train) + len(data.validation) + len(data.open_test()) == 100
    assert data.fingerprint == load("table", **options, limit=100).fingerprint
    assert data.fingerprint != load("table", **options, limit=100, seed=1).fingerprint


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {"label": "incom"}, "no column 'incom', named by 'label'; did you mean 'income'"),
        ({}, {"sensitive": "sexx"}, "named by 'sensitive'; did you mean 'sex'"),
        ({}, {"sensitive": "income"}, "cannot be sensitive"),
        ({}, {"sensitive": "age"}, "bins"),
        ({}, {"drop": ["jobb"]}, "named by 'drop'; did you mean 'job'"),
        ({}, {"features": ["job", "income"]}, "cannot be a feature"),
        ({}, {"features": ["job"], "drop": ["job"]}, "no column is left"),
        ({}, {"positive": "higher"}, "did you mean 'high'"),
        ({}, {"bins": {"age": [3]}}, "'bins' names 'age'"),
        (
            {},
            {"sensitive": "sex", "bins": {"sex": [3]}},
            r"line 2 \(row 1\): 'm' in column 'sex', which has bins, is no number",
        ),
        ({}, {"sensitive": "age", "bins": {"age": [45, 25]}}, "ascending"),
        ({}, {"groups": {"sex": ["f"]}}, "'m', which is none of its declared groups"),
        ({}, {"test": 1.5}, "less than 1"),
        (
            {"income": ["low"] * 399 + [""]},
            {},
            r"line 401 \(row 400\): there is no label in column 'income': fill it in",
        ),
        ({"income": ["low"] * 400}, {}, "at least two classes"),
        ({"income": ["low"] * 399 + ["high"]}, {}, "'high' has no example in"),
        ({"income": range(400)}, {}, "too many for classes"),
        (
            {"job": [f"name{i}" for i in range(400)]},
            {},
            r"line 2 \(row 1\): 'name0' in column 'job', .* 400 values",
        ),
        (
            {"job": [chr(97 + i // 20) + chr(97 + i % 20) for i in range(400)]},
            {},
            "column 'job' has .* too many for categories",
        ),
        ({"job": [""] * 400}, {}, "column 'job' has no value in train"),
        ({"sex": ["f"] * 380 + ["m"] * 20}, {"min_group": 10}, r"'m' \(3 of 1\d\)"),
    ],
)
def test_what_cannot_be_used_is_named(table, columns, options, message) -> None:
    with pytest.raises(DataError, match=message):
        load("table", **(table(**columns) | options))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.txt", b"a,b\n", "no rows"),
        ("t.txt", b"words\nand more\n", "no column 'a', named by 'label'"),
        ("t.csv", b"", "cannot be read as a table"),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", "cannot be read as a table: .*line 3"),
        ("t.csv", b"a,\xff\n1,2\n", "cannot be read as a table"),
        ("t.parquet", b"not parquet", "cannot be read as a table"),
    ],
)
def test_files_that_are_no_tables(tmp_path, name, content, message) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load("table", path=str(tmp_path / name), label="a")


def test_a_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load("table", path=tmp_path / "t.csv", label="a")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data, which is no part of the project")
def test_compas_and_adult() -> None:
    compas = {
        "path": str(SHARED / "compas/compas.csv"),
        "label": "two_year_recid",
        "features": ["age", "priors_count", "c_charge_degree"],
    }
    with pytest.raises(DataError, match=r"'Asian' .*'Native American'"):
        load("table", **compas, sensitive="race")
    data = load("table", **compas, sensitive="race", rare="other")
    assert data.attributes["race"] == ("African-American", "Caucasian", "Hispanic", "Other")
    assert (data.n_classes, data.input_shape, len(data.train)) == (2, (4,), 4617)
    adult = load(
        "table",
        path=str(SHARED / "adult/adult.csv"),
        label="income",
        positive=">50K",
        sensitive="sex",
        limit=2000,
    )
    assert adult.classes == ("<=50K", ">50K")
    assert adult.majority == pytest.approx(0.759, abs=0.01)
    assert "occupation=(missing)" in TablePreprocessing.from_dict(adult.preprocessing).feature_names


def test_sizes_are_called_as_for_images(table) -> None:
    options = table()
    data = load("table", **options, n_train=60, n_validation=40)
    assert (len(data.train), len(data.validation)) == (60, 40)
    few = load("table", **options, limit_per_class=20, validation=0.25)
    counts = torch.bincount(torch.cat([few.train.labels, few.validation.labels]))
    assert counts.tolist() == [20, 20]
    with pytest.raises(DataError, match="'n_train' asks for 9999 examples"):
        load("table", **options, n_train=9999)
