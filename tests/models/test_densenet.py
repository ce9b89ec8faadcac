import pytest
import torch

from kdtune import models


@pytest.mark.parametrize(("name", "millions"), [("densenet121", 7.98), ("densenet169", 14.15)])
def test_parameters_as_published_for_imagenet(name: str, millions: float) -> None:
    model = models.build(name, input_shape=(3, 224, 224), n_classes=1000)
    assert models.parameter_count(model) / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize(("shape", "last"), [((3, 32, 32), 4), ((1, 64, 64), 2), ((3, 64, 64), 2)])
def test_small_images_keep_their_size_at_the_stem(shape: tuple[int, ...], last: int) -> None:
    model = models.build("densenet121", input_shape=shape, n_classes=5).eval()
    with torch.inference_mode():
        assert model.features(torch.zeros(1, *shape)).shape == (1, 1024, last, last)
        assert model(torch.zeros(2, *shape)).shape == (2, 5)
