"""Arrays and torch data sets: read as they are, cut by seed, refused with the remedy."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from PIL import Image

from kdtune.data import MISSING, from_arrays, from_torch
from kdtune.errors import DataError
from tests.data.examples.made import CUT, NUMBERS, PIXELS, SEX, TEXTS, N, Y, same


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


def test_texts_are_hashed_or_tokenised() -> None:
    data = from_arrays(TEXTS, Y, length=6, vocabulary=200, **CUT)
    assert data.input_shape == (6, 200)
    assert data.preprocessing["kind"] == "text"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": PIXELS[:80]}, r"x has 80 examples, but y has 90"),
        ({"groups": {"sex": SEX[:3]}}, r"groups\['sex'\] has 3 examples"),
        ({"x": PIXELS / 255}, r"uint8: \(255 \* x\).round\(\).astype"),
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


class Items(torch.utils.data.Dataset[Any]):
    """A map-style data set of any items."""

    def __init__(self, items: list[Any], classes: list[str] | None = None) -> None:
        self.items = items
        if classes is not None:
            self.classes = classes

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, k: int) -> Any:
        return self.items[k]


CODES = [["cat", "dog", "fox"].index(y) for y in Y]


def test_pictures_and_their_tensors_are_the_same_data() -> None:
    pictures = [(Image.fromarray(pixels), code) for pixels, code in zip(PIXELS, CODES, strict=True)]
    tensors = [
        (torch.from_numpy(p).permute(2, 0, 1) / 255, torch.tensor(c))
        for p, c in zip(PIXELS, CODES, strict=True)
    ]
    first = from_torch(Items(pictures, ["cat", "dog", "fox"]), **CUT)
    second = from_torch(Items(tensors), classes=["cat", "dog", "fox"], **CUT)
    third = from_arrays(PIXELS, Y, **CUT)
    assert first.fingerprint == second.fingerprint == third.fingerprint


def test_items_may_bring_their_groups_and_splits_may_be_data_sets() -> None:
    items = [(torch.tensor(n), c, {"sex": s}) for n, c, s in zip(NUMBERS, CODES, SEX, strict=True)]
    data = from_torch(Items(items[:60]), validation=Items(items[60:75]), test=Items(items[75:]), **CUT)
    by_hand = from_arrays(
        NUMBERS[:60],
        CODES[:60],
        {"sex": SEX[:60]},
        validation=(NUMBERS[60:75], CODES[60:75], {"sex": SEX[60:75]}),
        test=(NUMBERS[75:], CODES[75:], {"sex": SEX[75:]}),
        **CUT,
    )
    assert same(data.train, by_hand.train)
    assert same(data.open_test(), by_hand.open_test())


def test_normalised_images_and_streams_are_refused_with_the_remedy() -> None:
    normalised = [(torch.randn(3, 8, 8), code) for code in CODES]
    with pytest.raises(DataError, match=r"dataset\[0\]: its input has values .*without normalisation"):
        from_torch(Items(normalised))
    with pytest.raises(DataError, match="has no length"):
        from_torch(iter([]))
    with pytest.raises(DataError, match=r"\[0\] is a Tensor: items are"):
        from_torch(Items([torch.zeros(2)] * 5))
    sizes = [(torch.zeros(3, 8 + k % 2, 8, dtype=torch.uint8), 0) for k in range(4)]
    with pytest.raises(DataError, match="several shapes"):
        from_torch(Items(sizes))


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


def test_another_data_set_must_have_the_same_classes() -> None:
    class Items(torch.utils.data.Dataset[Any]):
        def __init__(self, classes: list[str]) -> None:
            self.classes = classes

        def __len__(self) -> int:
            return N

        def __getitem__(self, k: int) -> Any:
            return torch.from_numpy(PIXELS[k]).permute(2, 0, 1), k % 2

    assert len(from_torch(Items(["a", "b"]), test=Items(["a", "b"]), **CUT).open_test()) == N
    with pytest.raises(
        DataError, match="test has the classes b, c, and `dataset` a, b: the same label would mean"
    ):
        from_torch(Items(["a", "b"]), test=Items(["b", "c"]), **CUT)


def test_blanks_around_names_of_classes_are_no_part_of_them() -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    data = from_arrays(x, np.arange(40) % 2, classes=["no ", " yes"])
    assert data.classes == ("no", "yes")
