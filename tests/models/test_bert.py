import pytest
import torch

from kdtune import models


@pytest.mark.parametrize(("name", "layers", "width"), [("bert-tiny", 2, 128), ("bert-mini", 4, 256)])
def test_parameters_are_those_of_the_sizes(name: str, layers: int, width: int) -> None:
    length, vocabulary, C = 12, 50, 3
    model = models.build(name, input_shape=(length, vocabulary), n_classes=C)
    block = 4 * width**2 + 4 * width + 8 * width**2 + 5 * width + 4 * width
    expected = (vocabulary + length + 2) * width + layers * block + width**2 + width + width * C + C
    assert models.parameter_count(model) == expected


def test_padding_does_not_matter() -> None:
    torch.manual_seed(0)
    model = models.build("bert-tiny", input_shape=(10, 30), n_classes=2).eval()
    tokens = torch.tensor([[1, 5, 7, 9, 0, 0, 0, 0, 0, 0]])
    torch.testing.assert_close(model(tokens), model(tokens[:, :4]), atol=1e-6, rtol=1e-5)
    other = tokens.clone()
    other[0, 2] = 8
    assert not torch.allclose(model(tokens), model(other), atol=1e-6)


def test_order_matters_and_nothing_but_padding_is_finite() -> None:
    torch.manual_seed(0)
    model = models.build("bert-tiny", input_shape=(4, 30), n_classes=2).eval()
    assert not torch.allclose(
        model(torch.tensor([[1, 5, 7, 9]])), model(torch.tensor([[1, 9, 7, 5]])), atol=1e-6
    )
    assert torch.isfinite(model(torch.zeros(2, 4, dtype=torch.int64))).all()


def test_layers_start_apart_and_the_penultimate_features_have_the_width() -> None:
    model = models.build("bert-tiny", input_shape=(4, 30), n_classes=2)
    first, second = (layer.self_attn.in_proj_weight for layer in model.encoder.layers)
    assert not torch.equal(first, second)
    assert models.penultimate(model, torch.ones(3, 4, dtype=torch.int64)).shape == (3, 128)


@pytest.mark.filterwarnings("ignore")  # of transformers' own imports
@pytest.mark.parametrize("name", ["bert-base", "distilbert"])
def test_transformers_models(name: str) -> None:
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = models.build(name, input_shape=(8, 40), n_classes=2).eval()
    tokens = torch.tensor([[1, 5, 7, 9, 0, 0, 0, 0]])
    with torch.inference_mode():
        torch.testing.assert_close(model(tokens), model(tokens[:, :4]), atol=1e-4, rtol=1e-4)
    millions = models.parameter_count(model) / 1e6
    # 110 M and 66 M as published, less the 30,522 rows of 768 of their vocabulary
    assert millions == pytest.approx({"bert-base": 109.5, "distilbert": 67.0}[name] - 30.482 * 0.768, abs=0.3)
