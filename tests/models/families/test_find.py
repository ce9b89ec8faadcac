"""Models of other libraries by name: built for the data, refused with what is near, the same in another process."""

import json
import pickle
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from kdtune import models
from kdtune.errors import InputError, UnknownNameError
from kdtune.models.families import find
from kdtune.models.families.library_model import LibraryModel


@pytest.fixture(autouse=True)
def _found() -> Iterator[None]:
    before = dict(find._found)
    yield
    find._found.clear()
    find._found.update(before)


IMAGES = [
    ("torchvision:shufflenet_v2_x0_5", (1, 32, 32)),
    ("torchvision:squeezenet1_1", (4, 32, 48)),
    ("torchvision:vit_b_32", (3, 64, 64)),
    ("torchvision:regnet_x_400mf", (3, 32, 32)),  # it reads back what it initialises its weights with
    ("timm:mobilenetv3_small_050", (1, 24, 32)),
    ("timm:vit_tiny_patch16_224", (2, 48, 48)),
    ("timm:resnet10t.c3_in1k", (3, 32, 32)),
]


@pytest.mark.parametrize(("name", "shape"), IMAGES)
def test_image_models_are_built_for_channels_size_and_classes(name: str, shape: tuple[int, ...]) -> None:
    models.check(name, input_shape=shape)
    module = models.build(name, input_shape=shape, n_classes=5).eval()
    assert module(torch.zeros(2, *shape)).shape == (2, 5)
    with pytest.raises(InputError, match="takes images, and the data are text"):
        models.check(name, input_shape=(8, 100))


@pytest.mark.parametrize(("name", "padding"), [("hf:distilbert", 0), ("hf:roberta", 1)])
def test_text_models_are_built_for_length_vocabulary_and_classes(name: str, padding: int) -> None:
    library = find.library_model(name)
    small = {
        "hidden_size": 16,
        "dim": 16,
        "hidden_dim": 32,
        "intermediate_size": 32,
        "num_attention_heads": 2,
    }
    config = {**library.config, **small, "n_heads": 2, "n_layers": 1, "num_hidden_layers": 1}
    find.adopt({name: {**library.to_dict(), "config": config}})
    module = models.build(name, input_shape=(600, 50), n_classes=3).eval()  # longer than usual
    tokens = torch.randint(2, 50, (2, 600))
    assert module(tokens).shape == (2, 3)
    tokens[:, 7:] = 0
    short = models.build(name, input_shape=(600, 50), n_classes=3).eval()
    short.load_state_dict(module.state_dict())
    assert torch.allclose(module(tokens), short(tokens[:, :9]), atol=1e-5), "padding is not read"
    assert getattr(module, "pad", None) == padding
    with pytest.raises(InputError, match="takes text, and the data are images"):
        models.check(name, input_shape=(3, 32, 32))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("timm:mobilnetv3_small", "timm has no model 'mobilnetv3_small'; did you mean 'mobilenetv3_small_"),
        ("timm:resnet18.nobodys", r"no weights 'nobodys' of 'resnet18' \(it has: resnet18\.\w+"),
        ("torchvision:resnet5", r"did you mean 'resnet50'.*'kdtune models torchvision' lists all \d\d"),
        ("hf:./nowhere", r"nowhere is no folder with a config.json"),
        ("tim:resnet18", "unknown family of models 'tim'; did you mean 'timm'"),
    ],
)
def test_an_unknown_name_offers_the_nearest_of_its_library(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        models.check(name)
    assert len(str(caught.value)) < 500, "a thousand names are no message"


def test_an_unknown_name_of_ours_offers_the_families_too() -> None:
    with pytest.raises(UnknownNameError, match="timm:<name>"):
        models.check("renset20")


def test_a_name_of_the_hub_offline_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        InputError, match=r"'hf:distilbert-base-cased': it is neither a folder.*cache \("
    ) as caught:
        models.check("hf:distilbert-base-cased")
    assert "distilbert" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("timm:resnet18", "timm", "timm"), ("hf:bert", "transformers", "hf")]
)
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"needs the package {package}: pip install 'kdtune\[{extra}\]'"):
        models.check(name)


def test_a_size_that_a_network_can_t_read_is_refused_before_it_is_trained() -> None:
    with pytest.raises(InputError, match=r"can't read images of 40x32 pixels .*set `image_size`"):
        models.check("torchvision:inception_v3", input_shape=(3, 32, 40))
    models.check("torchvision:inception_v3", input_shape=(3, 32, 40), any_size=True)


def test_what_was_found_is_plain_json_and_builds_the_same_elsewhere() -> None:
    found = find.library_model("timm:resnet10t")
    again = LibraryModel.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found == pickle.loads(pickle.dumps(found))
    torch.manual_seed(0)
    first = found((3, 32, 32), 4)
    torch.manual_seed(0)
    assert all(map(torch.equal, again((3, 32, 32), 4).state_dict().values(), first.state_dict().values()))


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        {"family": "timm"},
        {"family": "os", "name": "system", "config": {}, "version": "", "source": ""},
        {"family": "hf", "name": "x", "config": {"model_type": "nothing"}, "version": "", "source": ""},
        {
            "family": "hf",
            "name": "x",
            "config": {"model_type": "bert", "hidden_size": "x"},
            "version": "",
            "source": "",
        },
        {"family": "timm", "name": "../../x", "config": {}, "version": "", "source": ""},
    ],
)
def test_a_damaged_record_is_refused(record: object) -> None:
    with pytest.raises(InputError):
        LibraryModel.from_dict(record)((16, 100), 2)


def test_a_registered_name_with_a_colon_stays_its_owner_s() -> None:
    name = "timm:mine"
    models.register_model(name)(lambda shape, n: nn.Linear(shape[0], n))
    try:
        models.check(name, input_shape=(4,))
        assert isinstance(models.build(name, input_shape=(4,), n_classes=2), nn.Linear)
    finally:
        models.models._items.pop(name)
