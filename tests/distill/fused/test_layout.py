"""How students that are trained as one lie in memory."""

import pytest
import torch
from torch import nn

from kdtune.distill.config import TrainConfig
from kdtune.distill.fused.optimizer import FlatOptimizer
from kdtune.distill.fused.stack import stack
from kdtune.models import build


@pytest.mark.parametrize(
    ("architecture", "shape"), [("cnn8", (1, 8, 8)), ("lenet5", (1, 32, 32)), ("lenet5", (3, 32, 32))]
)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_students_as_one_keep_the_memory_layout_that_they_were_given(
    architecture: str, shape: tuple[int, ...], layout: torch.memory_format
) -> None:
    """Of grey images both layouts look alike: the weights decide about the layout of all that follows."""
    together = stack([build(architecture, input_shape=shape, n_classes=10) for _ in range(3)])
    together.to(memory_format=layout)
    strides = [parameter.stride() for parameter in together.parameters()]
    FlatOptimizer(together, [TrainConfig(epochs=1)] * 3)
    assert [parameter.stride() for parameter in together.parameters()] == strides
    first = next(
        module for module in together.modules() if isinstance(getattr(module, "weight", None), nn.Parameter)
    )
    images = torch.randn(4, *shape).contiguous(memory_format=layout)
    assert first(images).is_contiguous(memory_format=layout)
