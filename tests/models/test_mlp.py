import pytest
import torch
from torch import nn

from kdtune import models
from kdtune.errors import InputError
from kdtune.models import build, parameter_count
from kdtune.models._mlp import parse


@pytest.mark.parametrize(
    ("name", "widths"),
    [("mlp-64", [64]), ("mlp-128-64", [128, 64]), ("mlp-1-2-3", [1, 2, 3]), ("linear", None), ("mlp", None)],
)
def test_parse(name: str, widths: list[int] | None) -> None:
    assert parse(name) == widths


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        ("linear", (7,), 7 * 3 + 3),
        ("mlp-64", (7,), 7 * 64 + 64 + 64 * 3 + 3),
        ("mlp-5-4", (2, 3, 4), 24 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3),
    ],
)
def test_parameter_count(name: str, shape: tuple[int, ...], count: int) -> None:
    assert parameter_count(build(name, input_shape=shape, n_classes=3)) == count


def test_layers_are_those_of_the_name() -> None:
    torch.manual_seed(0)
    model = build("mlp-5-4", input_shape=(3,), n_classes=2)
    first, second, last = (m for m in model.modules() if isinstance(m, nn.Linear))
    x = torch.randn(6, 3)
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    hidden = (hidden @ second.weight.T + second.bias).clamp(min=0)
    torch.testing.assert_close(model(x), hidden @ last.weight.T + last.bias)


def test_a_model_that_does_not_fit_into_memory_is_refused_before_it_is_built() -> None:
    models.check("mlp-999999", input_shape=(3,))
    with pytest.raises(
        InputError, match=r"'mlp-999999-999999': its 1,000,004,999,996 weights take 4,000.0 GB"
    ):
        models.check("mlp-999999-999999", input_shape=(3,))
    with pytest.raises(InputError, match="choose a smaller model, or smaller data"):
        models.check("bert-tiny", input_shape=(16, 10**12))
