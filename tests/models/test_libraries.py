"""Which other libraries the models of a name are made of."""

from collections.abc import Sequence

import pytest
from torch import nn

from kdtune.models import libraries_of, models, register_model


@pytest.mark.parametrize(
    ("names", "shape", "libraries"),
    [
        (["lenet5", "resnet8", "mlp-16"], (3, 32, 32), set()),
        (["bert-tiny"], (8, 100), set()),
        (["bert-mini", "distilbert"], (8, 100), {"transformers"}),
        (["resnet18"], (3, 64, 64), {"torchvision.models"}),
        (["densenet121", "lenet5"], (3, 64, 64), {"torchvision.models"}),
        (["torchvision:resnet18", "timm:resnet18"], (3, 64, 64), {"torchvision.models", "timm"}),
        (["tinyvit"], (3, 224, 224), {"timm"}),
        (["lenet5"], (7,), set()),  # it can't be built
    ],
)
def test_libraries(names: Sequence[str], shape: Sequence[int], libraries: set[str]) -> None:
    assert libraries_of(names, shape) == libraries


def test_a_user_s_own_model_is_not_built_for_that() -> None:
    @register_model("own")
    def build(shape: Sequence[int], n_classes: int) -> nn.Module:
        raise AssertionError("it may do anything")

    try:
        assert libraries_of(["own"], (3, 32, 32)) == set()
    finally:
        del models._items["own"]
