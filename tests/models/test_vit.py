import pytest
import torch

from kdtune import models
from kdtune.errors import InputError


def test_vit_b_16_as_published_at_224() -> None:
    model = models.build("vit_b_16", input_shape=(3, 224, 224), n_classes=1000)
    assert models.parameter_count(model) == 86_567_656


def test_vit_b_16_at_other_sizes() -> None:
    model = models.build("vit_b_16", input_shape=(3, 32, 32), n_classes=4).eval()
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 4)


@pytest.mark.parametrize("name", ["vit_b_16", "tinyvit"])
@pytest.mark.parametrize("shape", [(3, 40, 40), (1, 64, 64), (3, 32, 64)])
def test_sizes_that_do_not_fit_are_refused_with_one_that_does(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"multiple of (16|32).*`image_size`"):
        models.build(name, input_shape=shape, n_classes=4)


@pytest.mark.filterwarnings("ignore")  # of timm's own imports
def test_tinyvit() -> None:
    pytest.importorskip("timm")
    model = models.build("tinyvit", input_shape=(3, 64, 64), n_classes=4).eval()
    assert 5.0 < models.parameter_count(model) / 1e6 < 5.5  # 5.4 M with 1000 classes
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 4)
