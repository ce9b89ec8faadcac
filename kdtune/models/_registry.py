"""Names of architectures, and what kind of input each of them takes."""

from collections.abc import Callable
from typing import Literal, get_args

from torch import nn

from kdtune.errors import InputError, did_you_mean
from kdtune.registry import Registry

Builder = Callable[[tuple[int, ...], int], nn.Module]
"""Builds a module from (input_shape, n_classes): shape (channels, height, width), (features,), or for text
(length, vocabulary)."""

Inputs = Literal["any", "images", "text"]

models: Registry[Builder] = Registry("model", group="kdtune.models", of_functions=True)

inputs_of: dict[str, Inputs] = {}
"""What each model takes, by name. One of which nothing was said takes `any`: images or tables."""


def register_model(name: str, *, inputs: Inputs = "any") -> Callable[[Builder], Builder]:
    """Return a decorator that files a builder `(input_shape, n_classes) -> Module` under `name`.

    With `inputs="images"` or `"text"` anything else is refused by `kdtune.models.check`, before anything is
    built; only models registered for text get text. The module maps float32 [n, *input_shape], or token ids int64
    [n, length], to logits [n, n_classes]; its penultimate features are the input of its last `Linear`.

    Raises:
        InputError: the name is taken, there are no such inputs, or it is no function that is registered.
    """
    file_under_name = models.register(name)
    known = get_args(Inputs)
    if inputs not in known:
        near = did_you_mean(inputs, known) if isinstance(inputs, str) else ""
        raise InputError(f"model {name!r}: inputs is {inputs!r}{near} (known: {', '.join(known)})")

    def register(builder: Builder) -> Builder:
        file_under_name(builder)
        inputs_of[name] = inputs
        return builder

    return register
