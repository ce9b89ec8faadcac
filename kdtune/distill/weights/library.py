"""The published weights of a library's model, kept as a file of ours: from there on they are one like any other."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

from kdtune.distill.weights.source import Weights
from kdtune.distill.weights.state import saved_state
from kdtune.errors import InputError
from kdtune.files import cache_dir, write_bytes
from kdtune.models.families.find import is_of_library, library_model
from kdtune.models.families.library_model import FAMILIES, family_of
from kdtune.text import file_name


def library_weights(
    architecture: str, input_shape: Sequence[int], n_classes: int, *, new_classifier: bool
) -> tuple[Weights, tuple[str, ...] | None]:
    """Return the weights that a library has for a model, and what its outputs mean where that is known.

    Args:
        architecture: `family:name`.
        input_shape: of the data.
        n_classes: of the data.
        new_classifier: leave the classifier out: it is trained anew, on the data's classes.

    Raises:
        InputError: it is no library's model, or its weights are not at hand.
    """
    if not is_of_library(architecture):
        raise InputError(
            f"pretrained: {architecture!r} is kdtune's own or yours, and only models of {', '.join(FAMILIES)} have "
            "published weights: give `weights`, or list those that are meant: pretrained: [NAME, …]"
        )
    return _kept(architecture, tuple(input_shape), n_classes, new_classifier)


@lru_cache(maxsize=64)
def _kept(
    architecture: str, input_shape: tuple[int, ...], n_classes: int, new_classifier: bool
) -> tuple[Weights, tuple[str, ...] | None]:
    model = library_model(architecture)
    found = family_of(model.family).pretrained(model, input_shape, n_classes, new_classifier=new_classifier)
    content = saved_state(found.state)
    name = f"{file_name(architecture)[-60:]}-{sha256(content).hexdigest()[:16]}.safetensors"
    path = cache_dir() / "pretrained" / name
    if not path.exists():
        write_bytes(path, content)
    weights = Weights.of(path, mean=found.mean, std=found.std, shape=found.shape, lacks=found.lacks or None)
    return weights, found.classes
