import pytest
import torch
from torch import nn
from torch.nn import functional

from kdtune.models import build, parameter_count


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 7, 9), (1, 1, 1)])
def test_takes_any_image(shape: tuple[int, int, int]) -> None:
    model = build("cnn8", input_shape=shape, n_classes=10)
    assert model(torch.rand(2, *shape)).shape == (2, 10)
    convolutions = (9 * shape[0] * 16 + 16) + (9 * 16 * 32 + 32)
    assert parameter_count(model) == convolutions + (512 * 64 + 64) + (64 * 10 + 10)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (2, 9, 7)])
def test_is_the_plain_network(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    model = build("cnn8", input_shape=shape, n_classes=10)
    plain = nn.Sequential(
        nn.Conv2d(shape[0], 16, 3, padding=1), nn.MaxPool2d(2, ceil_mode=True), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    plain.load_state_dict(model.state_dict())  # the names, too
    x = torch.rand(4, *shape)
    torch.testing.assert_close(model(x), plain(x))
    gradients = []
    for each in (model, plain):
        functional.cross_entropy(each(x), torch.arange(4)).backward()
        gradients.append([weights.grad for weights in each.parameters()])
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs)
