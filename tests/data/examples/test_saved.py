"""A data set kept in a folder: the same when it is read again, refused when anything in it was changed."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kdtune.data import from_arrays, load, save
from kdtune.errors import DataError
from tests.data.examples.made import CUT, NUMBERS, PIXELS, SEX, TEXTS, Y, same


@pytest.mark.parametrize("x", [PIXELS, NUMBERS, TEXTS], ids=["images", "numbers", "texts"])
def test_it_is_the_same_when_it_is_read_again(x: Any, tmp_path: Path) -> None:
    data = from_arrays(x, Y, {"sex": SEX}, **CUT)
    again = load("saved", path=str(save(data, tmp_path / "data")))
    for first, second in (
        (data.train, again.train),
        (data.validation, again.validation),
        (data.open_test(), again.open_test()),
    ):
        assert same(first, second)
    for name in (
        "name",
        "classes",
        "normalisation",
        "augmentation",
        "preprocessing",
        "fingerprint",
        "vocabulary",
        "notes",
        "min_group",
    ):
        assert getattr(data, name) == getattr(again, name), name
    assert dict(data.attributes) == dict(again.attributes)


def test_a_change_is_refused(tmp_path: Path) -> None:
    folder = save(from_arrays(NUMBERS, Y, **CUT), tmp_path / "data")
    whole = (folder / "train.safetensors").read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    for name, at in (("inputs", -1), ("ids", 2), ("ids", 0)):
        content = bytearray(whole)
        start, end = (8 + size + offset for offset in header[name]["data_offsets"])
        content[start + at if at >= 0 else end + at] ^= 1
        (folder / "train.safetensors").write_bytes(content)
        told = (
            "damaged" if (name, at) == ("ids", 0) else "damaged: its examples are not those that were saved"
        )
        with pytest.raises(DataError, match=told):
            load("saved", path=str(folder))
    record = json.loads((folder / "data.json").read_text())
    del record["classes"]
    (folder / "data.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"data.json: damaged"):
        load("saved", path=str(folder))
    with pytest.raises(DataError, match="kdtune saved"):
        load("saved", path=str(tmp_path))


@pytest.mark.parametrize(
    "nothing", [(NUMBERS, Y), pd.DataFrame({"name": Y}), {"x": NUMBERS}], ids=["a tuple", "a frame", "a dict"]
)
def test_what_a_data_set_can_be_made_of_is_told_how(nothing: Any, tmp_path: Path) -> None:
    what = r"^data: a \w+( of \d)? is not a kdtune.data.Dataset"
    said = what + ": make one of it with kdtune.data.from_arrays, from_dataframe"
    with pytest.raises(DataError, match=said):
        save(nothing, tmp_path / "data")


def test_what_is_no_data_set_is_not_saved(tmp_path: Path) -> None:
    nothing: Any = {"x": 1}
    with pytest.raises(DataError, match=r"not a kdtune\.data\.Dataset"):
        save(nothing, tmp_path / "data")
    assert not (tmp_path / "data").exists()
