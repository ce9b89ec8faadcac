"""Fully connected networks: `linear` (logistic regression) and `mlp-<width>[-<width>...]`.

Images are flattened, so that these serve as the simplest students for any data set.
"""

import math
import re
from itertools import pairwise

from torch import nn

from kdtune.models._registry import Builder, register_model

PATTERN = "mlp-<width>[-<width>...]"


def parse(name: str) -> list[int] | None:
    """Return the hidden widths that `name` spells out, or None where it is not the name of an MLP."""
    match = re.fullmatch(r"mlp((?:-[1-9][0-9]{0,5})+)", name, flags=re.ASCII)
    return [int(width) for width in match[1].split("-")[1:]] if match else None


def builder(widths: list[int]) -> Builder:
    """Return a builder of Linear + ReLU for each of `widths`, then a Linear to the classes; torch's init."""

    def build(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten()] if len(input_shape) > 1 else []
        sizes = [math.prod(input_shape), *widths]
        for size, width in pairwise(sizes):
            layers += [nn.Linear(size, width), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(sizes[-1], n_classes))

    return build


register_model("linear")(builder([]))
