"""Files and frames are read for a student as the test split of its run was: inputs, labels and groups."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import kdtune
from kdtune.data import from_arrays, from_dataframe, load, save
from kdtune.data.dataset import Dataset, Split
from kdtune.errors import DataError
from kdtune.student.examples import Examples, Wanted, labelled, read_examples
from tests.student.made import people, texts, untrained


def assert_the_same(found: Examples, split: Split) -> None:
    """Compare inputs, labels and groups bit by bit."""
    assert torch.equal(found.take(0, len(found)), split.inputs)
    assert found.labels is not None
    assert torch.equal(found.labels, split.labels)
    assert found.groups.keys() == split.groups.keys()
    assert all(torch.equal(found.groups[name], split.groups[name]) for name in split.groups)


def test_a_table_is_read_as_the_test_split_was(tmp_path: Path) -> None:
    frame = people().assign(wage=lambda f: f["age"] * 100)
    frame.iloc[:700].to_csv(tmp_path / "train.tsv", index=False, sep="\t")
    frame.iloc[700:].to_csv(tmp_path / "test.tsv", index=False, sep="\t")
    dataset = load(
        "table",
        path=str(tmp_path / "train.tsv"),
        test=str(tmp_path / "test.tsv"),
        label="wage",
        bins={"wage": [3000, 5000], "age": [40]},
        sensitive=["race", "age"],
        rare="other",
        min_group=30,
        min_frequency=5,
    )
    student = untrained(tmp_path / "student", dataset, "mlp-4")
    assert_the_same(read_examples(tmp_path / "test.tsv", student.config, Wanted()), dataset.open_test())


@pytest.mark.parametrize(("rare", "where"), [("missing", "in no group"), ("other", "in 'other'")])
def test_groups_that_train_has_not_are_named(rare: str, where: str, tmp_path: Path) -> None:
    frame = people()
    frame.loc[::20, "race"], frame.loc[1::20, "race"] = "rare", "Other"
    frame.to_csv(tmp_path / "people.csv", index=False)
    dataset = load(
        "table",
        path=str(tmp_path / "people.csv"),
        label="income",
        sensitive=["race", "sex"],
        rare=rare,
        min_group=10,
    )
    student = untrained(tmp_path / "student", dataset, "mlp-4")
    assert read_examples(tmp_path / "people.csv", student.config, Wanted()).notes == ()
    later = frame.head(60).assign(race=lambda f: f["race"].where(f.index % 20 != 7, "new"))
    said = f"column 'race' holds groups that train has not, in 3 of 60 rows, such as 'new': these rows are {where}"
    assert read_examples(later, student.config, Wanted()).notes == (said,)
    assert read_examples(later, student.config, Wanted(groups=False)).notes == ()
    named = {name: later[name] for name in ("race", "sex")}
    assert labelled(later, later["income"], named, student.config).notes == (said,)


def test_texts_are_read_as_the_test_split_was(tmp_path: Path) -> None:
    frame = texts()
    frame.iloc[:200].to_csv(tmp_path / "train.csv", index=False, sep=";")
    frame.iloc[200:].to_csv(tmp_path / "test.csv", index=False, sep=";")
    dataset = load(
        "text",
        path=str(tmp_path / "train.csv"),
        test=str(tmp_path / "test.csv"),
        text="post",
        label="mood",
        sensitive="place",
        separator=";",
        length=8,
        vocabulary=200,
    )
    student, test = untrained(tmp_path / "student", dataset, "bert-tiny"), dataset.open_test()
    assert_the_same(read_examples(tmp_path / "test.csv", student.config, Wanted()), test)
    whole = frame.iloc[200:]
    assert_the_same(read_examples(whole, student.config, Wanted()), test)
    given = labelled(whole["post"].tolist(), whole["mood"], {"place": whole["place"]}, student.config)
    assert_the_same(given, test)
    renamed = whole.rename(columns={"post": "text", "mood": "feeling"})
    with pytest.raises(DataError, match="no column 'post'"):
        student.evaluate(renamed)
    wanted = Wanted(label="feeling", column="text")
    assert_the_same(read_examples(renamed, student.config, wanted), test)


def test_frames_of_texts_are_read_as_they_were(tmp_path: Path) -> None:
    frame = texts()
    dataset = from_dataframe(frame, "mood", sensitive="place", text="post", length=8, vocabulary=200)
    saved = load("saved", path=str(save(dataset, tmp_path / "saved")))
    test = saved.open_test()
    assert test.rows is not None
    student = untrained(tmp_path / "student", saved, "bert-tiny")
    assert_the_same(read_examples(frame.iloc[test.rows.tolist()], student.config, Wanted()), test)


def test_a_folder_is_read_as_the_test_split_was(photos: tuple[kdtune.Student, Path, Dataset]) -> None:
    student, root, dataset = photos
    wanted = Wanted(attributes=[root.parent / "places.csv"])
    assert_the_same(read_examples(root / "test", student.config, wanted), dataset.open_test())
    found = student.evaluate(root / "test", attributes=root.parent / "places.csv")
    assert found["attributes"]["place"]["groups"][0]["group"] == "indoors"
    assert student.evaluate(root / "test", without_groups=True)["accuracy"] == found["accuracy"]
    with pytest.raises(DataError, match=r"'test' is none of the classes .*one by one"):
        student.evaluate(root, without_groups=True)
    with pytest.raises(DataError, match="nothing says the images' place"):
        student.evaluate(root / "test")


def test_an_option_that_means_nothing_for_a_student_is_refused(
    tmp_path: Path, photos: tuple[kdtune.Student, Path, Dataset]
) -> None:
    student, root, _ = photos
    with pytest.raises(DataError, match="label: this student reads images: their folders name the classes"):
        student.evaluate(root / "test", label="place")
    with pytest.raises(DataError, match="column: this student reads images"):
        student.evaluate(root / "test", column="text")
    dataset = from_dataframe(texts(), "mood", sensitive="place", text="post", length=8, vocabulary=200)
    reader = untrained(tmp_path / "student", dataset, "bert-tiny")
    with pytest.raises(DataError, match="attributes: this student reads texts: leave it out"):
        read_examples(texts(), reader.config, Wanted(attributes=["places.csv"]))


def test_a_student_of_no_table_is_told_the_columns(tmp_path: Path) -> None:
    frame = texts()
    x, place = frame["post"].tolist(), frame["place"].map({0: "a", 1: "b"})
    dataset = from_arrays(x, frame["mood"], {"place": place}, length=8, vocabulary=200)
    student = untrained(tmp_path / "student", replace(dataset, targets=None), "bert-tiny")
    table = frame.assign(place=place).rename(columns={"mood": "label", "post": "text"})
    assert student.evaluate(table) == student.evaluate(x, frame["mood"], {"place": place})
