"""A model of another library: what builds it again, as plain JSON, and what its published weights were trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from torch import Tensor, nn

from kdtune.errors import InputError, UnknownNameError


@dataclass(frozen=True)
class LibraryModel:
    """A model of another library, as a builder: it says all that is needed to build the model in another process.

    Attributes:
        family: `torchvision`, `timm` or `hf`.
        name: what the library calls it, or where its configuration was found.
        config: its configuration, where the name alone does not say it.
        version: of the library that knew it.
        source: the folder that it was found in; empty for others.
    """

    family: str
    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    source: str = ""

    @property
    def full_name(self) -> str:
        """What a pair calls it: `timm:resnet18`."""
        return f"{self.family}:{self.name}"

    def __call__(self, input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        """Return the model, freshly initialised.

        Raises:
            InputError: its package is not installed, or can't build it.
        """
        return family_of(self.family).build(self, input_shape, n_classes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {**vars(self), "config": dict(self.config)}

    @classmethod
    def from_dict(cls, record: Any) -> Self:
        """Read it back.

        Raises:
            InputError: it is damaged, or of a family that is not known.
        """
        kinds = {"family": str, "name": str, "config": dict, "version": str, "source": str}
        if not isinstance(record, Mapping) or any(not isinstance(record.get(k), t) for k, t in kinds.items()):
            raise InputError("damaged: it does not say which library's model it is")
        family_of(record["family"])
        return cls(**{key: record[key] for key in kinds})


@dataclass(frozen=True, eq=False)
class Pretrained:
    """The weights that a library has for a model.

    Attributes:
        state: tensors by name; those of a new classifier are left out.
        lacks: names of the tensors of the new classifier.
        shape: of the inputs that it was trained on: (channels, height, width), or (length, vocabulary).
        mean, std: of its images, a number a channel, on the 0..1 scale; None for text.
        classes: what its outputs mean, where the library says it and the classifier is kept.
    """

    state: Mapping[str, Tensor]
    lacks: tuple[str, ...]
    shape: tuple[int, ...]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: tuple[str, ...] | None = None


class Family(Protocol):
    """A library of models. Its package is imported when one of its models is asked for, not before."""

    prefix: str
    package: str
    extra: str
    inputs: Literal["images", "text"]

    def names(self) -> list[str]:
        """Return the names that the library knows without looking anywhere else."""

    def usual_shape(self, model: LibraryModel) -> tuple[int, ...]:
        """Return the shape of the inputs that the model was made for."""

    def find(self, name: str) -> LibraryModel:
        """Return a model by name; raise InputError where the library has none of this name."""

    def build(self, model: LibraryModel, input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        """Return the model, freshly initialised, for inputs of this shape."""

    def pretrained(
        self, model: LibraryModel, input_shape: tuple[int, ...], n_classes: int, *, new_classifier: bool
    ) -> Pretrained:
        """Return the library's weights; raise InputError where there are none at hand."""


FAMILIES: dict[str, Family] = {}
"""The libraries that are known, by the prefix of their models' names."""


def register_family(family: Family) -> None:
    """Let names that begin with the family's prefix mean its models."""
    FAMILIES[family.prefix] = family


def family_of(prefix: str) -> Family:
    """Return a family by its prefix.

    Raises:
        UnknownNameError: there is none.
    """
    if prefix not in FAMILIES:
        raise UnknownNameError("family of models", prefix, FAMILIES)
    return FAMILIES[prefix]
