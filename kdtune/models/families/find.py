"""Finds a model of another library by its name, and keeps what was found: a name means one model in a process."""

from collections.abc import Iterable, Mapping
from typing import Any

from kdtune.models.families import hugging_face, timm_models, torchvision_models
from kdtune.models.families.library_model import LibraryModel, family_of, register_family

for _family in (torchvision_models.Torchvision(), timm_models.Timm(), hugging_face.HuggingFace()):
    register_family(_family)

_found: dict[str, LibraryModel] = {}


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


def know(models: Mapping[str, LibraryModel]) -> None:
    """Let names mean in this process what they mean in the one that found these models."""
    _found.update(models)
