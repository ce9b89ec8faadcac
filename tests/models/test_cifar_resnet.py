import pytest
import torch
from torch import nn

from kdtune.models import build, parameter_count
from kdtune.models._cifar_resnet import DEPTHS, _Block


def closed_form(depth: int, channels: int, n_classes: int) -> int:
    """Return 3x3 weights and two parameters a batch-norm channel, summed over He et al.'s table."""
    n = (depth - 2) // 6
    total = 9 * channels * 16 + 2 * 16
    for channels_in, width in ((16, 16), (16, 32), (32, 64)):
        total += 9 * channels_in * width + (2 * n - 1) * 9 * width**2 + 2 * n * 2 * width
    return total + 64 * n_classes + n_classes


@pytest.mark.parametrize("depth", DEPTHS)
def test_parameter_count(depth: int) -> None:
    model = build(f"resnet{depth}", input_shape=(3, 32, 32), n_classes=10)
    assert parameter_count(model) == closed_form(depth, 3, 10)


def test_the_published_sizes() -> None:
    # He et al. (2015), table 6, in millions.
    published = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7}
    for depth, millions in published.items():
        count = closed_form(depth, 3, 10) / 1e6
        assert round(count, 1 if depth == 110 else 2) == millions


@pytest.mark.parametrize("depth", DEPTHS)
def test_depth_counts_layers_with_weights(depth: int) -> None:
    model = build(f"resnet{depth}", input_shape=(3, 32, 32), n_classes=10)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules()) == depth


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 8), (3, 33, 47), (1, 1, 1), (2, 64, 64)])
def test_takes_any_image(shape: tuple[int, int, int]) -> None:
    model = build("resnet8", input_shape=shape, n_classes=7).eval()
    assert model(torch.rand(2, *shape)).shape == (2, 7)
    assert parameter_count(model) == closed_form(8, shape[0], 7)


def test_stages_halve_the_image() -> None:
    model = build("resnet8", input_shape=(3, 32, 32), n_classes=2)
    sizes: list[tuple[int, ...]] = []
    for stage in (model.stage1, model.stage2, model.stage3):
        assert isinstance(stage, nn.Module)
        stage.register_forward_hook(lambda module, args, out: sizes.append(tuple(out.shape[1:])))
    model(torch.rand(2, 3, 32, 32))
    assert sizes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


def test_shortcut_is_option_a() -> None:
    block = _Block(2, 4, stride=2).eval()
    nn.init.zeros_(block.conv2.weight)  # leaves the shortcut alone
    x = torch.rand(3, 2, 5, 6)
    out = block(x)
    assert torch.equal(out[:, :2], x[:, :, ::2, ::2])
    assert torch.equal(out[:, 2:], torch.zeros(3, 2, 3, 3))


def test_starts_from_he_normal() -> None:
    torch.manual_seed(0)
    model = build("resnet56", input_shape=(3, 32, 32), n_classes=10)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.in_channels == 64]
    weights = torch.cat([m.weight.detach().flatten() for m in convolutions])
    assert weights.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.01)
    assert weights.mean().item() == pytest.approx(0, abs=1e-3)
    assert isinstance(model.fc, nn.Linear)
    assert not model.fc.bias.any()


def test_channels_last_gives_the_same_logits() -> None:
    torch.manual_seed(0)
    model = build("resnet8", input_shape=(3, 16, 16), n_classes=4).eval()
    x = torch.rand(2, 3, 16, 16)
    expected = model(x)
    other = model.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(other, expected)
