import numpy as np
import pytest
import torch

from kdtune.data import load
from kdtune.errors import DataError

FOLDERS = {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}
C = {"cifar10": 10, "cifar100": 100}


def records(n, n_classes, seed, coarse):
    """Bytes as published: [coarse label,] label, 1024 red, 1024 green, 1024 blue; the first red byte is the label."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % n_classes).astype(np.uint8)
    pixels = rng.integers(0, 256, (n, 3072), dtype=np.uint8)
    pixels[:, 0] = labels
    columns = [labels[:, None] // 5] if coarse else []
    return np.concatenate([*columns, labels[:, None], pixels], axis=1).tobytes()


def write(tmp_path, name):
    folder = tmp_path / "data" / FOLDERS[name]
    folder.mkdir(parents=True)
    names = "".join(f"class{k}\n" for k in range(C[name]))
    if name == "cifar10":
        for number in range(1, 6):
            (folder / f"data_batch_{number}.bin").write_bytes(records(20, 10, number, False))
        (folder / "test_batch.bin").write_bytes(records(30, 10, 9, False))
        (folder / "batches.meta.txt").write_text(names + "\n")
    else:
        (folder / "train.bin").write_bytes(records(400, 100, 1, True))
        (folder / "test.bin").write_bytes(records(200, 100, 2, True))
        (folder / "fine_label_names.txt").write_text(names)
    return folder


@pytest.mark.parametrize("name", FOLDERS)
def test_pixels_labels_and_splits(tmp_path, name):
    folder = write(tmp_path, name)
    data = load(name, path=str(folder.parent), validation=0.25)
    assert data.classes[:2] == ("class0", "class1")
    assert data.n_classes == C[name]
    total = 100 if name == "cifar10" else 400
    assert (len(data.train), len(data.validation)) == (0.75 * total, 0.25 * total)
    for split in (data.train, data.validation, data.open_test()):
        assert split.inputs.shape[1:] == (3, 32, 32)
        assert torch.equal(split.inputs[:, 0, 0, 0].long(), split.labels)
    assert len(data.open_test()) == (30 if name == "cifar10" else 200)
    assert data.fingerprint == load(name, path=str(folder), validation=0.25).fingerprint


def test_channels_are_planes(tmp_path):
    folder = write(tmp_path, "cifar10")
    raw = np.frombuffer((folder / "test_batch.bin").read_bytes(), dtype=np.uint8).reshape(30, 3073)
    image = load("cifar10", path=str(folder)).open_test().inputs[7]
    assert image[1, 2, 3] == raw[7, 1 + 1024 + 2 * 32 + 3]


def test_fewer_images(tmp_path):
    data = load("cifar10", path=str(write(tmp_path, "cifar10")), n_train=40, n_validation=20)
    assert (len(data.train), len(data.validation)) == (40, 20)
    with pytest.raises(DataError, match="'n_train' asks for 95"):
        load("cifar10", path=str(tmp_path / "data"), n_train=95)
    with pytest.raises(DataError, match="'n_validation' asks for 100 of 100"):
        load("cifar10", path=str(tmp_path / "data"), n_validation=100)


def test_truncated_missing_and_foreign_files(tmp_path):
    folder = write(tmp_path, "cifar10")
    batch = folder / "data_batch_3.bin"
    whole = batch.read_bytes()
    batch.write_bytes(whole[:-7])
    with pytest.raises(DataError, match=r"data_batch_3\.bin: 61453 bytes are no whole number .* cut short"):
        load("cifar10", path=str(folder))
    batch.write_bytes(whole[:3073] + bytes([11]) + whole[3074:])
    with pytest.raises(DataError, match=r"data_batch_3\.bin: record 2 has label 11"):
        load("cifar10", path=str(folder))
    batch.unlink()
    with pytest.raises(DataError, match=r"data_batch_3\.bin: missing: put .*binary.*download: true"):
        load("cifar10", path=str(folder))
    (folder / "batches.meta.txt").write_text("only\ntwo\n")
    with pytest.raises(DataError, match=r"batches\.meta\.txt: holds 2 class names, not 10"):
        load("cifar10", path=str(folder))


def test_the_pickled_version_is_not_opened(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(DataError, match="cifar-10-batches-py is the Python version, whose pickles"):
        load("cifar10", path=str(tmp_path))


def test_a_download_that_fails_says_what_to_put_where(tmp_path, monkeypatch):
    from torchvision.datasets import utils

    def refuse(url, root, **options):
        assert (url, root) == ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", str(tmp_path))
        raise OSError("no network")

    monkeypatch.setattr(utils, "download_and_extract_archive", refuse)
    with pytest.raises(
        DataError, match=r"cannot download .*\(no network\): fetch it elsewhere and put its content"
    ):
        load("cifar10", path=str(tmp_path), download=True)


@pytest.mark.parametrize(
    ("name", "pair"), [("cifar10", ("resnet8", "lenet5")), ("cifar100", ("lenet5", "linear"))]
)
def test_a_training_on_it(tmp_path, train_once, name, pair):
    train_once(load(name, path=str(write(tmp_path, name)), validation=0.25), *pair)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ready"), [("cifar10", "cifar10-paper"), ("cifar100", "cifar100")])
def test_a_study_of_it(tmp_path, study_once, name, ready):
    study_once(ready, "resnet56->resnet20", write(tmp_path, name).parent, validation=0.25)
