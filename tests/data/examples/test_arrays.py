"""Arrays, frames and texts in memory: read as they are, cut by seed, refused with the remedy."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import torch

from kdtune.data import MISSING, from_arrays, from_dataframe
from kdtune.errors import DataError
from tests.data.examples.made import CUT, NUMBERS, PIXELS, SEX, TEXTS, N, Y


def test_images_keep_their_pixels_labels_and_groups() -> None:
    data = from_arrays(PIXELS, Y, {"sex": SEX}, **CUT)
    assert (data.classes, dict(data.attributes)) == (("cat", "dog", "fox"), {"sex": ("f", "m")})
    assert data.input_shape == (3, 8, 8)
    test = data.open_test()
    assert [len(split) for split in (data.train, data.validation, test)] == [58, 14, 18]
    assert test.rows is not None
    for row, pixels, label, group in zip(
        test.rows.tolist(), test.inputs, test.labels, test.groups["sex"], strict=True
    ):
        assert np.array_equal(pixels.permute(1, 2, 0).numpy(), PIXELS[row])
        assert data.classes[label] == Y[row]
        assert data.attributes["sex"][group] == SEX[row]
    seen = {bytes(pixels.numpy()) for split in (data.train, data.validation, test) for pixels in split.inputs}
    assert len(seen) == len(PIXELS), "no example is in two splits, and none is lost"


def test_channels_first_grey_and_torch_give_the_same_pixels() -> None:
    data = from_arrays(PIXELS, Y, **CUT)
    first = from_arrays(torch.from_numpy(PIXELS).permute(0, 3, 1, 2), list(Y), **CUT)
    assert data.fingerprint == first.fingerprint
    assert from_arrays(PIXELS[..., 0], Y, **CUT).input_shape == (1, 8, 8)


def test_numbers_are_standardised_by_the_training_rows_alone() -> None:
    data = from_arrays(NUMBERS, Y, **CUT)
    assert data.normalisation is not None
    assert np.allclose(data.normalisation.mean, data.train.inputs.double().mean(dim=0))
    assert np.allclose(data.normalisation.std, data.train.inputs.double().std(dim=0, correction=0))
    constant = NUMBERS.copy()
    constant[:, 2] = 7
    found = from_arrays(constant, Y, **CUT).normalisation
    assert found is not None
    assert found.std[2] == 1


def test_class_names_by_number_and_their_order() -> None:
    numbers = np.array([0, 1, 2] * 30)
    assert from_arrays(NUMBERS, numbers, **CUT).classes == ("0", "1", "2")
    data = from_arrays(NUMBERS, numbers, classes=["z", "y", "x"], **CUT)
    assert data.classes == ("z", "y", "x")
    assert torch.equal(data.train.labels, from_arrays(NUMBERS, numbers, **CUT).train.labels)
    two = np.array(["no", "yes"] * 45)
    assert from_arrays(NUMBERS, two, positive="no", **CUT).classes == ("yes", "no")


def test_unknown_groups_are_missing_and_intersections_are_crossed() -> None:
    sex: Any = [None if k < 9 else value for k, value in enumerate(SEX)]
    race = np.array(["a", "b", "b"] * 30)
    data = from_arrays(
        NUMBERS, Y, {"sex": sex, "race": race}, sensitive=["sex", "sex*race"], rare="missing", **CUT
    )
    assert data.attributes["sex*race"] == ("f*a", "f*b", "m*a", "m*b")
    splits = (data.train, data.validation, data.open_test())
    assert sum(int((split.groups["sex"] == MISSING).sum()) for split in splits) == 9


def test_splits_of_ones_own_are_taken_as_they_are() -> None:
    data = from_arrays(
        NUMBERS[:60],
        Y[:60],
        {"sex": SEX[:60]},
        validation=(NUMBERS[60:75], Y[60:75], {"sex": SEX[60:75]}),
        test=(NUMBERS[75:], Y[75:], {"sex": SEX[75:]}),
        **CUT,
    )
    assert np.allclose(data.train.inputs, NUMBERS[:60])
    assert np.allclose(data.validation.inputs, NUMBERS[60:75])
    assert np.allclose(data.open_test().inputs, NUMBERS[75:])


def test_a_text_that_files_take_for_missing_is_a_name_in_a_program() -> None:
    """None, NaN and their spellings by numpy are missing; "None" and "NA" are not: nobody is left out in silence."""
    names = ["NA", "None", "?", None, float("nan"), "nan", "", "EU", "null"] * 10
    y = ["None", "NA", "mild"] * 30
    data = from_arrays(NUMBERS, y, {"where": names}, **CUT)
    assert data.classes == ("NA", "None", "mild")
    assert data.attributes["where"] == ("?", "EU", "NA", "None", "null")
    codes = torch.cat([split.groups["where"] for split in (data.train, data.validation, data.open_test())])
    assert int((codes == MISSING).sum()) == 40
    said = "'NA' in column 'where' is a group: if it stands for a missing value, give None"
    assert said in data.notes
    assert any(note.startswith("'None' in column 'label' is a class: ") for note in data.notes)
    assert from_arrays(NUMBERS, [0, 1, 2] * 30, classes=["None", "NA", "x"], **CUT).classes[0] == "None"
    frame = pd.DataFrame({"text": TEXTS, "y": y, "where": names})
    of_frame = from_dataframe(frame, "y", text="text", sensitive="where", **CUT)
    assert (of_frame.classes, of_frame.attributes) == (data.classes, data.attributes)


def test_texts_are_hashed_or_tokenised() -> None:
    data = from_arrays(TEXTS, Y, length=6, vocabulary=200, **CUT)
    assert data.input_shape == (6, 200)
    assert data.preprocessing["kind"] == "text"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": PIXELS[:80]}, r"x has 80 examples, but y has 90"),
        ({"groups": {"sex": SEX[:3]}}, r"groups\['sex'\] has 3 examples"),
        ({"x": PIXELS / 255}, r"uint8 from 0 to 255: \(255 \* x\).round\(\).astype"),
        ({"x": PIXELS.reshape(90, 2, 4, 24)}, None),
        ({"x": np.zeros((90, 5, 8, 8), np.uint8)}, r"which dimension holds the channels"),
        ({"x": np.where(NUMBERS > 8, np.nan, NUMBERS)}, None),
        ({"x": np.full((90, 2), np.inf)}, r"x\[0, 0\] is inf"),
        ({"x": [object()] * 90}, "no array of numbers"),
        ({"y": np.where(Y == "cat", None, Y)}, r"y\[0\] is None"),
        ({"y": np.arange(90) % 3, "classes": ["a", "b"]}, r"y\[2\] is 2, and there are 2 classes"),
        ({"groups": {"label": SEX}}, "called 'label'"),
        ({"validation": 5.0}, None),
        ({"test": "x.csv"}, "neither a share"),
        ({"min_group": 30, "groups": {"sex": SEX}}, "too few examples in validation"),
        ({"test": (NUMBERS[:3], Y[:3], {"sex": SEX[:3]}), "x": NUMBERS}, "groups are of sex, but"),
    ],
)
def test_what_does_not_fit_is_said_with_the_remedy(change: dict[str, Any], said: str | None) -> None:
    given: dict[str, Any] = {"x": PIXELS, "y": Y, **CUT, **change}
    if said is None:
        try:
            from_arrays(given.pop("x"), given.pop("y"), given.pop("groups", None), **given)
        except DataError as error:
            said = str(error)
        assert said is None or len(said) < 400
        return
    with pytest.raises(DataError, match=said):
        from_arrays(given.pop("x"), given.pop("y"), given.pop("groups", None), **given)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float32, np.float64, np.bool_])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (0, 4095), (0, 65535), (-1, 1)])
def test_the_advice_for_images_of_another_type_keeps_them(dtype: Any, low: int, high: int) -> None:
    """No value wraps: what kdtune advises keeps the order of the greys, from 0 to 255."""
    images = np.linspace(low, high, 90 * 64).reshape(90, 8, 8)
    if np.dtype(dtype).kind != "f":
        images = images.clip(min(0, high), 255 if dtype is np.uint8 else high).round()
    images = images.astype(dtype)
    if dtype is np.uint8:
        assert from_arrays(images, Y, **CUT).train.inputs.dtype == torch.uint8
        return
    with pytest.raises(DataError, match="must be uint8 from 0 to 255") as refused:
        from_arrays(images, Y, **CUT)
    remedy = str(refused.value).rpartition(": ")[2].partition(", if")[0]
    if low < 0 and images.min() < 0:
        assert remedy == "undo their normalisation first"
        return
    advised = eval(remedy, {"x": images}).ravel()  # what the message says, done
    assert (np.diff(advised.astype(int)) >= 0).all()
    assert advised.max() >= 254


SERIES = pd.Series(Y)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"groups": {"sex": pd.Series(SEX, index=range(N, 0, -1))}},
            r"groups\['sex'\] has another index than y",
        ),
        ({"x": pd.DataFrame(NUMBERS, index=range(N, 0, -1))}, "y has another index than x"),
        ({"groups": list(SEX)}, "groups are a list: give a dict"),
        ({"x": np.ma.masked_greater(NUMBERS, 4)}, "x has masked values"),
        ({"x": scipy.sparse.csr_matrix(NUMBERS)}, "x is sparse"),
        ({"x": np.ones((N, 0))}, "x has no features"),
        ({"x": 1.6e9 + NUMBERS}, r"x\[:, 0\] has values near 1.6e\+09, too close together"),
        ({"test": 30}, "test is 30: a share is between 0 and 1"),
        ({"validation": 0}, "validation is 0: a share"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(change: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"x": NUMBERS, "y": SERIES, "groups": {"sex": pd.Series(SEX)}, **CUT, **change}
    with pytest.raises(DataError, match=said):
        from_arrays(given.pop("x"), given.pop("y"), given.pop("groups"), **given)


def test_frames_and_series_are_read_by_position_whatever_their_index() -> None:
    index = list(range(1000, 1000 + N))
    plain = from_arrays(NUMBERS, Y, {"sex": SEX}, **CUT)
    frame = pd.DataFrame(NUMBERS, index=index)
    groups = pd.DataFrame({"sex": SEX}, index=index)
    read = from_arrays(frame, pd.Series(Y, index=index), groups, **CUT)
    assert read.fingerprint == plain.fingerprint
    texts = from_arrays(pd.Series(TEXTS, index=index), Y, {"sex": SEX}, length=8, **CUT)
    assert texts.fingerprint == from_arrays(TEXTS, Y, {"sex": SEX}, length=8, **CUT).fingerprint


def test_over_a_hundred_classes_are_taken_where_they_are_named() -> None:
    names = [f"c{k:03}" for k in range(101)]
    x, y = np.zeros((1010, 2), np.float32), names * 10
    with pytest.raises(
        DataError, match=r"label 'label' has 101 different .*; if they are classes, name them: classes="
    ):
        from_arrays(x, y)
    assert from_arrays(x, y, classes=names).n_classes == 101
    numbers = [int(name[1:]) for name in y]
    assert from_arrays(x, numbers, bins={"label": [50]}).classes == ("<50", ">=50")


def test_blanks_around_names_of_classes_are_no_part_of_them() -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    data = from_arrays(x, np.arange(40) % 2, classes=["no ", " yes"])
    assert data.classes == ("no", "yes")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"rare": "x"}, "mine: rare is 'x': it should be 'error', 'missing' or 'other'"),
        ({"rare": None}, "rare is None"),
        ({"rare": "Error"}, "rare is 'Error'"),
        ({"rare": "other"}, "mine: 'rare' has no effect without sensitive attributes"),
        ({"min_group": -1}, "min_group is -1: it should be greater than or equal to 1"),
        ({"min_group": 1.5}, "min_group is 1.5: it should be a valid integer"),
        ({"min_group": "3"}, "min_group is '3'"),
        ({"classes": {"cat", "dog", "fox"}}, "it should be a list, as in [a, b]"),
        ({"classes": {"cat": 0, "dog": 1, "fox": 2}}, "it should be a list"),
        ({"classes": "ny"}, "classes is 'ny': it should be a list"),
        ({"classes": 3}, "classes is 3"),
        ({"flip": "no"}, "flip is 'no': it should be a valid boolean"),
        ({"crop": -1}, "crop is -1"),
        ({"crop": "1"}, "crop is '1'"),
        ({"crop": 10**6, "x": PIXELS}, "crop is 1000000, but images have 8x8 pixels: it may be at most 7"),
        ({"length": 0}, "length is 0"),
        ({"length": -1}, "length is -1"),
        ({"vocabulary": 0}, "vocabulary is 0"),
        ({"vocabulary": 1}, "vocabulary is 1"),
        ({"tokenizer": 3}, "tokenizer is 3"),
        ({"sensitive": 3.5j}, "sensitive is 3.5j"),
        ({"sensitive": {"sex"}}, "sensitive is {'sex'}"),
        ({"bins": {"a": "0"}}, "bins is {'a': '0'}"),
        ({"bins": 0}, "bins is 0"),
        ({"seed": "a"}, "seed is 'a'"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"name": 3}, "from_arrays: name is 3"),
        ({"y": None}, "mine, train: y is nothing: give a list"),
        ({"y": 3}, "mine, train: y is an int: give a list"),
        ({"y": (name for name in Y)}, "y is a generator"),
        ({"y": np.zeros((90, 2))}, "y has the shape [90, 2]: give a list"),
        ({"y": np.array(3)}, "y has the shape []"),
        ({"y": list(torch.eye(90))}, "y[0] is float32 [90]: give one number or text"),
        ({"y": [*Y[:3], *([y] for y in Y[3:])]}, "y[3] is a list of 1: give one number or text"),
        (
            {"groups": {"s": [np.array([k % 2]) for k in range(90)]}},
            "groups['s'][0] is a ndarray, int64 [1]",
        ),
        ({"y": "cat" * 30}, "y is a str"),
        ({"y": dict.fromkeys(range(90), "cat")}, "y is a dict"),
        ({"y": pd.DataFrame({"y": Y})}, "y is a DataFrame: give one column of it"),
        ({"y": scipy.sparse.csr_array(np.eye(90))}, "y has the shape [90, 90]"),
        ({"y": torch.zeros(90).to_sparse()}, "y is a tensor without plain values"),
        (
            {"y": pd.array([0, 1, None] * 30, dtype="Int64")},
            "mine, train: y[2] is <NA>: leave the example out",
        ),
        ({"groups": {"s": None}}, "groups['s'] is nothing: give a list"),
        ({"groups": {b"sex": SEX}}, "mine, train: groups have an attribute called b'sex': give it a text"),
        ({"groups": {("a", "b"): SEX}}, "groups have an attribute called ('a', 'b')"),
        ({"x": [], "y": []}, "mine, train: there is no example in it"),
        ({"x": np.zeros((0, 3)), "y": []}, "there is no example in it"),
        ({"test": (TEXTS, Y)}, "mine: x are texts in one part and numbers in another"),
        ({"test": (NUMBERS[:, :2], Y)}, "mine: x of the parts do not fit together"),
        ({"test": (np.where(NUMBERS > 3, np.nan, NUMBERS), Y)}, "mine, test: x["),
    ],
)
def test_options_and_values_that_make_no_sense_are_refused_by_name(option: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"x": NUMBERS, "y": Y, "name": "mine", **option}
    with pytest.raises(DataError) as refused:
        from_arrays(given.pop("x"), given.pop("y"), **given)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "option", [{"rare": "x"}, {"min_group": 1.5}, {"length": 0}, {"sensitive": {"place"}}]
)
def test_frames_have_the_same_rules(option: dict[str, Any]) -> None:
    frame = pd.DataFrame({"post": TEXTS, "mood": Y})
    with pytest.raises(DataError, match=f"data frame: {next(iter(option))} is"):
        from_dataframe(frame, "mood", text="post", **option)


_FOR_OTHERS: list[tuple[Any, dict[str, Any], str]] = [
    (NUMBERS, {"flip": True}, "mine: flip is for images, and the inputs are numbers: leave it out"),
    (NUMBERS, {"length": 8}, "length is for texts, and the inputs are numbers"),
    (PIXELS, {"tokenizer": "bert"}, "tokenizer is for texts, and the inputs are images"),
    (TEXTS, {"crop": 2}, "crop is for images, and the inputs are texts"),
]


@pytest.mark.parametrize(("x", "option", "said"), _FOR_OTHERS)
def test_an_option_for_other_inputs_is_refused(x: Any, option: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        from_arrays(x, Y, name="mine", **CUT, **option)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"text": "post", "image_size": 8}, "data frame: image_size is for images, and the inputs are texts"),
        ({"text": "post", "root": "pictures"}, "data frame: root is for images"),
        ({"image": "post", "vocabulary": 300}, "vocabulary is for texts, and the inputs are images"),
        ({"root": "pictures"}, "root is for images"),
        ({"separator": ";"}, "separator is for a table in a file"),
        ({"path": "x.csv"}, "path is for a table in a file"),
    ],
)
def test_an_option_of_a_frame_for_other_inputs_is_refused(option: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        from_dataframe(pd.DataFrame({"post": TEXTS, "mood": Y}), "mood", **option)


@pytest.mark.parametrize("frame", [{"mood": list(Y)}, pd.Series(Y), NUMBERS])
def test_what_is_no_frame_is_named(frame: Any) -> None:
    with pytest.raises(DataError, match="a pandas DataFrame is expected, not a"):
        from_dataframe(frame, "mood")


def test_groups_may_be_the_columns_of_any_table() -> None:
    expected = from_arrays(NUMBERS, Y, {"sex": SEX}, **CUT).fingerprint
    for table in (pd.DataFrame({"sex": SEX}), pa.table({"sex": SEX})):
        assert from_arrays(NUMBERS, Y, table, **CUT).fingerprint == expected


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    codes = np.array([0, 1, 2] * 30)
    plain = from_arrays(NUMBERS, codes, {"a": codes}, bins={"a": [1, 2]}, classes=list("xyz"), **CUT)
    for y in (list(codes), list(torch.from_numpy(codes)), torch.from_numpy(codes).to(torch.bfloat16)):
        same_classes = pd.Index(["x", "y", "z"])
        whole = y if isinstance(y, list) else y.long()
        found = from_arrays(
            NUMBERS,
            whole,
            {"a": y},
            bins={"a": np.array([1, 2])},
            classes=same_classes,
            min_group=np.int64(2),
        )
        assert found.fingerprint == plain.fingerprint
    from_arrays(NUMBERS, torch.from_numpy(codes).to(torch.bfloat16), **CUT)
    shares = from_arrays(NUMBERS, codes, validation=np.float32(0.25), test=np.float32(0.25), **CUT)
    assert shares.fingerprint == from_arrays(NUMBERS, codes, validation=0.25, test=0.25, **CUT).fingerprint


def test_the_usual_crop_fits_into_tiny_images() -> None:
    assert from_arrays(PIXELS[:, :3, :3, 0], Y, **CUT).augmentation.crop == 2
    assert from_arrays(PIXELS, Y, **CUT).augmentation.crop == 4
