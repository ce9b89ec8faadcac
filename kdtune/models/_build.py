"""From a name and the shape of the data to a module."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import nn

from kdtune.behaviour import behaviour_of
from kdtune.errors import InputError, UnknownNameError
from kdtune.memory import check_memory
from kdtune.models import _mlp
from kdtune.models._fitting import unfilled
from kdtune.models._registry import Builder, inputs_of, models
from kdtune.models._try_own import computed, try_own
from kdtune.models.families.find import is_of_library, library_model
from kdtune.models.families.library_model import FAMILIES, LibraryModel, family_of
from kdtune.text import counted


def names() -> list[str]:
    """Return the names that `build` knows, patterns such as `mlp-<width>[-<width>...]` last."""
    return [*models, _mlp.PATTERN]


def build(name: str | LibraryModel, *, input_shape: Sequence[int], n_classes: int) -> nn.Module:
    """Return a freshly initialised module, float32 [n, *input_shape] to logits [n, n_classes].

    `name` is one of `names()`, or a library's: `torchvision:NAME`, `timm:NAME`, `hf:NAME`.
    `input_shape` is (channels, height, width) of images, (features,) of a table, or (length, vocabulary) of
    text, for which the module takes token ids int64 [n, length], 0 for padding. The weights follow
    torch's global generator: the same `torch.manual_seed` gives the same ones.

    Raises:
        UnknownNameError: no such model.
        InputError: the model does not take such inputs, or there are fewer than two classes.
    """
    builder = name if isinstance(name, LibraryModel) else find(name)
    name = name.full_name if isinstance(name, LibraryModel) else name
    shape = _checked_shape(name, input_shape)
    if n_classes < 2:
        raise InputError(f"model {name!r} needs at least two classes, not {n_classes}")
    return builder(shape, n_classes)


def check(
    name: str,
    *,
    input_shape: Sequence[int] | None = None,
    any_size: bool = False,
    n_classes: int | None = None,
    trained: bool = True,
) -> None:
    """Raise what `build` would raise for this name, and this shape if there is one.

    A library's model is tried without memory for its weights, unless its inputs are to be scaled to `any_size`. A
    user's model is built and tried on a few made-up examples if `n_classes` is given; one that is to be `trained` needs
    something to train.

    Raises:
        InputError: see `build`; its weights alone take more memory than there is; or a user's model gives no logits, or
            can't be trained.
    """
    found = find(name)
    if input_shape is not None:
        shape = _checked_shape(name, input_shape)
        if isinstance(found, LibraryModel) and not any_size:
            _try(name, shape)
        elif models.is_own(name):
            if n_classes is not None:
                try_own(name, found, shape, n_classes, trained=trained)
        elif _mlp.parse(name) is not None or len(shape) == 2:  # a person types how large these are
            n = _n_weights(name, shape)
            check_memory(
                4 * n, f"model {name!r}: its {n:,} weights", "choose a smaller model, or smaller data"
            )


def behaviour(name: str, *, input_shape: Sequence[int], n_classes: int) -> str:
    """Return a digest of what a model of the user's own computes; empty for others, whose code is that of a release.

    Of a model that fails it is another one each time.
    """
    if not models.is_own(name):
        return ""
    builder, shape = models.get(name), _checked_shape(name, input_shape)
    return behaviour_of(lambda: computed(builder, shape, n_classes))


@lru_cache(maxsize=256)
def _n_weights(name: str, shape: tuple[int, ...]) -> int:
    """Return the number of weights of a model of kdtune's own, which is built without memory for them."""
    with unfilled():
        return sum(weight.numel() for weight in find(name)(shape, 2).parameters())


def find(name: str) -> Builder:
    """Return what builds the models of a name.

    Raises:
        UnknownNameError: no such model.
    """
    if name in models:
        return models.get(name)
    if is_of_library(name):
        return library_model(name)
    widths = _mlp.parse(name)
    if widths is None:
        raise UnknownNameError("model", name, [*names(), *(f"{prefix}:<name>" for prefix in FAMILIES)])
    return _mlp.builder(widths)


@lru_cache(maxsize=256)
def _try(name: str, shape: tuple[int, ...]) -> None:
    """Raise InputError where a library's model can't be built for inputs of this shape, or can't read them."""
    model = library_model(name)
    why = "it gives no logits"
    for device in ("meta", "cpu"):  # some initialise their weights with numbers that they read back
        try:
            with torch.random.fork_rng(devices=[]), torch.device(device), torch.inference_mode():
                text = len(shape) == 2
                inputs = torch.zeros(2, *shape[:1], dtype=torch.int64) if text else torch.zeros(2, *shape)
                if tuple(model(shape, 2).eval()(inputs).shape) == (2, 2):
                    return
        except InputError:
            raise
        except Exception as error:  # whatever a library's own code says of a size that it can't read
            why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    data = f"texts of {shape[0]} tokens" if len(shape) == 2 else f"images of {shape[2]}x{shape[1]} pixels"
    hint = (
        "" if len(shape) == 2 else ": set `image_size` of the data set to what it was made for, such as 224"
    )
    raise InputError(f"model {name!r} can't read {data} ({why}){hint}")


def _checked_shape(name: str, input_shape: Sequence[int]) -> tuple[int, ...]:
    shape = tuple(int(size) for size in input_shape)
    if not 1 <= len(shape) <= 3 or min(shape) < 1:
        raise InputError(
            f"model {name!r}: input shape {shape} is neither (channels, height, width), (features,), nor "
            "(length, vocabulary)"
        )
    data = {1: f"a table of {counted(shape[0], 'feature')}", 2: f"text of {shape[0]} tokens", 3: "images"}[
        len(shape)
    ]
    takes = _kinds(name)
    kind = {1: "tables", 2: "text", 3: "images"}[len(shape)]
    if kind not in takes:
        fitting = [known for known in names() if _takes(known, kind)]
        raise InputError(
            f"model {name!r} takes {takes}, and the data are {data}: choose one of {', '.join(fitting)}"
        )
    return shape


def _takes(name: str, kind: str) -> bool:
    return kind in _kinds(name)


def _kinds(name: str) -> str:
    if name not in models and is_of_library(name):
        return family_of(name.partition(":")[0]).inputs
    inputs = inputs_of.get(name, "any")
    return "images or tables" if inputs == "any" else inputs
