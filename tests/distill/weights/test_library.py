"""Published weights of a library, from its own cache: put into a model of the data's classes, normalised as theirs."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from kdtune.distill.arrays import DeviceData
from kdtune.distill.config import Job, TrainConfig
from kdtune.distill.training import initial_model
from kdtune.distill.weights import library as room
from kdtune.distill.weights.library import library_weights
from kdtune.distill.weights.module import Renormalised
from kdtune.errors import InputError
from kdtune.models.families import find
from tests.distill.conftest import make_arrays
from tests.malicious import Malicious


@pytest.fixture(autouse=True)
def _caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    room._kept.cache_clear()
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "ours"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def of_torchvision(folder: Path) -> dict[str, torch.Tensor]:
    """Put made-up weights where torchvision keeps what it has downloaded."""
    from torchvision.models import get_model, get_model_weights

    torch.manual_seed(1)
    state = get_model("squeezenet1_1").state_dict()
    file = get_model_weights("squeezenet1_1").DEFAULT.url.rpartition("/")[2]
    (folder / "torch/hub/checkpoints").mkdir(parents=True)
    torch.save(state, folder / "torch/hub/checkpoints" / file)
    return dict(state)


def of_timm(folder: Path) -> dict[str, torch.Tensor]:
    """Put made-up weights where the hub's cache has those of timm."""
    import timm

    torch.manual_seed(1)
    model = timm.create_model("mobilenetv3_small_050")
    snapshot = folder / "hub" / f"models--{model.pretrained_cfg['hf_hub_id'].replace('/', '--')}"
    (snapshot / "snapshots/1").mkdir(parents=True)
    (snapshot / "refs").mkdir()
    (snapshot / "refs/main").write_text("1")
    save_file(model.state_dict(), snapshot / "snapshots/1/model.safetensors")
    return dict(model.state_dict())


def bert(folder: Path, **settings: Any) -> dict[str, torch.Tensor]:
    """Save a small BERT as its users would."""
    import transformers

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(1)
    config = transformers.BertConfig(vocab_size=60, max_position_embeddings=40, **{**sizes, **settings})
    model = transformers.BertForSequenceClassification(config)
    model.save_pretrained(folder / "my-bert")
    return {f"model.{name}": tensor for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "make", "first", "head", "size"),
    [
        (
            "torchvision:squeezenet1_1",
            of_torchvision,
            "features.0",
            ("classifier.1.weight", "classifier.1.bias"),
            224,
        ),
        ("timm:mobilenetv3_small_050", of_timm, "conv_stem", ("classifier.weight", "classifier.bias"), 224),
    ],
)
def test_images_are_brought_to_the_model_s_own_size_and_normalisation(
    name: str, make: Any, first: str, head: tuple[str, ...], size: int, tmp_path: Path
) -> None:
    theirs = make(tmp_path)
    arrays = make_arrays()
    channels = arrays.input_shape[0]
    weights, _ = library_weights(name, arrays.input_shape, arrays.n_classes, new_classifier=True)
    assert weights.shape == (channels, size, size)
    assert set(weights.lacks or ()) == set(head)
    data = DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=False)
    models = [
        initial_model(Job(name, TrainConfig(epochs=1), seed=seed, initial=weights), data).eval()
        for seed in (0, 1)
    ]
    model = models[0]
    assert isinstance(model, Renormalised)
    ours = model.model.state_dict()
    for key, tensor in theirs.items():
        if key == f"{first}.weight" and channels == 1:
            assert torch.allclose(ours[key], tensor.sum(dim=1, keepdim=True))
        elif key not in head:
            assert torch.equal(ours[key], tensor), key
    assert not torch.equal(ours[head[0]], models[1].model.state_dict()[head[0]]), (
        "a new classifier has its own seed"
    )

    raw = torch.from_numpy(arrays.validation_inputs[:3]).float() / 255
    at_size = torch.nn.functional.interpolate(raw, (size, size), mode="bilinear", align_corners=False)
    mean, std = (torch.tensor(values).reshape(1, -1, 1, 1) for values in (weights.mean, weights.std))
    with torch.inference_mode():
        by_hand = model.model((at_size - mean) / std)
        assert torch.allclose(model(data.validation.plain(torch.arange(3))), by_hand, atol=1e-4)


def test_without_them_it_says_where_the_library_looks() -> None:
    for name, said in (
        ("torchvision:squeezenet1_1", r"squeezenet1_1-\w+.pth into \$TORCH_HOME"),
        (
            "timm:mobilenetv3_small_050",
            r"timm/mobilenetv3_small_050.lamb_in1k of the Hugging Face hub.*HF_HOME",
        ),
        ("timm:test_efficientnet_x", "did you mean"),
    ):
        with pytest.raises(InputError, match=said):
            library_weights(name, (3, 32, 32), 4, new_classifier=True)
    with pytest.raises(InputError, match="'resnet20' is kdtune's own or yours"):
        library_weights("resnet20", (3, 32, 32), 4, new_classifier=True)


def test_a_pickle_among_them_runs_nothing(tmp_path: Path) -> None:
    of_torchvision(tmp_path)
    [file] = (tmp_path / "torch/hub/checkpoints").iterdir()
    mark = tmp_path / "mark"
    torch.save({"x": Malicious(mark)}, file)
    with pytest.raises(InputError, match="can't be had"):
        library_weights("torchvision:squeezenet1_1", (3, 32, 32), 4, new_classifier=True)
    assert not mark.exists()


def test_a_classifier_of_other_classes_is_not_taken_as_it_is(tmp_path: Path) -> None:
    of_torchvision(tmp_path)
    with pytest.raises(InputError, match=r"of 1,000 classes, and the data have 4: leave `finetune` out"):
        library_weights("torchvision:squeezenet1_1", (3, 32, 32), 4, new_classifier=False)


def test_a_folder_of_transformers_is_taken_with_or_without_its_classifier(tmp_path: Path) -> None:
    theirs = bert(
        tmp_path, num_labels=3, id2label={0: "b", 1: "a", 2: "c"}, label2id={"b": 0, "a": 1, "c": 2}
    )
    name = f"hf:{tmp_path}/my-bert"
    weights, classes = library_weights(name, (12, 50), 3, new_classifier=False)
    assert classes == ("b", "a", "c")
    assert weights.lacks is None
    assert weights.shape == (12, 60)
    data = _texts()
    model = initial_model(Job(name, TrainConfig(epochs=1), seed=0, weights=weights), data)
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in model.state_dict().items())

    weights, classes = library_weights(name, (12, 50), 5, new_classifier=True)
    assert classes is None
    assert set(weights.lacks or ()) == {"model.classifier.weight", "model.classifier.bias"}
    with pytest.raises(InputError, match="of 3 classes, and the data have 5"):
        library_weights(name, (12, 50), 5, new_classifier=False)
    with pytest.raises(InputError, match=r"knows 60 token ids, and the data have 61"):
        library_weights(name, (12, 61), 5, new_classifier=True)
    with pytest.raises(InputError, match=r"reads 40 tokens, and the data have 41: set dataset.length"):
        library_weights(name, (41, 60), 5, new_classifier=True)


def _texts() -> DeviceData:
    arrays = make_arrays()
    tokens = torch.randint(0, 50, (len(arrays.train_labels), 12)).numpy()
    content = {
        **vars(arrays),
        "train_inputs": tokens,
        "validation_inputs": tokens[: len(arrays.validation_labels)],
    }
    content |= {"mean": None, "std": None, "crop": 0, "flip": False, "vocabulary": 50}
    return DeviceData(type(arrays)(**content), torch.device("cpu"), view_seed=0, augment=False)


def test_code_in_a_folder_is_not_run(tmp_path: Path) -> None:
    bert(tmp_path)
    folder, mark = tmp_path / "my-bert", tmp_path / "mark"
    config = json.loads((folder / "config.json").read_text())
    (folder / "evil.py").write_text(f"import pathlib; pathlib.Path({str(mark)!r}).touch()")
    auto = {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"}
    for change in ({"auto_map": auto}, {"auto_map": auto, "model_type": "evil"}):
        (folder / "config.json").write_text(json.dumps({**config, **change}))
        find._found.clear()
        room._kept.cache_clear()
        with contextlib.suppress(InputError):
            library_weights(f"hf:{folder}", (12, 50), 2, new_classifier=True)
        assert not mark.exists()
