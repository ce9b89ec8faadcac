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

from kdtune.data import from_arrays, from_dataframe, from_hf, load
from kdtune.errors import DataError
from tests.data.examples.made import CUT, NUMBERS, PIXELS, SEX, TEXTS, Y, same, save_tokenizer

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
    monkeypatch.setattr(datasets, "load_dataset", _offline)
    with pytest.raises(DataError, match=r"can't be had from the hub or its cache \(offline\)"):
        load("hf", path="somebody/something", label="y", image="img")
    with pytest.raises(DataError, match=r"no datasets\.Dataset, no DatasetDict"):
        from_hf(torch.zeros(3), "y", image="img")


def _offline(*_: object, **__: object) -> None:
    raise ConnectionError("offline")
