"""Names of architectures, and what kind of input each of them takes."""

from collections.abc import Callable
from typing import Literal

from torch import nn

from kdtune.registry import Registry

Builder = Callable[[tuple[int, ...], int], nn.Module]
"""Builds a module from (input_shape, n_classes): shape (channels, height, width), (features,), or for text
(length, vocabulary)."""

models: Registry[Builder] = Registry("model", group="kdtune.models")

image_only: set[str] = set()
"""Names of the models that take images [n, c, h, w] and nothing else."""

text_only: set[str] = set()
"""Names of the models that take token ids [n, length] and nothing else; no other model takes them."""


def register_model(
    name: str, *, inputs: Literal["any", "images", "text"] = "any"
) -> Callable[[Builder], Builder]:
    """Return a decorator that files a builder `(input_shape, n_classes) -> Module` under `name`.

    With `inputs="images"` or `"text"` anything else is refused by `kdtune.models.check`, before anything is
    built; only models registered for text get text. The module maps float32 [n, *input_shape], or token ids int64
    [n, length], to logits [n, n_classes]; its penultimate features are the input of its last `Linear`.

    Raises:
        InputError: the name is taken.
    """
    file_under_name = models.register(name)

    def register(builder: Builder) -> Builder:
        file_under_name(builder)
        if inputs == "images":
            image_only.add(name)
        if inputs == "text":
            text_only.add(name)
        return builder

    return register
