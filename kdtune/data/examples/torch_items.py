"""Data sets of torch's map-style data sets: all items are read into arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from kdtune.data.dataset import Dataset
from kdtune.data.examples.arrays import from_arrays
from kdtune.data.examples.assemble import TEST, VALIDATION
from kdtune.data.given import pixels_wanted, plain_value, tensor_of
from kdtune.errors import DataError
from kdtune.torch_defaults import torch_defaults
from kdtune.user_code import kind_of, own_code

_IMAGE = "give images as PIL or as ToTensor makes them, without normalisation, because kdtune normalises them itself"

_READ_AGAIN = 16
"""Items that are read twice: one that is mirrored at random escapes once in 2^16 times."""


@torch_defaults()
def from_torch(
    dataset: Any,
    groups: Mapping[str, Any] | None = None,
    *,
    validation: Any = 0.2,
    test: Any = 0.2,
    classes: Sequence[str] | None = None,
    **options: Any,
) -> Dataset:
    """Return a data set of torch's map-style data sets, such as those of torchvision; all items are read at once.

    Args:
        dataset: items are (input, label), or (input, label, {attribute: value}). Inputs are images (PIL, uint8
            tensors [c, h, w], or floats from 0 to 1 as `ToTensor` makes them), vectors of numbers, or texts; leave
            augmentation and normalisation out: kdtune does both.
        groups: sensitive attribute -> a value for each item of `dataset`, instead of the items' own.
        validation, test: a share, or another map-style data set.
        classes: names of the classes; default: `dataset.classes` where it has them.
        options: as for `from_arrays`.

    Raises:
        DataError: an item can't be used; the message names its position.
    """
    x, y, found = _read("dataset", dataset)
    parts: dict[str, Any] = {}
    validation, test = plain_value(validation), plain_value(test)
    for part, asked in ((VALIDATION, validation), (TEST, test)):
        if isinstance(asked, float | int):
            parts[part] = asked
            continue
        _check_classes(part, asked, dataset)
        if groups is not None:
            raise DataError(
                f"{part} is a data set of its own: let its items be (input, label, {{attribute: value}}), those of "
                "`dataset` too, and leave `groups` out"
            )
        parts[part] = _read(part, asked)
    if classes is None and isinstance(getattr(dataset, "classes", None), list | tuple):
        known = list(map(str, dataset.classes))
        classes = known if all(isinstance(label, int) and 0 <= label < len(known) for label in y) else None
    return from_arrays(x, y, found if groups is None else groups, classes=classes, **parts, **options)


def _check_classes(part: str, other: Any, dataset: Any) -> None:
    """Refuse another data set whose labels stand for other classes, as those of a folder that lacks one do."""
    first, second = (getattr(data, "classes", None) for data in (dataset, other))
    if first is not None and second is not None and list(first) != list(second):
        raise DataError(
            f"{part} has the classes {', '.join(map(str, second))}, and `dataset` {', '.join(map(str, first))}: the "
            "same label would mean different classes"
        )


def _read(what: str, dataset: Any) -> tuple[Any, list[Any], dict[str, list[Any]]]:
    try:
        n = len(dataset)
    except TypeError:
        raise DataError(
            f"{what}: a {type(dataset).__name__} has no length: only map-style data sets can be cut"
        ) from None
    if not hasattr(dataset, "__getitem__"):  # such as a DataLoader
        raise DataError(f"{what}: {kind_of(dataset)} has no items by position: give a map-style data set")
    if not n:
        raise DataError(f"{what}: there is no example in it")
    x: list[Any] = []
    y: list[Any] = []
    groups: dict[str, list[Any]] = {}
    for k in range(n):
        item = _item(what, dataset, k)
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            raise DataError(
                f"{what}[{k}] is a {type(item).__name__}: items are (input, label) or (input, label, groups)"
            )
        x.append(_one(f"{what}[{k}]", item[0]))
        y.append(plain_value(item[1]))
        own = item[2] if len(item) == 3 else {}
        if not isinstance(own, Mapping) or (k and set(own) != set(groups)):
            raise DataError(
                f"{what}[{k}]: its groups are {own!r}: every item has the same attributes, as a dict"
            )
        for attribute, value in own.items():
            groups.setdefault(str(attribute), []).append(plain_value(value))
    for k in range(0, n, max(1, n // _READ_AGAIN)):
        if not _equal(_one(f"{what}[{k}]", _item(what, dataset, k)[0]), x[k]):
            raise DataError(
                f"{what}[{k}] has another input each time: leave random transforms out, because kdtune augments "
                "training images itself, and never those of validation and test"
            )
    if isinstance(x[0], str):
        return x, y, groups
    shapes = {tuple(item.shape) for item in x}
    if len(shapes) > 1:
        first, second = sorted(shapes)[:2]
        raise DataError(
            f"{what}: its inputs have several shapes, such as {list(first)} and {list(second)}: resize them"
        )
    return torch.stack(x), y, groups


def _item(what: str, dataset: Any, k: int) -> Any:
    with own_code(f"{what}[{k}] fails", DataError):
        return dataset[k]


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    return a.shape == b.shape and torch.allclose(a, b, equal_nan=True)


def _one(where: str, item: Any) -> Any:
    """Return an input as text or tensor; floats that are bytes divided by 255 become bytes again."""
    if isinstance(item, str):
        return item
    if type(item).__module__.startswith("PIL."):
        from kdtune.data.images.pixels import Decoding, convert
        from kdtune.data.images.scale import ImageError

        channels = 1 if item.mode in ("1", "L") else 3
        try:
            pixels = convert(item, Decoding(None, channels)).pixels
        except (ImageError, OSError, SyntaxError, ValueError) as error:
            raise DataError(f"{where}: {error}") from None
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())
    try:
        tensor = tensor_of(item, "give a picture (PIL), numbers or a text")
    except DataError as error:
        raise DataError(f"{where}: its input {str(error).removeprefix('x ')}") from None
    if tensor.dim() < 2 or tensor.dtype == torch.uint8:
        return tensor
    if tensor.is_complex() or not tensor.numel():
        raise DataError(f"{where}: its input is {kind_of(item)}, and no image: {_IMAGE}")
    if tensor.is_floating_point() and float(tensor.min()) >= 0 and float(tensor.max()) <= 1:
        bytes_of = (tensor * 255).round()
        if float((tensor * 255 - bytes_of).abs().max()) < 1e-3:
            return bytes_of.to(torch.uint8)
    raise DataError(
        f"{where}: its input has values {pixels_wanted(tensor, 'image', '.to(torch.uint8)')}; or {_IMAGE}"
    )
