from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from kdtune import models
from kdtune.errors import InputError, UnknownNameError
from kdtune.models import _registry

IMAGE_MODELS = ["cnn8", "lenet5", "resnet8", "resnet18"]


@pytest.fixture
def _clean_registry() -> Iterator[None]:
    items, inputs = dict(models.models._items), dict(_registry.inputs_of)
    yield
    models.models._items.clear()
    models.models._items.update(items)
    _registry.inputs_of.clear()
    _registry.inputs_of.update(inputs)


def test_names_are_readable_and_complete() -> None:
    names = models.names()
    for name in ("linear", "lenet5", "cnn8", "resnet18", "resnet34", "resnet50", "mlp-<width>[-<width>...]"):
        assert name in names
    depths = (8, 14, 20, 26, 32, 38, 44, 56, 110)
    assert {f"resnet{depth}" for depth in depths} <= set(names)
    assert names == sorted(names[:-1]) + names[-1:]


def test_unknown_name_offers_the_nearest_and_lists_the_known() -> None:
    for ask in (
        lambda: models.check("renset20", input_shape=(3, 32, 32)),
        lambda: models.build("renset20", input_shape=(3, 32, 32), n_classes=10),
    ):
        with pytest.raises(
            UnknownNameError, match=r"unknown model 'renset20'; did you mean 'resnet20'"
        ) as caught:
            ask()
        assert "lenet5" in str(caught.value)
        assert "mlp-<width>[-<width>...]" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["mlp", "mlp-", "mlp-0", "mlp-64-", "mlp-64-x", "mlp--64", "mlp-1.5", "mlp-064"]
)
def test_misspelt_widths_are_unknown_names(name: str) -> None:
    with pytest.raises(UnknownNameError):
        models.check(name, input_shape=(8,))


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_image_models_refuse_tables_and_say_what_fits(name: str) -> None:
    with pytest.raises(
        InputError, match=rf"'{name}' takes images.*table of 12 features.*linear.*mlp-<width>"
    ):
        models.check(name, input_shape=(12,))
    with pytest.raises(InputError, match="takes images"):
        models.build(name, input_shape=(12,), n_classes=2)


@pytest.mark.parametrize("name", ["linear", "mlp-16", "mlp-16-8"])
@pytest.mark.parametrize("shape", [(12,), (3, 5, 4)])
def test_mlps_take_tables_and_images(name: str, shape: tuple[int, ...]) -> None:
    models.check(name, input_shape=shape)
    model = models.build(name, input_shape=shape, n_classes=3)
    assert model(torch.zeros(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize("shape", [(), (1, 3, 32, 32), (0,), (3, 0, 8), (3, 0)])
def test_refuses_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="input shape"):
        models.check("linear", input_shape=shape)


@pytest.mark.parametrize("name", ["linear", "mlp-8", "lenet5"])
def test_other_models_refuse_text_and_say_what_fits(name: str) -> None:
    with pytest.raises(InputError, match=r"the data are text of 16 tokens.*bert-mini.*bert-tiny"):
        models.check(name, input_shape=(16, 100))


@pytest.mark.parametrize("shape", [(12,), (3, 32, 32)])
def test_text_models_refuse_all_else(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"'bert-tiny' takes text.*linear"):
        models.check("bert-tiny", input_shape=shape)


def test_refuses_a_single_class() -> None:
    with pytest.raises(InputError, match="at least two classes, not 1"):
        models.build("linear", input_shape=(4,), n_classes=1)


@pytest.mark.parametrize("name", ["linear", "mlp-7", *IMAGE_MODELS])
def test_same_seed_same_weights(name: str) -> None:
    weights = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        model = models.build(name, input_shape=(1, 8, 8), n_classes=3)
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.usefixtures("_clean_registry")
def test_register_model_round_trip() -> None:
    @models.register_model("tiny")
    def tiny(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], n_classes))

    assert "tiny" in models.names()
    models.check("tiny", input_shape=(4,))
    assert models.build("tiny", input_shape=(4,), n_classes=3)(torch.zeros(2, 4)).shape == (2, 3)
    assert models.models.get("tiny") is tiny
    with pytest.raises(InputError, match="'tiny' is registered twice"):
        models.register_model("tiny")(tiny)


@pytest.mark.usefixtures("_clean_registry")
def test_a_registered_model_may_refuse_tables() -> None:
    @models.register_model("pixels", inputs="images")
    def pixels(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        return nn.Linear(input_shape[0], n_classes)

    models.check("pixels", input_shape=(1, 8, 8))
    with pytest.raises(InputError, match="'pixels' takes images"):
        models.check("pixels", input_shape=(8,))


def test_a_taken_name_stays_what_it_was() -> None:
    before = models.models.get("linear")
    with pytest.raises(InputError, match="registered twice"):
        models.register_model("linear", inputs="images")(lambda shape, n: nn.Identity())
    assert models.models.get("linear") is before
    models.check("linear", input_shape=(4,))


@pytest.mark.parametrize("name", [*models.models, "mlp-16-8"])
def test_shapes_are_known_before_memory_is_taken(name: str) -> None:
    """Each model of ours can be built without memory, so that weights from elsewhere can be compared first."""
    shape = next(s for s in ((3, 32, 32), (7,), (12, 50)) if fits(name, s))
    module = models.build(name, input_shape=shape, n_classes=3)
    with torch.device("meta"):
        sketch = models.build(name, input_shape=shape, n_classes=3)
    weights = module.state_dict()
    kept = {key: tensor.shape for key, tensor in weights.items()}
    assert {key: tensor.shape for key, tensor in sketch.state_dict().items()} == kept
    again = models.build_fitting(lambda: models.build(name, input_shape=shape, n_classes=3), weights)
    for key, tensor in again.state_dict().items():
        assert torch.equal(tensor, weights[key])


def fits(name: str, shape: tuple[int, ...]) -> bool:
    try:
        models.check(name, input_shape=shape)
    except InputError:
        return False
    return True


def test_a_module_that_needs_memory_is_built_at_once() -> None:
    class Counting(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, int(torch.tensor(3).item()))

    class Orthogonal(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)
            self.layer.weight.data = torch.from_numpy(np.linalg.qr(self.layer.weight.detach().numpy())[0])

    for build in (Counting, Orthogonal):
        state = build().state_dict()
        assert torch.equal(models.build_fitting(build, state).layer.weight, state["layer.weight"])
