"""Copies of examples are counted, wherever the data come from."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from kdtune.data import Augmentation, Dataset, Split, datasets, from_arrays, load, register_dataset
from kdtune.data.copies import copies_notes, copies_of

RNG = np.random.default_rng(0)


def test_each_split_is_held_against_the_earlier_ones() -> None:
    train = [f"t{k}" for k in range(98)] + ["t0", "t1"]
    lines = copies_notes(train, ["t2", "v1", "v2"], ["t3", "v1", "x", "y"])
    assert lines[0] == "2 of 100 training examples repeat another"
    assert lines[1].startswith("1 of 3 validation examples are copies of training examples")
    assert lines[2].startswith("2 of 4 test examples are copies of training or validation examples")
    assert copies_notes(["a", "b"], ["c"], ["d"]) == []


@pytest.mark.parametrize(("share", "said"), [(0.2, False), (0.9, True)])
def test_examples_that_repeat_by_nature_are_no_copies(share: float, said: bool) -> None:
    train = [k % 70 for k in range(100)]  # three of ten repeat another
    contents = [k if k < 100 * share else f"new {k}" for k in range(100)]
    contents = [k % 70 if isinstance(k, int) else k for k in contents]
    assert bool(copies_of(train, contents, "…")) is said


def test_validation_of_a_data_set_of_ones_own_is_held_against_train() -> None:
    inputs = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))

    def loader(*, start: int) -> Dataset:
        train, validation = (
            Split(part, torch.arange(len(part)) % 2, {}) for part in (inputs[:40], inputs[start : start + 20])
        )
        return Dataset(
            "mine", ("a", "b"), {}, train, validation, None, Augmentation(), {}, "0" * 64, lambda: validation
        )

    register_dataset("mine")(loader)
    try:
        assert load("mine", start=40).notes == ()
        [line] = load("mine", start=35).notes
        assert line.startswith("5 of 20 validation examples are copies of training examples")
    finally:
        datasets._items.pop("mine")


def posts(n: int, start: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {"text": [f"post number {start + k}" for k in range(n)], "y": [k % 2 for k in range(n)]}
    )


def of_texts(folder: Path, test: pd.DataFrame) -> Any:
    posts(100).to_csv(folder / "a.csv", index=False)
    test.to_csv(folder / "b.csv", index=False)
    paths = {"path": str(folder / "a.csv"), "test": str(folder / "b.csv")}
    return load("text", text="text", label="y", length=8, **paths)


def of_arrow(folder: Path, test: pd.DataFrame) -> Any:
    posts(100).to_parquet(folder / "train.parquet")
    test.to_parquet(folder / "test.parquet")
    return load("hf", path=str(folder), text="text", label="y", length=8)


def of_table(folder: Path, test: pd.DataFrame) -> Any:
    for name, frame in (("a", posts(100)), ("b", test)):
        numbers = frame["text"].str.extract(r"(\d+)")[0].astype(int)
        pd.DataFrame({"x": numbers * 1.5, "y": frame["y"]}).to_csv(folder / f"{name}.csv", index=False)
    return load("table", path=str(folder / "a.csv"), test=str(folder / "b.csv"), label="y")


def of_arrays(folder: Path, test: pd.DataFrame) -> Any:
    def x(frame: pd.DataFrame) -> Any:
        return frame["text"].str.extract(r"(\d+)")[0].astype(float).to_numpy()[:, None]

    return from_arrays(x(posts(100)), posts(100)["y"], test=(x(test), test["y"]))


def of_images(folder: Path, test: pd.DataFrame) -> Any:
    for split, frame in (("train", posts(100)), ("test", test)):
        for text, y in zip(frame["text"], frame["y"], strict=True):
            path = folder / split / f"class {y}" / f"{text}.bmp"
            path.parent.mkdir(parents=True, exist_ok=True)
            number = int(text.split()[-1])
            pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    return load("folder", path=str(folder))


@pytest.mark.parametrize("read", [of_texts, of_arrow, of_table, of_arrays, of_images])
def test_a_test_split_of_training_examples_is_named(
    read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "new").mkdir()
    (tmp_path / "old").mkdir()
    told = [line for line in read(tmp_path / "old", posts(40)[::-1]).notes if "copies of" in line]
    assert len(told) == 1
    assert "40 of 40" in told[0]
    assert not any("copies of" in line for line in read(tmp_path / "new", posts(40, start=500)).notes)
