"""Images with their channels last stay so in a step: what sees both layouts of memory takes several times as long."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from kdtune.distill.fused.stack import stack
from kdtune.models import build

LAST = torch.channels_last

OF_ONE_LAYOUT = (
    "add", "mul", "relu", "threshold_backward", "native_batch_norm", "native_batch_norm_backward",
    "max_pool2d_with_indices",
)  # fmt: skip
"""Operations that do not bring what they are given into one layout first."""


class OtherLayouts(TorchDispatchMode):
    """Remembers which of these operations are given, or return, images of another layout."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in OF_ONE_LAYOUT:
            beside = results if isinstance(results, tuple) else [results]
            images = [x for x in (*args, *beside) if isinstance(x, Tensor) and x.dim() == 4]
            self.operations += bool(images)
            self.found += [
                f"{func}: {tuple(x.shape)}, {x.stride()}"
                for x in images
                if not x.is_contiguous(memory_format=LAST)
            ]
        return results


@pytest.mark.parametrize(
    ("name", "shape", "students"),
    [
        ("resnet8", (3, 16, 16), 1), ("resnet20", (1, 9, 9), 1), ("cnn8", (1, 8, 8), 1),
        ("cnn8", (1, 8, 8), 3), ("cnn8", (3, 16, 16), 1),
    ],
)  # fmt: skip
def test_a_step_keeps_to_one_layout(name: str, shape: tuple[int, int, int], students: int) -> None:
    models = [build(name, input_shape=shape, n_classes=4).train() for _ in range(students)]
    model = (stack(models) if students > 1 else models[0]).to(memory_format=LAST)
    images = torch.rand(6, *shape).contiguous(memory_format=LAST)
    with OtherLayouts() as layouts:
        torch.autograd.grad(model(images).square().sum(), list(model.parameters()))
    assert layouts.operations
    assert not layouts.found
