"""Finds a model of another library by its name, and keeps what was found: a name means one model in a process."""

import difflib
import importlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from kdtune.errors import InputError, UnknownNameError
from kdtune.models.families.library_model import Family, LibraryModel

PREFIXES = ("torchvision", "timm", "hf")
_MOST_NAMES = 5
"""Names that a message offers: a library has more than a thousand."""

_found: dict[str, LibraryModel] = {}


def family_of(prefix: str) -> Family:
    """Return a family by its prefix.

    Raises:
        UnknownNameError: there is none.
    """
    from kdtune.models.families import hugging_face, timm_models, torchvision_models

    families: dict[str, Family] = {
        "torchvision": torchvision_models.FAMILY,
        "timm": timm_models.FAMILY,
        "hf": hugging_face.FAMILY,
    }
    if prefix not in families:
        raise UnknownNameError("family of models", prefix, PREFIXES)
    return families[prefix]


def is_of_library(name: str) -> bool:
    """Return whether a name has the form `family:name`."""
    return ":" in name


def library_model(name: str) -> LibraryModel:
    """Return the model that `family:name` means.

    Raises:
        InputError: the package is not installed, or the library has no such model.
    """
    if name not in _found:
        prefix, _, own = name.partition(":")
        _found[name] = family_of(prefix).find(own)
    return _found[name]


def adopt(models: Mapping[str, Any]) -> None:
    """Let names mean in this process what they meant where a run was recorded: `family:name` -> plain JSON.

    Raises:
        InputError: a record is damaged.
    """
    for name, record in models.items():
        _found[name] = LibraryModel.from_dict(record)


def adopted(names: Iterable[str]) -> dict[str, LibraryModel]:
    """Return those of some models that are of a library."""
    return {name: library_model(name) for name in names if is_of_library(name)}


def package_of(family: Family, name: str) -> ModuleType:
    """Import a family's package.

    Raises:
        InputError: it is not installed; the message has the line that installs it.
    """
    try:
        return importlib.import_module(family.package)
    except ImportError:
        raise InputError(
            f"model {family.prefix + ':' + name!r} needs the package {family.package}: pip install "
            f"'kdtune[{family.extra}]'"
        ) from None


def version_of(family: Family) -> str:
    """Return the version of a family's package."""
    return importlib.metadata.version(family.package)


def unknown(family: Family, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that a library does not know: it offers the nearest."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=_MOST_NAMES, cutoff=0.5)
    offer = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
    return InputError(
        f"{family.package} has no model {name!r}{offer} ('kdtune models {family.prefix}' lists all {len(names):,})"
    )


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(":.") if lines else type(error).__name__
