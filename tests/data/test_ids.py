"""Which example is which: every source names its examples, each once, and the same after another cut."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from kdtune.data import Dataset, Split, from_arrays, from_dataframe, load
from kdtune.data.ids import ids_of_tensor, row_ids, tensor_of_ids
from kdtune.errors import DataError
from tests.data.examples.made import CUT, NUMBERS, SEX, Y
from tests.data.published_forms import _SMALL, FILES, make


def ids_of(data: Dataset) -> tuple[str, ...]:
    """Return all ids, having looked that each is there once."""
    splits = (data.train, data.validation, data.open_test())
    ids = tuple(name for split in splits for name in split.ids or ())
    assert len(set(ids)) == len(ids) == sum(map(len, splits))
    return ids


def test_rows_of_a_table_are_those_of_the_file(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(90.0), "sex": SEX, "y": Y})
    frame.to_csv(tmp_path / "data.csv", index=False)
    options: dict[str, Any] = {"path": str(tmp_path / "data.csv"), "label": "y", "sensitive": "sex", **CUT}
    data = load("table", **options)
    assert set(ids_of(data)) == set(row_ids(range(90)))
    for split in (data.train, data.validation, data.open_test()):
        assert split.ids is not None
        assert split.labels.tolist() == [data.classes.index(Y[int(name)]) for name in split.ids]
    frame.assign(x=frame.x + 100).to_csv(tmp_path / "test.csv", index=False)
    data = load("table", **options, test=str(tmp_path / "test.csv"))
    assert set(ids_of(data)) == {*row_ids(range(90), "train"), *row_ids(range(90), "test")}


def test_images_are_named_by_their_path_in_the_folder(tmp_path: Path) -> None:
    for k in range(40):
        path = tmp_path / ["cat", "dog"][k % 2] / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), k, dtype=np.uint8)).save(path)
    for stream in (False, True):
        data = load("folder", path=str(tmp_path), stream=stream)
        names = ids_of(data)
        assert set(names) == {f"{['cat', 'dog'][k % 2]}/{k}.png" for k in range(40)}
        assert data.train.ids is not None
        seen = data.train.inputs[:, 0, 0, 0].tolist()
        assert [int(Path(name).stem) for name in data.train.ids] == seen


def test_arrays_count_their_rows_and_parts_of_their_own_each_from_0() -> None:
    x = NUMBERS.copy()
    x[:, 0] = np.arange(90)
    data = from_arrays(x, Y, {"sex": SEX}, **CUT)
    assert set(ids_of(data)) == set(row_ids(range(90)))
    data = from_arrays(x, Y, {"sex": SEX}, test=(x[:30], Y[:30], {"sex": SEX[:30]}), **CUT)
    names = ids_of(data)
    assert {name for name in names if name.startswith("test/")} == set(row_ids(range(30), "test"))
    assert {name for name in names if name.startswith("train/")} == set(row_ids(range(90), "train"))
    frame = pd.DataFrame({"x": np.arange(90.0), "sex": SEX, "y": Y})
    assert set(ids_of(from_dataframe(frame, "y", sensitive="sex", **CUT))) == set(row_ids(range(90)))


@pytest.mark.parametrize("name", list(_SMALL))
def test_published_data_name_their_examples(name: str, tmp_path: Path) -> None:
    what, file = next((what, file) for what, (of, file) in FILES.items() if of == name)
    root = make(what)(tmp_path).parents[len(Path(file).parts) - 1]
    ids_of(load(name, path=str(root), **_SMALL[name]))


def test_generated_images_and_cuts_of_splits_keep_their_ids() -> None:
    data = load("trifeature", shapes=2, colors=2, n_train=60, n_validation=60, n_test=20)
    assert ids_of(data)[:2] == ("train/0", "train/1")
    split = data.train.take(torch.tensor([5, 3]))
    assert split.ids == ("train/5", "train/3")
    mask = torch.zeros(60, dtype=torch.bool)
    mask[7] = True
    assert data.train.take(mask).ids == ("train/7",)


def test_ids_go_through_a_file_and_their_number_is_checked() -> None:
    ids = ("a b/ü.png", "17", "with\nnewline")
    assert ids_of_tensor(tensor_of_ids(ids)) == ids
    with pytest.raises(ValueError, match="ids"):
        ids_of_tensor(torch.tensor(list(b'{"a": 1}'), dtype=torch.uint8))
    with pytest.raises(DataError, match="there are 1 ids, but 2 inputs"):
        Split(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), ids=("a",))
