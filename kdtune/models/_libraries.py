"""The other libraries whose classes models are made of: importing one takes a second or more; few sweeps need any."""

import contextlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from kdtune.errors import InputError
from kdtune.models._build import find
from kdtune.models._fitting import unfilled
from kdtune.models._registry import models
from kdtune.models.families.library_model import LibraryModel, family_of

_IMPORTED = {"torchvision": "torchvision.models", "timm": "timm", "transformers": "transformers"}
"""What is imported of a package when a model of its classes is built."""


def libraries_of(names: Iterable[str], input_shape: Sequence[int]) -> frozenset[str]:
    """Return the modules of other libraries that are imported where models of these names are built for such inputs.

    Of a user's own model nothing is known, nor of one that can't be built, or only with memory for its weights.
    """
    return frozenset().union(*(_libraries_of(name, tuple(input_shape)) for name in names))


@lru_cache(maxsize=256)
def _libraries_of(name: str, input_shape: tuple[int, ...]) -> frozenset[str]:
    builder = find(name)
    if isinstance(builder, LibraryModel):
        return frozenset({_IMPORTED[family_of(builder.family).package]})
    packages = set()
    if not models.is_own(name):
        with contextlib.suppress(InputError, NotImplementedError, RuntimeError), unfilled():
            packages = {type(part).__module__.partition(".")[0] for part in builder(input_shape, 2).modules()}
    return frozenset(_IMPORTED[package] for package in packages & _IMPORTED.keys())
