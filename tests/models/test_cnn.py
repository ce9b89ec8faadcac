import pytest
import torch

from kdtune.models import build, parameter_count


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 7, 9), (1, 1, 1)])
def test_takes_any_image(shape: tuple[int, int, int]) -> None:
    model = build("cnn8", input_shape=shape, n_classes=10)
    assert model(torch.rand(2, *shape)).shape == (2, 10)
    convolutions = (9 * shape[0] * 16 + 16) + (9 * 16 * 32 + 32)
    assert parameter_count(model) == convolutions + (512 * 64 + 64) + (64 * 10 + 10)
