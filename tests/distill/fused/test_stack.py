"""Which networks work side by side, and which are refused."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal, spectral_norm, weight_norm

from kdtune.distill.fused.stack import NotStackable, is_stackable, stack
from kdtune.models import models, register_model


@pytest.mark.parametrize(
    ("architecture", "shape", "expected"),
    [
        ("lenet5", (3, 32, 32), True),
        ("lenet5", (1, 28, 28), True),
        ("lenet5", (3, 48, 48), True),
        ("cnn8", (1, 8, 8), True),
        ("mlp-16-8", (10,), True),
        ("mlp-16", (3, 8, 8), True),
        ("linear", (10,), True),
        ("resnet8", (3, 16, 16), True),
        ("resnet20", (1, 16, 16), True),
        ("bert-tiny", (8, 100), False),
    ],
)
def test_which_architectures_are_stackable(architecture: str, shape: tuple[int, ...], expected: bool) -> None:
    assert is_stackable(architecture, shape, 3) is expected


def test_a_forward_pass_that_mixes_channels_is_found_out() -> None:
    """All its layers are known; only the numbers show it."""

    class Softmaxed(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = super().forward(x)
            return out - out.mean(dim=1, keepdim=True)

    @register_model("mixes")
    def mixes(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        return Softmaxed(nn.Linear(input_shape[0], n_classes))

    try:
        assert not is_stackable("mixes", (5,), 3)
    finally:
        del models._items["mixes"]


@pytest.mark.parametrize("norm", [weight_norm, spectral_norm, orthogonal])
def test_a_layer_whose_weights_are_computed_is_not_stacked(norm: Callable[[nn.Module], nn.Module]) -> None:
    @register_model("computes")
    def computes(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        return nn.Sequential(norm(nn.Linear(input_shape[0], 4)), nn.Linear(4, n_classes))

    try:
        assert not is_stackable("computes", (5,), 3)
    finally:
        del models._items["computes"]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Dropout(0.5),
        nn.LayerNorm(4),
        nn.BatchNorm2d(4, momentum=None),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
    ],
)
def test_other_layers_are_refused(layer: nn.Module) -> None:
    with pytest.raises(NotStackable):
        stack([nn.Sequential(layer), nn.Sequential(layer)])


def test_shared_weights_are_refused() -> None:
    layer = nn.Linear(3, 3)
    with pytest.raises(NotStackable, match="share"):
        stack([nn.Sequential(layer, layer)] * 2)


def test_the_question_leaves_the_random_state_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    is_stackable("linear", (4,), 2)
    assert torch.equal(torch.get_rng_state(), before)
