import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job, TrainConfig
from kdtune.distill.pretrained import load_weights
from kdtune.distill.training import Training
from kdtune.distill.weights import Weights
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


@pytest.mark.parametrize("under", [None, "state_dict", "model"])
def test_wrappings_are_understood(tmp_path: Path, under: str | None) -> None:
    source, target = model(1), model(2)
    state = {
        f"module.{k}": v for k, v in source.state_dict().items() if not k.endswith("num_batches_tracked")
    }
    content = state if under is None else {under: state, "epoch": 3}
    load_weights(target, saved(tmp_path / "w.pt", content), "resnet8")
    assert torch.equal(target.fc.weight, source.fc.weight)


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
