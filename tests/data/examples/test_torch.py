"""torch data sets: their items read as they are, and refused with the remedy."""

from typing import Any

import pytest
import torch
from PIL import Image

from kdtune.data import from_arrays, from_torch
from kdtune.errors import DataError
from tests.data.examples.made import CUT, NUMBERS, PIXELS, SEX, N, Y, same


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


def test_a_data_set_whose_items_change_is_refused() -> None:
    """Else each split holds one random draw of each image, and test is judged on it."""

    class Mirrored(Items):
        def __getitem__(self, k: int) -> Any:
            image, label = super().__getitem__(k)
            return image.flip(-1) if torch.rand(()) < 0.5 else image, label

    pixels = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)
    with pytest.raises(
        DataError, match=r"dataset\[\d+\] has another input each time: leave random transforms"
    ):
        from_torch(Mirrored(list(zip(pixels, CODES, strict=True))), **CUT)


def test_the_item_that_fails_is_named() -> None:
    class Torn(Items):
        def __getitem__(self, k: int) -> Any:
            if k == 7:
                raise OSError("image file is truncated")
            return super().__getitem__(k)

    with pytest.raises(
        DataError, match=r"dataset\[7\] fails: OSError: image file is truncated \(test_torch.py, "
    ):
        from_torch(Torn([(torch.zeros(2), 0)] * 9))


@pytest.mark.parametrize(
    ("of_item", "remedy"),
    [
        (lambda pixels: pixels.float(), r"from 0 to 255, .*: image.round\(\).to\(torch.uint8\)"),
        (lambda pixels: pixels.long(), r"from 0 to 255, .*: image.to\(torch.uint8\)"),
        (lambda pixels: pixels.float() / 127.5 - 1, r"from -1 to 1, .*: undo their normalisation first"),
    ],
)
def test_bytes_are_not_taken_for_shares_of_255(of_item: Any, remedy: str) -> None:
    """255 times a whole number is a whole number too, and wraps: 2 would become 254."""
    pixels = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)
    pixels[:, 0, 0, :2] = torch.tensor([0, 255], dtype=torch.uint8)
    with pytest.raises(DataError, match=rf"dataset\[0\]: its input has values {remedy}"):
        from_torch(Items([(of_item(image), code) for image, code in zip(pixels, CODES, strict=True)]))


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
    with pytest.raises(DataError, match="dataset: a DataLoader has no items by position: give a map-style"):
        from_torch(torch.utils.data.DataLoader(Items([(torch.zeros(2), 0)] * 5)))
    with pytest.raises(DataError, match=r"\[0\] is a Tensor: items are"):
        from_torch(Items([torch.zeros(2)] * 5))
    with pytest.raises(DataError, match=r"dataset\[0\]: does not decode: there is no pixel in it"):
        from_torch(Items([(Image.new("RGB", (0, 3)), 0)]))
    with pytest.raises(DataError, match=r"dataset\[0\]: its input is sparse: give x.to_dense"):
        from_torch(Items([(torch.eye(3).to_sparse(), 0)]))
    sizes = [(torch.zeros(3, 8 + k % 2, 8, dtype=torch.uint8), 0) for k in range(4)]
    with pytest.raises(DataError, match="several shapes"):
        from_torch(Items(sizes))


def test_another_data_set_must_have_the_same_classes() -> None:
    items = [(torch.from_numpy(pixels).permute(2, 0, 1), k % 2) for k, pixels in enumerate(PIXELS)]
    data = from_torch(Items(items, ["a", "b"]), test=Items(items, ["a", "b"]), **CUT)
    assert len(data.open_test()) == N
    with pytest.raises(
        DataError, match="test has the classes b, c, and `dataset` a, b: the same label would mean"
    ):
        from_torch(Items(items, ["a", "b"]), test=Items(items, ["b", "c"]), **CUT)
