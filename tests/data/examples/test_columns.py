"""Frames, Arrow, Parquet and tables of texts: the same examples whatever they are written in."""

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from kdtune import memory
from kdtune.data import from_arrays, from_dataframe, from_hf, load
from kdtune.errors import DataError
from tests.data.examples.made import CUT, NUMBERS, PIXELS, SEX, TEXTS, Y, same, save_tokenizer
from tests.student.made import untrained

CLASSES = ["fox", "dog", "cat"]
"""In another order than sorted, so that a `ClassLabel` shows."""


def pictures() -> datasets.Dataset:
    features = datasets.Features(
        {"img": datasets.Image(), "y": datasets.ClassLabel(names=CLASSES), "sex": datasets.Value("string")}
    )
    images = [Image.fromarray(pixels) for pixels in PIXELS]
    return datasets.Dataset.from_dict(
        {"img": images, "y": [CLASSES.index(y) for y in Y], "sex": list(SEX)}, features
    )


def test_images_of_datasets_in_every_form_are_the_same(tmp_path: Path) -> None:
    options: dict[str, Any] = {"label": "y", "image": "img", "sensitive": "sex", **CUT}
    data = pictures()
    data.to_parquet(tmp_path / "all.parquet")
    data.save_to_disk(tmp_path / "saved")
    found = [
        from_hf(data, **options),
        from_hf(tmp_path / "all.parquet", **options),
        load("hf", path=str(tmp_path / "saved"), **options),
        from_hf(data.with_format("arrow")[:], **options),
    ]
    by_hand = from_arrays(PIXELS, Y, {"sex": SEX}, classes=CLASSES, **CUT)
    for one in found:
        assert one.classes == tuple(CLASSES)
        assert one.fingerprint == by_hand.fingerprint
        assert same(one.open_test(), by_hand.open_test())
    bare = data.with_format("arrow")[:].replace_schema_metadata(None)
    assert from_hf(bare, **options).classes == ("0", "1", "2"), "a bare table has no names"


def test_splits_are_those_that_files_and_dicts_are_named_after(tmp_path: Path) -> None:
    options: dict[str, Any] = {"label": "y", "image": "img", "sensitive": "sex", **CUT}
    parts = {"train": pictures().select(range(60)), "valid": pictures().select(range(60, 75)),
             "test": pictures().select(range(75, 90))}  # fmt: skip
    (tmp_path / "data").mkdir()
    for name, part in parts.items():
        part.to_parquet(tmp_path / "data" / f"{name}-00000-of-00001.parquet")
    both = datasets.DatasetDict(parts)
    both.save_to_disk(tmp_path / "saved")
    read = [load("hf", path=str(tmp_path / "data"), **options), from_hf(both, **options)]
    read.append(from_hf(tmp_path / "saved", **options))
    for one in read:
        assert [len(split) for split in (one.train, one.validation, one.open_test())] == [60, 15, 15]
        assert same(one.open_test(), read[0].open_test())
    pictures().to_parquet(tmp_path / "data" / "more.parquet")
    with pytest.raises(DataError, match=r"nothing says what .*more.parquet is"):
        load("hf", path=str(tmp_path / "data"), **options)


def test_a_text_may_be_what_stands_for_a_missing_value_in_other_columns(tmp_path: Path) -> None:
    """Somebody may have posted nothing but "null"; it is read, in training and by a student, and counted."""
    texts = ["NA", "null", "?", *TEXTS[3:]]
    sex = ["NA", *SEX[1:]]
    path, other = tmp_path / "posts.csv", tmp_path / "other.csv"
    pd.DataFrame({"post": texts, "y": Y, "sex": sex}).to_csv(path, index=False)
    pd.DataFrame({"post": ["a", "b", "c", *TEXTS[3:]], "y": Y, "sex": sex}).to_csv(other, index=False)
    options: dict[str, Any] = {"text": "post", "label": "y", "sensitive": "sex", "length": 8, **CUT}
    data, plain = (load("text", path=str(file), **options) for file in (path, other))
    [line] = [note for note in data.notes if "missing value" in note]
    assert line.startswith("3 texts of 90 hold nothing but what stands for a missing value in other columns")
    assert "'" not in line
    assert not any("missing value" in note for note in plain.notes)
    assert [split.groups["sex"].tolist() for split in (data.train, data.validation)] == [
        split.groups["sex"].tolist() for split in (plain.train, plain.validation)
    ]
    student = untrained(tmp_path / "student", data, "bert-tiny")
    assert student.evaluate(path) == student.evaluate(pd.read_csv(path, dtype=str, keep_default_na=False))
    assert student.evaluate(path)["n"] == 90


def test_a_file_that_is_missing_among_several_is_named(tmp_path: Path) -> None:
    """An interrupted download leaves a data set that can be read, and is not the one that was meant."""
    frame = pd.DataFrame({"post": TEXTS, "y": Y})
    for k in (0, 2):
        frame.iloc[k::3].to_parquet(tmp_path / f"train-{k:05}-of-00003.parquet")
    options: dict[str, Any] = {"text": "post", "label": "y", "length": 8, **CUT}
    said = f"only 2 of 3 files 'train' are there, and {tmp_path}/train-00001-of-00003.parquet is not: was the"
    assert any(note.startswith(said) for note in load("hf", path=str(tmp_path), **options).notes)
    frame.iloc[1::3].to_parquet(tmp_path / "train-00001-of-00003.parquet")
    assert not any("only" in note for note in load("hf", path=str(tmp_path), **options).notes)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_texts_of_a_table_a_frame_and_datasets_are_the_same(suffix: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"post": TEXTS, "y": Y, "sex": SEX})
    path = tmp_path / f"posts.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    options: dict[str, Any] = {"text": "post", "label": "y", "sensitive": "sex", "length": 8, **CUT}
    tokenizer = str(save_tokenizer(tmp_path / "bert"))
    for how in ({"vocabulary": 300}, {"tokenizer": tokenizer}):
        read = [
            load("text", path=str(path), **options, **how),
            from_dataframe(frame, **options, **how),
            from_hf(datasets.Dataset.from_pandas(frame), **options, **how),
        ]
        assert len({one.fingerprint for one in read}) == 1
        assert same(read[0].open_test(), read[1].open_test())
    assert read[0].vocabulary == 11
    assert read[0].preprocessing["pad"] == 1


def test_padding_and_id_0_change_places(tmp_path: Path) -> None:
    from kdtune.data.texts.tokenizer import encode_texts, tokenizer_preparation

    preparation = tokenizer_preparation(save_tokenizer(tmp_path, first="the"), 6)
    assert preparation["pad"] == 1
    ids = encode_texts(["the cat", "dog of the m the f the"], preparation)
    # the vocabulary: the 0, [PAD] 1, [UNK] 2, [CLS] 3, cat 4, dog 5, fox 6, of 7, number 8, f 9, m 10
    assert ids.tolist() == [[3, 1, 4, 0, 0, 0], [3, 5, 7, 1, 10, 1]]


def test_a_text_file_of_ones_own_is_the_test_split(tmp_path: Path) -> None:
    frame = pd.DataFrame({"post": TEXTS, "y": Y})
    frame[:60].to_csv(tmp_path / "a.csv", index=False)
    frame[60:].to_csv(tmp_path / "b.csv", index=False)
    data = load(
        "text", path=str(tmp_path / "a.csv"), test=str(tmp_path / "b.csv"), text="post", label="y", length=8
    )
    assert len(data.open_test()) == 30
    assert len(data.train) + len(data.validation) == 60


def test_columns_of_a_frame_are_features_as_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))
    frame = pd.DataFrame(NUMBERS, columns=list("abcd")).assign(
        job=np.where(NUMBERS[:, 0] > 3, "x", "y"), y=Y, sex=SEX
    )
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    data = from_dataframe(frame, "y", sensitive="sex", min_group=2)
    file = load("table", path=str(tmp_path / "t.parquet"), label="y", sensitive="sex", min_group=2)
    assert data.fingerprint == file.fingerprint
    assert same(data.open_test(), file.open_test())
    with pytest.raises(DataError, match="can't be written as Parquet"):
        from_dataframe(pd.DataFrame({"a": [1, "x", {}], "y": ["a", "b", "a"]}), "y")


def test_images_of_a_frame_are_paths_or_bytes(tmp_path: Path) -> None:
    contents = []
    for k, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        contents.append(buffer.getvalue())
    frame = pd.DataFrame({"file": [f"{k}.png" for k in range(len(Y))], "png": contents, "y": Y})
    by_hand = from_arrays(PIXELS, Y, **CUT)
    for column in ("file", "png"):
        data = from_dataframe(frame, "y", image=column, root=tmp_path, **CUT)
        assert data.fingerprint == by_hand.fingerprint
    frame.loc[3, "png"] = b"no image"
    with pytest.raises(DataError, match=r"row 4: .*no image"):
        from_dataframe(frame, "y", image="png", **CUT).open_test()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "y"}, "name the column of the inputs"),
        ({"label": "y", "image": "img", "text": "sex"}, "one of the two"),
        ({"label": "z", "image": "img"}, "there is no column 'z'"),
        ({"label": "y", "image": "imag"}, "did you mean 'img'"),
        ({"label": "y", "image": "img", "imag_size": 8}, "did you mean 'image_size'"),
        ({"label": "y", "text": "img"}, "'img' is a dict, not a text"),
        ({"label": "y", "image": "sex"}, "0 pixels|no such|No such|is no image|can't be read|can't read"),
    ],
)
def test_a_wrong_column_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        from_hf(pictures(), **options)


def test_what_is_not_there_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    for path, said in (
        ("./nowhere", "no such file or folder"),
        (str(tmp_path / "empty"), "no .parquet and no .arrow"),
        (str(tmp_path / "broken.parquet"), "cannot be read as Parquet or Arrow"),
    ):
        with pytest.raises(DataError, match=said):
            load("hf", path=path, label="y", image="img")
    with pytest.raises(DataError, match="'config' is for a name on the hub"):
        load("hf", path=str(tmp_path / "empty"), label="y", image="img", config="en")
    monkeypatch.setattr(datasets, "load_dataset", _offline)
    with pytest.raises(DataError, match=r"can't be had from the hub or its cache \(offline\)"):
        load("hf", path="somebody/something", label="y", image="img")
    with pytest.raises(DataError, match=r"no datasets\.Dataset, no DatasetDict"):
        from_hf(torch.zeros(3), "y", image="img")


def _offline(*_: object, **__: object) -> None:
    raise ConnectionError("offline")


def labelled_file(path: Path, names: list[str] | None, numbers: list[int], **changes: Any) -> None:
    """Write texts whose label is a number; `names` say what the numbers stand for."""
    rows: dict[str, Any] = {
        "post": [f"{path.stem} {k}" for k in range(len(numbers))],
        "y": numbers,
        **changes,
    }
    kind = datasets.Value("int64") if names is None else datasets.ClassLabel(names=names)
    found = datasets.Dataset.from_dict(rows)
    found.cast_column("y", kind).to_parquet(path)


def test_each_file_is_read_by_its_own_class_names(tmp_path: Path) -> None:
    labelled_file(tmp_path / "train.parquet", ["no", "yes"], [0] * 20 + [1] * 40)
    labelled_file(tmp_path / "test.parquet", ["yes", "no"], [0] * 4 + [1] * 6)
    data = load("hf", path=str(tmp_path), text="post", label="y", length=8)
    assert data.classes == ("no", "yes"), "the order of train"
    labels = torch.cat([data.train.labels, data.validation.labels])
    assert labels.bincount().tolist() == [20, 40]
    assert data.open_test().labels.bincount().tolist() == [6, 4]


@pytest.mark.parametrize(
    ("names", "numbers", "said"),
    [
        (None, [0, 1] * 5, "test.parquet: 'y' has no ClassLabel, and that of .*train.parquet has one"),
        (
            ["no", "yes", "perhaps"],
            [0, 1] * 5,
            "test.parquet: the ClassLabel of 'y' has the names no, yes, perhaps",
        ),
        (["no", "yes"], [0, 1, -1], "test.parquet, row 3: there is no label in column 'y': fill it in"),
    ],
)
def test_files_whose_class_names_disagree_are_refused(
    names: list[str] | None, numbers: list[int], said: str, tmp_path: Path
) -> None:
    labelled_file(tmp_path / "train.parquet", ["no", "yes"], [0, 1] * 30)
    labelled_file(tmp_path / "test.parquet", names, numbers)
    with pytest.raises(DataError, match=said):
        load("hf", path=str(tmp_path), text="post", label="y", length=8)


def test_files_that_are_left_out_are_counted(tmp_path: Path) -> None:
    labelled_file(tmp_path / "train-0.parquet", ["no", "yes"], [0, 1] * 30)
    labelled_file(tmp_path / "train-1.parquet", ["no", "yes"], [0, 1] * 30)
    for name in ("test.jsonl", "more.csv", "more.json", "README.md", ".hidden", "dataset_info.json"):
        (tmp_path / name).write_text('{"post": "a"}')
    notes = load("hf", path=str(tmp_path), text="post", label="y", length=8).notes
    assert "files: 2 of train" in notes
    assert "left out: 1 .csv, 1 .json, 1 .jsonl" in notes
    with pytest.raises(DataError, match=r"test.jsonl: cannot be read as Parquet or Arrow: it is JSON"):
        load("hf", path=str(tmp_path / "test.jsonl"), text="post", label="y")
    (tmp_path / "more.csv").write_text("post,y\na,1\n")
    with pytest.raises(DataError, match=r"it is text: the data sets `table` and `text`"):
        load("hf", path=str(tmp_path / "more.csv"), text="post", label="y")


@pytest.mark.parametrize(
    ("test", "options", "said"),
    [
        ({"y": ["", "b"]}, {}, r"b.csv, line 2 \(row 1\): there is no label"),
        ({"post": ["one", ""]}, {}, r"b.csv, line 3 \(row 2\): there is no text in column 'post': leave"),
        ({"sex": ["x", "f"]}, {"sensitive": "sex"}, "too few examples in validation for a rate.*'x'"),
        ({}, {"sensitive": "age"}, "a.csv: there is no column 'age'"),
        ({}, {"text": "y"}, "column 'y' is the label and cannot be the input as well"),
    ],
)
def test_a_test_file_of_texts_is_checked_and_named(
    test: dict[str, Any], options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    n = 200
    pd.DataFrame(
        {"post": [f"p {k}" for k in range(n)], "y": list("ab") * 100, "sex": list("ffmm") * 50}
    ).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"post": ["new", "other"], "y": ["a", "b"], "sex": ["f", "m"], **test}).to_csv(
        tmp_path / "b.csv", index=False
    )
    paths = {"path": str(tmp_path / "a.csv"), "test": str(tmp_path / "b.csv")}
    with pytest.raises(DataError, match=said):
        load("text", **{"text": "post", "label": "y", "length": 8, **paths, **options})


def test_what_does_not_fit_into_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    contents = []
    for pixels in PIXELS:
        Image.fromarray(pixels).save(content := io.BytesIO(), format="png")
        contents.append(content.getvalue())
    frame = pd.DataFrame({"image": contents, "text": TEXTS, "y": Y})
    with pytest.raises(
        DataError, match=r"images of 1000000x1000000 pixels take .* GB of memory, .*`image_size`"
    ):
        from_dataframe(frame, "y", image="image", image_size=10**6, **CUT)
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    with pytest.raises(DataError, match=r"texts of 8,192 tokens take .* GB of memory, .*`length`"):
        from_dataframe(frame, "y", text="text", length=8192, **CUT)


@pytest.mark.parametrize(
    "path",
    [
        "/no/data",
        "./data",
        "~/data",
        "../data",
        "a/b/c",
        "folder/dta",
        "data.parqet/x y",
        "dta.csv",
        "own\\data",
        "x/",
    ],
)
def test_a_path_that_leads_nowhere_is_refused_without_asking_the_hub(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(datasets, "load_dataset", ask)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder" / "data").mkdir(parents=True)
    with pytest.raises(DataError, match="there is no such file or folder"):
        load("hf", path=path, label="y", text="text")


def test_a_path_that_is_mistyped_is_named_with_what_is_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder" / "data").mkdir(parents=True)
    with pytest.raises(DataError, match="folder/dta: there is no such file or folder; did you mean 'data'"):
        load("hf", path="folder/dta", label="y", text="text")
