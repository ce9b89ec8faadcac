import pytest
import torch
from torch import nn
from torch.nn import functional

from kdtune.models import build, parameter_count


def closed_form(channels: int, n_classes: int) -> int:
    convolutions = (25 * channels * 6 + 6) + (25 * 6 * 16 + 16)
    return convolutions + (400 * 120 + 120) + (120 * 84 + 84) + (84 * n_classes + n_classes)


@pytest.mark.parametrize(
    "shape", [(3, 32, 32), (1, 28, 28), (1, 8, 8), (3, 64, 64), (3, 33, 100), (1, 31, 70), (1, 1, 1)]
)
def test_any_image_has_the_same_parameters(shape: tuple[int, int, int]) -> None:
    model = build("lenet5", input_shape=shape, n_classes=10)
    assert model(torch.rand(2, *shape)).shape == (2, 10)
    assert parameter_count(model) == closed_form(shape[0], 10)


def test_the_known_counts() -> None:
    assert closed_form(1, 10) == 61_706
    assert closed_form(3, 10) == 62_006


def test_is_the_plain_network_at_32() -> None:
    torch.manual_seed(0)
    model = build("lenet5", input_shape=(3, 32, 32), n_classes=10)
    conv1, conv2, fc1, fc2, fc3 = (m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    plain = nn.Sequential(
        conv1, nn.ReLU(), nn.MaxPool2d(2), conv2, nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), fc1, nn.ReLU(), fc2, nn.ReLU(), fc3,
    )  # fmt: skip
    x = torch.rand(4, 3, 32, 32)
    assert torch.equal(model(x), plain(x))
    gradients = []
    for each in (model, plain):
        each.zero_grad()
        functional.cross_entropy(each(x), torch.arange(4)).backward()
        gradients.append([weights.grad.clone() for weights in each.parameters() if weights.grad is not None])
    assert len(gradients[0]) == 10
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_smaller_images_stand_in_the_middle_of_the_field() -> None:
    model = build("lenet5", input_shape=(1, 28, 27), n_classes=10)
    x = torch.rand(4, 1, 28, 27)
    assert torch.equal(model(x), model(functional.pad(x, (2, 3, 2, 2))))
