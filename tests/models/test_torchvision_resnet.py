import subprocess
import sys

import pytest
import torch
from torch import nn

from kdtune.models import build, parameter_count

# torchvision's own documentation, for 1000 classes and the stem of the original.
PUBLISHED = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032}


@pytest.mark.parametrize("name", PUBLISHED)
def test_is_torchvisions_from_64_pixels_on(name: str) -> None:
    model = build(name, input_shape=(3, 64, 64), n_classes=1000)
    assert parameter_count(model) == PUBLISHED[name]
    assert isinstance(model.maxpool, nn.MaxPool2d)


@pytest.mark.parametrize(("name", "features"), [("resnet18", 512), ("resnet34", 512), ("resnet50", 2048)])
@pytest.mark.parametrize("shape", [(3, 63, 64), (1, 32, 32), (1, 64, 64)])
def test_stem_is_sized_to_the_data(name: str, features: int, shape: tuple[int, int, int]) -> None:
    model = build(name, input_shape=shape, n_classes=10)
    small = min(shape[1:]) < 64
    taps = 9 if small else 49
    expected = PUBLISHED[name] - 49 * 3 * 64 + taps * shape[0] * 64 - 990 * (features + 1)
    assert parameter_count(model) == expected
    assert isinstance(model.maxpool, nn.Identity) == small


@pytest.mark.parametrize(("size", "left"), [(32, 4), (64, 2)])
def test_what_is_left_of_the_image(size: int, left: int) -> None:
    model = build("resnet18", input_shape=(1, size, size), n_classes=3).eval()
    shapes: list[tuple[int, ...]] = []
    assert isinstance(model.layer4, nn.Module)
    model.layer4.register_forward_hook(lambda module, args, out: shapes.append(tuple(out.shape)))
    with torch.no_grad():
        assert model(torch.rand(2, 1, size, size)).shape == (2, 3)
    assert shapes == [(2, 512, left, left)]


def test_new_stem_starts_as_torchvisions() -> None:
    torch.manual_seed(0)
    stem = build("resnet18", input_shape=(3, 32, 32), n_classes=3).conv1
    assert isinstance(stem, nn.Conv2d)
    assert stem.weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.05)


def test_torchvision_is_not_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, kdtune.models as m; m.check('resnet18', input_shape=(3, 32, 32)); "
        "m.build('resnet8', input_shape=(3, 32, 32), n_classes=2); "
        "sys.exit(any(name in sys.modules for name in ('torchvision', 'ray', 'optuna')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
