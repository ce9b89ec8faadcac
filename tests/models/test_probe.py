import pytest
import torch
from torch import Tensor, nn

from kdtune.errors import InputError
from kdtune.models import build, multiplications, parameter_count, penultimate


@pytest.mark.parametrize(
    ("name", "width"),
    [("resnet8", 64), ("lenet5", 84), ("cnn8", 64), ("resnet18", 512), ("mlp-9-5", 5), ("linear", 64)],
)
def test_logits_are_linear_in_the_penultimate_features(name: str, width: int) -> None:
    torch.manual_seed(0)
    model = build(name, input_shape=(1, 8, 8), n_classes=3).eval()
    x = torch.rand(4, 1, 8, 8)
    features = penultimate(model, x)
    last = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    assert features.shape == (4, width)
    torch.testing.assert_close(last(features), model(x))


class Backwards(nn.Module):
    """Its last layer is the first one in the module."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(3, 2)
        self.hidden = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.hidden(x))
        return out


def test_last_is_what_runs_last() -> None:
    model, x = Backwards(), torch.rand(4, 5)
    assert torch.equal(penultimate(model, x), model.hidden(x))


def test_leaves_no_hook_behind_even_after_an_error() -> None:
    model = Backwards()
    penultimate(model, torch.rand(4, 5))
    with pytest.raises(RuntimeError):
        penultimate(model, torch.rand(4, 6))
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_a_model_without_a_linear_layer_is_refused() -> None:
    with pytest.raises(InputError, match="Flatten has no Linear layer"):
        penultimate(nn.Flatten(), torch.rand(2, 3))


def test_buffers_are_no_parameters_and_shared_ones_count_once() -> None:
    layer = nn.Linear(4, 4)
    assert parameter_count(nn.Sequential(layer, nn.BatchNorm1d(4), layer)) == 20 + 8


def test_multiplications_of_lenet_are_those_of_its_layers() -> None:
    model = build("lenet5", input_shape=(3, 32, 32), n_classes=4).eval()
    convolutions = 28 * 28 * 6 * (3 * 5 * 5) + 10 * 10 * 16 * (6 * 5 * 5)
    linear = 400 * 120 + 120 * 84 + 84 * 4
    assert multiplications(model, torch.zeros(1, 3, 32, 32)) == convolutions + linear
    assert multiplications(model, torch.zeros(2, 3, 32, 32)) == 2 * (convolutions + linear), "no hook stays"


def test_multiplications_of_a_grouped_convolution_are_those_of_its_groups() -> None:
    layer = nn.Conv2d(8, 12, 3, padding=1, groups=4)
    assert multiplications(layer, torch.zeros(1, 8, 5, 6)) == 5 * 6 * 12 * (2 * 3 * 3)
