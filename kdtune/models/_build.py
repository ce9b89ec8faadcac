"""From a name and the shape of the data to a module."""

from collections.abc import Sequence

from torch import nn

from kdtune.errors import InputError, UnknownNameError
from kdtune.models import _mlp
from kdtune.models._registry import Builder, image_only, models, text_only


def names() -> list[str]:
    """Return the names that `build` knows, patterns such as `mlp-<width>[-<width>...]` last."""
    return [*models, _mlp.PATTERN]


def build(name: str, *, input_shape: Sequence[int], n_classes: int) -> nn.Module:
    """Return a freshly initialised module, float32 [n, *input_shape] to logits [n, n_classes].

    `input_shape` is (channels, height, width) of images, (features,) of a table, or (length, vocabulary) of
    text, for which the module takes token ids int64 [n, length], 0 for padding. The weights follow
    torch's global generator: the same `torch.manual_seed` gives the same ones.

    Raises:
        UnknownNameError: no such model.
        InputError: the model does not take such inputs, or there are fewer than two classes.
    """
    builder = _find(name)
    shape = _checked_shape(name, input_shape)
    if n_classes < 2:
        raise InputError(f"model {name!r} needs at least two classes, not {n_classes}")
    return builder(shape, n_classes)


def check(name: str, *, input_shape: Sequence[int] | None = None) -> None:
    """Raise what `build` would raise for this name, and this shape if there is one, without building anything."""
    _find(name)
    if input_shape is not None:
        _checked_shape(name, input_shape)


def _find(name: str) -> Builder:
    if name in models:
        return models.get(name)
    widths = _mlp.parse(name)
    if widths is None:
        raise UnknownNameError("model", name, names())
    return _mlp.builder(widths)


def _checked_shape(name: str, input_shape: Sequence[int]) -> tuple[int, ...]:
    shape = tuple(int(size) for size in input_shape)
    if not 1 <= len(shape) <= 3 or min(shape) < 1:
        raise InputError(
            f"model {name!r}: input shape {shape} is neither (channels, height, width), (features,), nor "
            "(length, vocabulary)"
        )
    data = {1: f"a table of {shape[0]} features", 2: f"text of {shape[0]} tokens", 3: "images"}[len(shape)]
    takes = "images" if name in image_only else "text" if name in text_only else "images or tables"
    kind = {1: "tables", 2: "text", 3: "images"}[len(shape)]
    if kind not in takes:
        fitting = [known for known in names() if _takes(known, kind)]
        raise InputError(
            f"model {name!r} takes {takes}, and the data are {data}: choose one of {', '.join(fitting)}"
        )
    return shape


def _takes(name: str, kind: str) -> bool:
    if kind == "text" or name in text_only:
        return kind == "text" and name in text_only
    return kind == "images" or name not in image_only
