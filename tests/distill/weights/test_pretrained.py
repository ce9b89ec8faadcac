"""Checkpoints as training scripts write them: read to the last bit, or refused in one line."""

import argparse
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job, TrainConfig
from kdtune.distill.training import Training, initial_model
from kdtune.distill.weights.module import module_of
from kdtune.distill.weights.pretrained import load_weights
from kdtune.distill.weights.source import Weights
from kdtune.errors import InputError
from kdtune.models import build


def model(seed: int, architecture: str = "resnet8", n_classes: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    shape = (3, 32, 32) if architecture != "linear" else (4,)
    return build(architecture, input_shape=shape, n_classes=n_classes)


def saved(path: Path, state: object) -> Weights:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)  # type: ignore[arg-type]
    else:
        torch.save(state, path)
    return Weights.of(path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_weights_come_back(tmp_path: Path, name: str) -> None:
    source, target = model(1), model(2)
    load_weights(target, saved(tmp_path / name, source.state_dict()), "resnet8")
    for key, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[key], value)


def without_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}


WRITTEN: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "the state itself": lambda state: state,
    "of DataParallel": lambda state: {f"module.{k}": v for k, v in without_counters(state).items()},
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "model_state_dict beside an optimiser": lambda state: {
        "model_state_dict": state,
        "optimizer_state_dict": {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": []},
    },
    "model": lambda state: {"model": {f"module.{k}": v for k, v in state.items()}, "epoch": 3},
    "net with its accuracy": lambda state: {"net": state, "acc": 91.2, "epoch": 7},
    "state_dict_ema alone": lambda state: {"state_dict_ema": state, "arch": "resnet8"},
    "ema": lambda state: {"ema": state},
    "teacher": lambda state: {"teacher": state},
    "one in another": lambda state: {"checkpoint": {"model": {"state_dict": state}}},
    "the weights beside their average": lambda state: {
        "state_dict_ema": {k: v + 1 for k, v in state.items()},
        "state_dict": state,
    },
    "compiled, and in parallel": lambda state: {f"module._orig_mod.{k}": v for k, v in state.items()},
    "compiled in a part": lambda state: {f"net._orig_mod.{k}": v for k, v in state.items()},
    "of Lightning": lambda state: {"state_dict": {f"model.net.{k}": v for k, v in state.items()}},
    "as a backbone": lambda state: {f"backbone.{k}": v for k, v in state.items()},
    "after a profiler": lambda state: {
        **{f"module.{k}": v for k, v in state.items()},
        "total_ops": torch.zeros(1, dtype=torch.float64),
        "module.total_params": torch.zeros(1, dtype=torch.float64),
        "module.stage1.0.conv1.total_ops": torch.full((1,), torch.nan, dtype=torch.float64),
    },
    "under another key, beside an optimiser": lambda state: {
        "my_weights": state,
        "sgd": {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": []},
    },
    "averaged": lambda state: {**{f"module.{k}": v for k, v in state.items()}, "n_averaged": torch.tensor(5)},
    "with numpy numbers and arguments": lambda state: {
        "state_dict": state,
        "best": np.float64(0.9),
        "epoch": np.int64(3),
        "args": argparse.Namespace(lr=0.1, arch="resnet8"),
    },
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_training_scripts_write_is_understood(tmp_path: Path, name: str) -> None:
    source, target = model(1), model(2)
    load_weights(target, saved(tmp_path / "w.pth.tar", WRITTEN[name](source.state_dict())), "resnet8")
    for key, value in without_counters(source.state_dict()).items():
        assert torch.equal(target.state_dict()[key], value), key


def test_a_file_of_before_torch_wrote_zip_files(tmp_path: Path) -> None:
    source, target = model(1), model(2)
    torch.save({"state_dict": source.state_dict()}, tmp_path / "w.th", _use_new_zipfile_serialization=False)
    load_weights(target, Weights.of(tmp_path / "w.th"), "resnet8")
    assert torch.equal(target.fc.weight, source.fc.weight)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_other_precisions_become_float32(tmp_path: Path, dtype: torch.dtype, name: str) -> None:
    source, target = model(1), model(2)
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in source.state_dict().items()}
    load_weights(target, saved(tmp_path / name, state), "resnet8")
    for key, value in target.state_dict().items():
        assert value.dtype == source.state_dict()[key].dtype
        assert torch.equal(value, state[key].to(value.dtype))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path: Path, value: float) -> None:
    state = model(1).state_dict()
    state["stage2.0.bn1.running_var"][3] = value
    with pytest.raises(
        InputError, match=r"1 of 32 values of 'stage2\.0\.bn1\.running_var' are NaN or infinite"
    ):
        load_weights(model(2), saved(tmp_path / "w.pt", {"net": state}), "resnet8")


def test_a_quantised_model_is_refused(tmp_path: Path) -> None:
    state = model(1).state_dict()
    state["conv.weight"] = (state["conv.weight"] * 100).to(torch.int8)
    with pytest.raises(InputError, match=r"conv\.weight holds torch\.int8"):
        load_weights(model(2), saved(tmp_path / "w.safetensors", state), "resnet8")


def test_two_models_under_the_same_names_are_refused(tmp_path: Path) -> None:
    state = model(1).state_dict()
    both = {**state, **{f"module.{key}": value + 1 for key, value in state.items()}}
    with pytest.raises(InputError, match=r"it holds conv\.weight 2 times, under several prefixes"):
        load_weights(model(2), saved(tmp_path / "w.pt", both), "resnet8")


def test_a_teacher_and_a_student_of_one_architecture_in_a_file_are_refused(tmp_path: Path) -> None:
    states = {"teacher": model(1).state_dict(), "student": model(2).state_dict()}
    with pytest.raises(InputError, match="holds a teacher and a student of the same shapes"):
        load_weights(model(3), saved(tmp_path / "w.pt", states), "resnet8")
    states["student"] = model(2, "resnet20").state_dict()
    load_weights(target := model(3), saved(tmp_path / "w.pt", states), "resnet8")
    assert torch.equal(target.state_dict()["conv.weight"], states["teacher"]["conv.weight"])


@pytest.mark.parametrize("write", [torch.save, safetensors.torch.save_file])
@pytest.mark.parametrize("name", ["w.pt", "w.safetensors", "pytorch_model.bin", "w"])
def test_a_file_is_told_by_its_content(tmp_path: Path, name: str, write: Callable[..., None]) -> None:
    state = model(1).state_dict()
    write(state, tmp_path / name)
    load_weights(target := model(2), Weights.of(tmp_path / name), "resnet8")
    assert torch.equal(target.state_dict()["conv.weight"], state["conv.weight"])


def test_a_pickled_model_is_never_opened(tmp_path: Path) -> None:
    torch.save({"model": model(1)}, tmp_path / "w.pt")
    with pytest.raises(InputError) as caught:
        load_weights(model(2), Weights.of(tmp_path / "w.pt"), "resnet8")
    said = str(caught.value)
    assert (
        "it holds a pickled kdtune.models._cifar_resnet.CifarResNet, and reading that could run code" in said
    )
    assert "torch.save(model.state_dict(), FILE)" in said
    assert "\n" not in said


def images_of(n_classes: int) -> DeviceData:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(40, 3, 32, 32), dtype=np.uint8)
    labels = np.arange(40) % n_classes
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
    arrays = Arrays(images, labels, images, labels, {}, {}, n_classes, mean, std, 0, False)
    return DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=False)


@torch.inference_mode()
def test_classes_in_another_order_are_put_right(tmp_path: Path) -> None:
    data, source = images_of(3), model(1)
    file = saved(tmp_path / "w.pt", source.state_dict())
    order = (2, 0, 1)
    job = Job("resnet8", TrainConfig(epochs=1), seed=0, weights=Weights.of(file.path, order=order))
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job
    loaded = initial_model(job, data).eval()
    inputs = data.validation.plain(slice(0, 40))
    assert torch.equal(loaded(inputs), source.eval()(inputs)[:, order])


@torch.inference_mode()
def test_inputs_of_another_normalisation_are_put_right(tmp_path: Path) -> None:
    data, source = images_of(3), model(1).eval()
    raw = torch.from_numpy(data.arrays.validation_inputs) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    file = saved(tmp_path / "w.pt", source.state_dict())
    inputs = data.validation.plain(slice(0, 40))
    for own_mean, own_std in (((0.0,) * 3, (1.0,) * 3), (tuple(mean.tolist()), tuple(std.tolist()))):
        weights = Weights.of(file.path, mean=own_mean, std=own_std)
        job = Job("resnet8", TrainConfig(epochs=1), seed=0, weights=weights)
        loaded = initial_model(job, data).eval()
        own = (raw - torch.tensor(own_mean).view(3, 1, 1)) / torch.tensor(own_std).view(3, 1, 1)
        assert float((loaded(inputs) - source(own)).abs().max()) < 1e-5
        again = module_of(job, input_shape=(3, 32, 32), n_classes=3).eval()
        again.load_state_dict(loaded.state_dict())  # as a run keeps it, and an export reads it
        assert torch.equal(again(inputs), loaded(inputs))


def test_a_training_begins_from_a_file(tmp_path: Path) -> None:
    data, source = images_of(3), model(1)
    file = saved(tmp_path / "w.pt", source.state_dict())
    job = Job("resnet8", TrainConfig(epochs=1, lr=1e-3), seed=0, initial=file)
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job
    assert job.key("f") != Job("resnet8", TrainConfig(epochs=1, lr=1e-3), seed=0).key("f")
    training = Training(job, data)
    assert torch.equal(training.model.state_dict()["fc.weight"], source.state_dict()["fc.weight"])
    training.run()
    assert not torch.equal(training.model.state_dict()["fc.weight"], source.state_dict()["fc.weight"])
    assert np.isfinite(training.reports[0].train_loss)


def test_an_order_needs_one_last_layer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    twice = build("mlp-3", input_shape=(4,), n_classes=3)
    file = saved(tmp_path / "w.pt", twice.state_dict())
    with pytest.raises(InputError, match="2 layers have 3 outputs"):
        load_weights(twice, Weights.of(file.path, order=(2, 1, 0)), "mlp-3")


def test_torchvisions_old_names_of_densenets(tmp_path: Path) -> None:
    source, target = model(1, "densenet121"), model(2, "densenet121")
    old = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.") if "denselayer" in key else key: value
        for key, value in source.state_dict().items()
    }
    assert old.keys() != source.state_dict().keys()
    load_weights(target, saved(tmp_path / "w.pt", old), "densenet121")
    assert torch.equal(next(target.parameters()), next(source.parameters()))


def test_one_line_says_what_does_not_fit(tmp_path: Path) -> None:
    weights = saved(tmp_path / "w.pt", {**model(1, n_classes=5).state_dict(), "head": torch.ones(2)})
    with pytest.raises(InputError) as caught:
        load_weights(model(2), weights, "resnet8")
    message = str(caught.value)
    assert "do not fit 'resnet8': 1 in the file do not belong to it (head)" in message
    assert "2 of another shape (fc.weight: [5, 64] in the file, [3, 64] in the model)" in message
    assert "\n" not in message
    with pytest.raises(InputError, match=r"of its tensors are not in the file \(conv\.weight\)"):
        load_weights(model(2), saved(tmp_path / "l.pt", model(1, "linear").state_dict()), "resnet8")


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pt: weights cannot be read: No such file"):
        Weights.of(tmp_path / "none.pt")

    def refused(path: Path, message: str) -> None:
        with pytest.raises(InputError, match=message):
            load_weights(model(2), Weights.of(path), "resnet8")

    for name in ("w.pt", "w.safetensors"):
        saved(tmp_path / name, model(1).state_dict())
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:500])
        refused(tmp_path / name, "not readable as weights")
    (tmp_path / "p.pt").write_bytes(pickle.dumps(print))
    refused(tmp_path / "p.pt", "not readable as weights")
    saved(tmp_path / "n.pt", {"epoch": 3})
    refused(tmp_path / "n.pt", "holds no named tensors")


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    weights = saved(tmp_path / "w.pt", model(1).state_dict())
    saved(tmp_path / "w.pt", model(3).state_dict())
    with pytest.raises(InputError, match="changed since the run began"):
        load_weights(model(2), weights, "resnet8")


def test_a_job_with_weights_is_evaluated_and_not_trained(tmp_path: Path) -> None:
    source = model(1, "linear", 2)
    weights = saved(tmp_path / "w.safetensors", source.state_dict())
    inputs = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
    labels = np.arange(30) % 2
    arrays = Arrays(inputs, labels, inputs, labels, {}, {}, 2, None, None, 0, False)
    data = DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=False)
    job = Job("linear", TrainConfig(epochs=1), seed=0, weights=weights)
    assert Job.from_dict(job.to_dict()) == job
    assert job.key("f") != Job("linear", TrainConfig(epochs=1), seed=0).key("f")
    training = Training(job, data)
    trained = training.run()
    assert training.done
    predicted = source(torch.from_numpy(inputs)).argmax(dim=1).numpy()
    assert training.reports[0].counts["all"].accuracy == pytest.approx((predicted == labels).mean())
    assert np.isnan(training.reports[0].train_loss)
    for key, value in trained.state_dict().items():
        assert torch.equal(value, source.state_dict()[key])
