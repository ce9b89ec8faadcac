"""A data set of the user's own: every wrong tensor is refused in one sentence, with its index."""

import dataclasses
import pickle
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from kdtune.data import Augmentation, Dataset, Normalisation, Split, datasets, load, register_dataset
from kdtune.data.checks import check_dataset
from kdtune.errors import DataError

N = 40


def images(n: int = N) -> torch.Tensor:
    return torch.randint(0, 256, (n, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def split(n: int = N, **parts: Any) -> Split:
    """Return a split of images with two classes and two groups; parts replace them."""
    right = {"inputs": images(n), "labels": torch.arange(n) % 2, "groups": {"sex": torch.arange(n) // 2 % 2}}
    return Split(**{**right, **parts})


def dataset(**parts: Any) -> Dataset:
    right = {
        "name": "mine",
        "classes": ("cat", "dog"),
        "attributes": {"sex": ("f", "m")},
        "train": split(),
        "validation": split(20),
        "normalisation": Normalisation.of(images()),
        "augmentation": Augmentation(),
        "preprocessing": {},
        "fingerprint": "0" * 64,
        "open_test": lambda: split(20),
    }
    return Dataset(**{**right, **parts})


def table(n: int = N, **parts: Any) -> Split:
    inputs = torch.randn(n, 5, generator=torch.Generator().manual_seed(0))
    return split(n, **{"inputs": inputs, **parts})


def tabular(**parts: Any) -> Dataset:
    return dataset(**{"train": table(), "validation": table(20), "normalisation": None, **parts})


def changed(tensor: torch.Tensor, index: Any, value: Any) -> torch.Tensor:
    copy = tensor.clone()
    copy[index] = value
    return copy


LABELS, SEX = torch.arange(N) % 2, torch.arange(N) // 2 % 2

WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    # ---- what the loader returns
    "nothing": (lambda: None, "returned nothing, not a kdtune.data.Dataset"),
    "a tuple": (lambda: (1, 2), "returned a tuple"),
    "a dict": (lambda: {"train": 1}, "returned a dict"),
    "a split": (split, "returned a Split"),
    "a torch data set": (lambda: torch.utils.data.TensorDataset(images()), "returned a TensorDataset"),
    # ---- labels
    "a label too high": (lambda: dataset(train=split(labels=changed(LABELS, 12, 7))), r"train: labels\[12\] is 7, but there are 2 classes, 0 to 1"),
    "labels from one": (lambda: dataset(train=split(labels=LABELS + 1)), r"labels\[1\] is 2.*\(19 more such\)"),
    "a label below zero": (lambda: dataset(validation=split(20, labels=changed(LABELS[:20], 3, -1))), r"validation: labels\[3\] is -1"),
    "labels as floats": (lambda: dataset(train=split(labels=LABELS.float())), "labels must be int64.*not torch.float32"),
    "labels as int32": (lambda: dataset(train=split(labels=LABELS.int())), "labels must be int64.*not torch.int32"),
    "labels as truth values": (lambda: dataset(train=split(labels=LABELS.bool())), "labels must be int64.*not torch.bool"),
    "labels one-hot": (lambda: dataset(train=split(labels=torch.eye(2, dtype=torch.int64)[LABELS])), r"labels has shape \(40, 2\)"),
    "labels in numpy": (lambda: dataset(train=split(labels=LABELS.numpy())), "labels must be a torch.Tensor, not a ndarray"),
    "labels as a list": (lambda: dataset(train=split(labels=LABELS.tolist())), "labels must be a torch.Tensor, not a list"),
    "labels as names": (lambda: dataset(train=split(labels=["cat"] * N)), "labels must be a torch.Tensor"),
    "no labels": (lambda: dataset(train=split(labels=None)), "labels must be a torch.Tensor, not nothing"),
    "fewer labels": (lambda: dataset(train=split(labels=LABELS[:-1])), r"labels has shape \(39,\), but there are 40 inputs"),
    "a class without example": (lambda: dataset(validation=split(20, labels=torch.zeros(20, dtype=torch.int64))), "class 'dog' has no example in validation"),
    # ---- ids
    "ids as numbers": (lambda: dataset(train=split(ids=tuple(range(N)))), r"train: ids\[0\] is an int, not a text: give str\(id\)"),
    "an id twice": (lambda: dataset(train=split(ids=("a", *map(str, range(N - 2)), "a"))), r"train: ids\[39\] is 'a', and so is the id of an example of train"),
    "ids that begin anew": (lambda: dataset(train=split(ids=tuple(map(str, range(N)))), validation=split(20, ids=tuple(map(str, range(20))))), r"validation: ids\[0\] is '0', and so is the id of an example of train: .* such as 'validation/0'"),
    # ---- groups
    "a group too high": (lambda: dataset(train=split(groups={"sex": changed(SEX, 9, 2)})), r"groups of 'sex'\[9\] is 2, but there are 2 groups, 0 to 1, or -1 where it is not known"),
    "a group below minus one": (lambda: dataset(train=split(groups={"sex": changed(SEX, 9, -2)})), r"groups of 'sex'\[9\] is -2"),
    "groups as floats": (lambda: dataset(train=split(groups={"sex": SEX.float()})), "sex must be int64"),
    "groups as names": (lambda: dataset(train=split(groups={"sex": ["f"] * N})), "sex must be a torch.Tensor, not a list"),
    "groups as a tensor": (lambda: dataset(train=split(groups=SEX)), r"groups are int64 \[\d+\], not a dict"),
    "groups of another attribute": (lambda: dataset(train=split(groups={"race": SEX})), "groups are given of 'race', but the attributes are 'sex'"),
    "no groups": (lambda: dataset(train=split(groups={})), "groups are given of none, but the attributes are 'sex'"),
    "groups in one split alone": (lambda: dataset(validation=split(20, groups={})), "validation: groups are given of none"),
    "groups that no attribute declares": (lambda: dataset(attributes={}), "groups are given of 'sex', but the attributes are none"),
    "one group": (lambda: dataset(attributes={"sex": ("f",)}, train=split(groups={"sex": SEX * 0}), validation=split(20, groups={"sex": SEX[:20] * 0})), "'sex' has one group only, 'f'"),
    "no group": (lambda: dataset(attributes={"sex": ()}), "'sex' has no group"),
    "a group twice": (lambda: dataset(attributes={"sex": ("f", "f")}), "groups of 'sex': 'f' is named twice"),
    "groups as a list of numbers": (lambda: dataset(attributes={"sex": (0, 1)}), "groups of 'sex' must be a tuple of names"),
    "groups as one text": (lambda: dataset(attributes={"sex": "fm"}), "groups of 'sex' must be a tuple of names"),
    "attributes as a list": (lambda: dataset(attributes=["sex"]), "attributes must be a dict"),
    "attributes as numbers": (lambda: dataset(attributes={0: ("f", "m")}), "the sensitive attribute 0 is not a text"),
    # ---- classes
    "classes as a list": (lambda: dataset(classes=["cat", "dog"]), "classes must be a tuple of names"),
    "classes as a number": (lambda: dataset(classes=2), "classes must be a tuple of names, not 2"),
    "one class": (lambda: dataset(classes=("cat",), train=split(labels=LABELS * 0), validation=split(20, labels=LABELS[:20] * 0)), "at least two classes, found 'cat'"),
    "a class twice": (lambda: dataset(classes=("cat", "cat")), "classes: 'cat' is named twice"),
    # ---- inputs
    "images from 0 to 1": (lambda: dataset(train=split(inputs=images() / 255)), r"images are float32 \[40, 3, 8, 8\] from 0 to 1, but must be uint8 from 0 to 255: \(255 \* images\)"),
    "images as floats to 255": (lambda: dataset(train=split(inputs=images().float())), r"from 0 to 255, but must be uint8.*images\.round\(\)"),
    "images normalised": (lambda: dataset(train=split(inputs=images() / 128 - 1)), r"from -1 to .*undo their normalisation"),
    "images as float64": (lambda: dataset(train=split(inputs=images().double())), "inputs must be uint8 .*not torch.float64"),
    "images as int32": (lambda: dataset(train=split(inputs=images().int())), "inputs must be uint8 .*not torch.int32"),
    "images in numpy": (lambda: dataset(train=split(inputs=images().numpy())), "inputs must be a torch.Tensor, not a ndarray"),
    "grey images without channel": (lambda: dataset(train=split(inputs=images()[:, 0])), r"uint8 inputs are images \[n, channels, height, width\], not \[40, 8, 8\]"),
    "images with their channels last": (lambda: dataset(train=split(inputs=images().permute(0, 2, 3, 1))), r"images are \[40, 8, 8, 3\], with the channels last.*permute\(0, 3, 1, 2\)"),
    "grey images with their channel last": (lambda: dataset(train=split(inputs=images()[:, :1].permute(0, 2, 3, 1))), "with the channels last"),
    "images without pixels": (lambda: dataset(train=split(inputs=images()[:, :, :0])), "there is no pixel in them"),
    "grey images as floats": (lambda: tabular(train=table(inputs=torch.zeros(N, 8, 8))), r"float32 \[40, 8, 8\].*or make images uint8"),
    "validation of another size": (lambda: dataset(validation=split(20, inputs=images(20)[:, :, :4])), r"validation: one input is uint8 \[3, 4, 8\], but in train it is uint8 \[3, 8, 8\]"),
    "validation of another kind": (lambda: dataset(validation=table(20)), r"validation: one input is float32 \[5\], but in train"),
    "a table with a NaN": (lambda: tabular(train=table(inputs=changed(torch.zeros(N, 5), (17, 3), torch.nan))), r"train: inputs\[17, 3\] is nan"),
    "a table with an infinity": (lambda: tabular(validation=table(20, inputs=changed(torch.zeros(20, 5), (0, 4), -torch.inf))), r"validation: inputs\[0, 4\] is -inf"),
    "a table of three dimensions": (lambda: tabular(train=table(inputs=torch.zeros(N, 2, 5))), r"float32 \[40, 2, 5\], but float32 inputs are tables.*flatten"),
    "a table of bytes": (lambda: tabular(train=split(inputs=torch.zeros(N, 5, dtype=torch.uint8))), r"uint8 inputs are images .*make tables float32"),
    "a table of one dimension": (lambda: tabular(train=table(inputs=torch.zeros(N))), r"inputs must be \[n, …\]"),
    "no inputs": (lambda: dataset(train=split(inputs=None)), "inputs must be a torch.Tensor, not nothing"),
    "inputs that want a gradient": (lambda: tabular(train=table(inputs=torch.zeros(N, 5, requires_grad=True))), r"inputs must be a plain tensor.*\.detach\(\)"),
    "sparse inputs": (lambda: tabular(train=table(inputs=torch.eye(N).to_sparse())), "inputs must be a plain tensor"),
    "nothing to train on": (lambda: dataset(train=split(0)), "train: there is no example in it"),
    "nothing to validate on": (lambda: dataset(validation=split(0)), "validation: there is no example in it"),
    "train as tensors": (lambda: dataset(train=(images(), LABELS)), "train must be a kdtune.data.Split, not a tuple"),
    "validation as nothing": (lambda: dataset(validation=None), "validation must be a kdtune.data.Split, not nothing"),
    "a token too high": (lambda: tabular(vocabulary=9, train=table(inputs=changed(torch.ones(N, 5, dtype=torch.int64), (6, 1), 9)), validation=table(20, inputs=torch.ones(20, 5, dtype=torch.int64))), r"train: inputs\[6, 1\] is 9, but token ids go from 0 to 8"),
    "a token too high in validation": (lambda: tabular(vocabulary=9, train=table(inputs=torch.ones(N, 5, dtype=torch.int64)), validation=table(20, inputs=changed(torch.ones(20, 5, dtype=torch.int64), (6, 1), 9))), r"validation: inputs\[6, 1\] is 9, but token ids go from 0 to 8"),
    "a token below zero": (lambda: table(inputs=changed(torch.ones(N, 5, dtype=torch.int64), (6, 1), -1)), r"inputs\[6, 1\] is -1, but token ids are not negative"),
    "images as int64": (lambda: dataset(train=split(inputs=images().long())), r"token ids, \[n, length\], not \[40, 3, 8, 8\]: make images uint8"),
    "no group known in validation": (lambda: dataset(validation=split(20, groups={"sex": SEX[:20] * 0 - 1})), "validation: 'sex' has no group"),
    "one group in validation": (lambda: dataset(validation=split(20, groups={"sex": SEX[:20] * 0 + 1})), "validation: 'sex' has one group only, 'm'"),
    # ---- the rest
    "no name": (lambda: dataset(name=""), "its name is ''"),
    "notes as one text": (lambda: dataset(notes="read"), "notes must be a tuple of texts"),
    "a negative crop": (lambda: dataset(augmentation=Augmentation(crop=-3)), r"augmentation\.crop is -3, not a number of pixels"),
    "a crop of half a pixel": (lambda: dataset(augmentation=Augmentation(crop=2.5)), r"augmentation\.crop is 2\.5"),  # type: ignore[arg-type]
    "a normalisation of one channel": (lambda: dataset(normalisation=Normalisation((0.5,), (0.5,))), "1 means and 1 standard deviations for 3 channels"),
    "a standard deviation of zero": (lambda: dataset(normalisation=Normalisation((0.5,) * 3, (0.5, 0, 0.5))), r"normalisation\[1\] has mean 0.5 and standard deviation 0"),
    "a mean that is none": (lambda: dataset(normalisation=Normalisation((0.5, 0.5, float("nan")), (0.5,) * 3)), r"normalisation\[2\] has mean nan"),
    "a normalisation as a tuple": (lambda: dataset(normalisation=(0.5, 0.5)), "normalisation is a tuple"),
    "a crop as wide as the images": (lambda: dataset(augmentation=Augmentation(crop=8)), "crop is 8, but images have"),
    "an augmentation as a dict": (lambda: dataset(augmentation={"crop": 4}), "augmentation is a dict"),
    "a fingerprint of none": (lambda: dataset(fingerprint=None), "fingerprint is None"),
    "an empty fingerprint": (lambda: dataset(fingerprint=""), "fingerprint is ''"),
    "a test split that is open": (lambda: dataset(open_test=split(20)), "open_test is a Split, not a function"),
    "a preprocessing that is no JSON": (lambda: dataset(preprocessing={"mean": torch.zeros(3)}), "preprocessing is not plain JSON"),
    "a preprocessing of NaN": (lambda: dataset(preprocessing={"mean": float("nan")}), "preprocessing is not plain JSON"),
    "a preprocessing that is a list": (lambda: dataset(preprocessing=[1]), "preprocessing is a list of 1, not a dict"),
}  # fmt: skip


@pytest.fixture
def register() -> Iterator[Callable[..., None]]:
    def under_mine(loader: Callable[..., Any]) -> None:
        register_dataset("mine")(loader)

    yield under_mine
    datasets._items.pop("mine", None)


@pytest.mark.parametrize("case", WRONG)
def test_it_is_refused_in_one_sentence(case: str, register: Callable[..., None]) -> None:
    make, message = WRONG[case]
    register(make)
    with pytest.raises(DataError, match=message) as caught:
        load("mine")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [dataset, tabular])
def test_what_is_right_is_taken(make: Callable[..., Dataset]) -> None:
    made = make(open_test=lambda: make().validation)
    assert check_dataset("mine", made) is made


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (lambda: None, "'mine', test: nothing is not a kdtune.data.Split"),
        (lambda: split(20, labels=changed(LABELS[:20], 5, 2)), r"'mine', test: labels\[5\] is 2"),
        (lambda: split(20, groups={}), "'mine', test: groups are given of none"),
        (lambda: table(20), "'mine', test: one input is float32"),
        (lambda: split(0), "'mine', test: there is no example in it"),
    ],
)
def test_its_test_split_is_checked_when_it_is_opened(
    test: Callable[[], Any], message: str, register: Callable[..., None]
) -> None:
    register(lambda: dataset(open_test=test))
    data = load("mine")
    with pytest.raises(DataError, match=message):
        data.open_test()


@pytest.mark.parametrize("fail", [lambda: 1 / 0, lambda more: split(20), lambda: {}["x"]])
def test_a_test_split_that_can_t_be_opened_is_told(
    fail: Callable[..., Any], register: Callable[..., None]
) -> None:
    register(lambda: dataset(open_test=fail))
    with pytest.raises(DataError, match=r"'mine': opening its test split failed: .*Error"):
        load("mine").open_test()


@pytest.mark.parametrize(
    ("high", "note"),
    [
        (1, "largest pixel of all training images is 1 of 255"),
        (15, "largest pixel of all training images is 15 of 255"),
        (0, "all pixels of all training images are 0"),
        (64, None),
    ],
)
def test_images_on_another_scale_are_named(high: int, note: str | None) -> None:
    dim = (images().float() * high / 255).round().to(torch.uint8)
    notes = check_dataset("mine", dataset(train=split(inputs=dim))).notes
    assert [note in said for said in notes] == ([] if note is None else [True])


def opened() -> Split:
    return split(20)


def test_a_data_set_that_can_be_pickled_still_can_be(register: Callable[..., None]) -> None:
    register(lambda: dataset(open_test=opened))
    again = pickle.loads(pickle.dumps(load("mine")))
    assert len(again.open_test()) == 20


def test_a_loader_that_fails_is_told_with_its_line(register: Callable[..., None]) -> None:
    def loader(*, key: str = "x") -> Dataset:
        return {}[key]  # type: ignore[return-value]

    register(loader)
    with pytest.raises(
        DataError, match=r"'mine': its loader failed: KeyError: 'x' \(test_checks\.py, line \d+\)"
    ) as caught:
        load("mine")
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_loader_that_ends_the_process_is_told(register: Callable[..., None]) -> None:
    def leaves() -> Any:
        sys.exit(3)

    register(leaves)
    with pytest.raises(
        DataError, match=r"'mine': its loader failed: SystemExit: 3 \(test_checks\.py, line \d+\)"
    ):
        load("mine")


def test_a_test_split_that_ends_the_process_is_told(register: Callable[..., None]) -> None:
    def leaves() -> Any:
        sys.exit(3)

    register(lambda: dataset(open_test=leaves))
    with pytest.raises(
        DataError, match=r"'mine': opening its test split failed: SystemExit: 3 \(test_checks"
    ):
        load("mine").open_test()


def test_annotations_that_name_nothing_are_no_obstacle(register: Callable[..., None]) -> None:
    def loader(*, size: "NotImported" = 3, kind: np.ndarray | None = None) -> "NotImported":  # type: ignore[name-defined]  # noqa: F821
        return dataset()

    register(loader)
    assert load("mine", size=4).classes == ("cat", "dog")


def test_notes_reach_the_record() -> None:
    made = dataclasses.replace(dataset(), notes=("12 images left out",))
    assert made.describe()["notes"] == ["12 images left out"]
