import pickle
import shutil
import tarfile
from typing import Never

import numpy as np
import pytest
import torch
from PIL import Image

from kdtune.data import load
from kdtune.errors import DataError
from tests.data.published.python_2 import as_python_2

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
def test_pixels_labels_and_splits(tmp_path, name) -> None:
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


def test_channels_are_planes(tmp_path) -> None:
    folder = write(tmp_path, "cifar10")
    raw = np.frombuffer((folder / "test_batch.bin").read_bytes(), dtype=np.uint8).reshape(30, 3073)
    image = load("cifar10", path=str(folder)).open_test().inputs[7]
    assert image[1, 2, 3] == raw[7, 1 + 1024 + 2 * 32 + 3]


def test_fewer_images(tmp_path) -> None:
    data = load("cifar10", path=str(write(tmp_path, "cifar10")), n_train=40, n_validation=20)
    assert (len(data.train), len(data.validation)) == (40, 20)
    with pytest.raises(DataError, match="'n_train' asks for 95"):
        load("cifar10", path=str(tmp_path / "data"), n_train=95)
    with pytest.raises(DataError, match="'n_validation' asks for 100 of 100"):
        load("cifar10", path=str(tmp_path / "data"), n_validation=100)


def test_truncated_missing_and_foreign_files(tmp_path) -> None:
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


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("version", ["binary", "python"])
def test_a_test_file_that_is_missing_is_found_at_the_start(tmp_path, name, version) -> None:
    folder = write(tmp_path, name) if version == "binary" else write_python(tmp_path, name, pickle.dumps)
    [file] = folder.glob("test*")
    file.unlink()
    with pytest.raises(DataError, match=rf"{file.name}: missing: put "):
        load(name, path=str(folder), validation=0.25)


PYTHON = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
ARCHIVES = {"cifar10": "cifar-10-python.tar.gz", "cifar100": "cifar-100-python.tar.gz"}


def batch(binary, name):
    """What the Python version has in the place of a binary file."""
    n_labels = 1 if name == "cifar10" else 2
    records = np.frombuffer(binary, dtype=np.uint8).reshape(-1, n_labels + 3072)
    labels = records[:, n_labels - 1].tolist()
    content = {"data": records[:, n_labels:].copy(), "filenames": [f"{k}.png" for k in range(len(labels))]}
    return content | (
        {"labels": labels, "batch_label": "a batch"}
        if name == "cifar10"
        else {"fine_labels": labels, "coarse_labels": records[:, 0].tolist(), "batch_label": "a batch"}
    )


def write_python(tmp_path, name, dump=pickle.dumps):
    """Write the Python version with the content of the binary one, which is written beside it first."""
    binary = write(tmp_path / "binary", name)
    folder = tmp_path / "python" / PYTHON[name]
    folder.mkdir(parents=True)
    for file in binary.glob("*.bin"):
        (folder / file.stem).write_bytes(dump(batch(file.read_bytes(), name)))
    key, meta = ("label_names", "batches.meta") if name == "cifar10" else ("fine_label_names", "meta")
    names = next(binary.glob("*.txt")).read_text().split()
    (folder / meta).write_bytes(dump({key: names, "num_vis": 3072}))
    (folder / "readme.html").write_text("x")
    return folder


def archived(folder):
    path = folder.parent / ARCHIVES[next(name for name in PYTHON if PYTHON[name] == folder.name)]
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, arcname=folder.name)
    shutil.rmtree(folder)
    return path


def everything(data):
    splits = (data.train, data.validation, data.open_test())
    return data.classes, data.fingerprint, [(s.inputs.numpy().tobytes(), s.labels.tolist()) for s in splits]


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_the_python_version_is_what_the_binary_one_is(tmp_path, name, protocol) -> None:
    folder = write_python(tmp_path, name, lambda content: pickle.dumps(content, protocol))
    expected = everything(load(name, path=tmp_path / "binary" / "data", validation=0.25))
    for path in (folder, folder.parent):
        assert everything(load(name, path=path, validation=0.25)) == expected


@pytest.mark.parametrize("name", FOLDERS)
def test_the_python_version_as_python_2_wrote_it(tmp_path, name) -> None:
    folder = write_python(tmp_path, name, as_python_2)
    assert b"numpy.core.multiarray" in next(folder.glob("*test*")).read_bytes()
    expected = everything(load(name, path=tmp_path / "binary" / "data", validation=0.25))
    assert everything(load(name, path=folder, validation=0.25)) == expected


@pytest.mark.parametrize("name", FOLDERS)
def test_archives_are_read_as_they_are(tmp_path, name) -> None:
    archive = archived(write_python(tmp_path, name))
    expected = everything(load(name, path=tmp_path / "binary" / "data", validation=0.25))
    renamed = tmp_path / "download (1).tgz"
    shutil.copy(archive, renamed)
    for path in (archive, archive.parent, renamed):
        assert everything(load(name, path=path, validation=0.25)) == expected


def test_a_binary_archive(tmp_path) -> None:
    folder = write(tmp_path, "cifar10")
    expected = everything(load("cifar10", path=folder))
    with tarfile.open(folder.parent / "cifar-10-binary.tar.gz", "w:gz") as archive:
        archive.add(folder, arcname=f"./{folder.name}")
    shutil.rmtree(folder)
    assert everything(load("cifar10", path=folder.parent)) == expected


def test_archives_that_are_damaged_or_others(tmp_path) -> None:
    archive = archived(write_python(tmp_path, "cifar10"))
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cannot be read as a tar archive .* cut short or damaged"):
        load("cifar10", path=archive.parent)
    archive.write_bytes(whole)
    with pytest.raises(DataError, match="holds none of cifar-100-binary, cifar-100-python"):
        load("cifar100", path=archive)
    with tarfile.open(archive, "w:gz") as file:
        member = tarfile.TarInfo("cifar-10-batches-py/batches.meta")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(member)
    with pytest.raises(DataError, match=r"cifar-10-batches-py/batches\.meta: is not in the archive"):
        load("cifar10", path=archive.parent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": None}, "holds no pixels, uint8, under 'data'"),
        ({"data": np.zeros((20, 3072))}, "holds no pixels, uint8"),
        ({"data": np.zeros((20, 3000), dtype=np.uint8)}, "images have 3000 values, not 3072"),
        ({"labels": [1] * 19}, "holds no label for each of 20 images under 'labels'"),
        ({"labels": [1.0] * 20}, "holds no label for each"),
        ({"labels": [[1]] * 20}, "holds no label for each"),
        ({"labels": [2**70] * 20}, "holds no label for each"),
        ({"labels": [11] * 20}, "record 1 has label 11, but there are 10 classes"),
        ({"labels": [-1] * 20}, "record 1 has label -1"),
        ({"labels": np.full(20, 3.5)}, "holds no label for each"),
    ],
)
def test_batches_that_are_not_as_published(tmp_path, change, message) -> None:
    folder = write_python(tmp_path, "cifar10")
    path = folder / "data_batch_2"
    path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes()) | change))
    with pytest.raises(DataError, match=rf"data_batch_2: .*{message}"):
        load("cifar10", path=folder)


def test_labels_may_be_an_array(tmp_path) -> None:
    folder = write_python(tmp_path, "cifar10")
    expected = everything(load("cifar10", path=folder))
    for path in (item for item in folder.iterdir() if "batch_" in item.name):
        content = pickle.loads(path.read_bytes())
        path.write_bytes(pickle.dumps(content | {"labels": np.array(content["labels"], dtype=">i2")}))
    assert everything(load("cifar10", path=folder)) == expected


def test_a_pickle_that_would_run_something_is_refused(tmp_path) -> None:
    folder = write_python(tmp_path, "cifar10")
    (folder / "data_batch_1").write_bytes(f"cos\nsystem\n(S'touch {tmp_path}/ran'\ntR.".encode())
    with pytest.raises(
        DataError, match=r"data_batch_1: is no pickle as CIFAR's are: it asks for 'os\.system'"
    ):
        load("cifar10", path=folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn"])
def test_an_image_folder_names_the_loader_for_it(tmp_path, name) -> None:
    picture = tmp_path / "train" / "airplane" / "0.png"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(picture)
    with pytest.raises(DataError, match="for an image folder set `name: folder`"):
        load(name, path=tmp_path)
    with pytest.raises(DataError, match="for an image folder set `name: folder`"):
        load(name, path=tmp_path / "train")


def test_at_most_so_many_of_each_class(tmp_path) -> None:
    path = write(tmp_path, "cifar10")
    data = load("cifar10", path=path, limit_per_class=6, validation=0.5)
    counts = [torch.bincount(split.labels).tolist() for split in (data.train, data.validation)]
    assert counts == [[3] * 10, [3] * 10]
    assert len(load("cifar10", path=path, limit_per_class=1000).train) == 90


def test_a_download_that_fails_says_what_to_put_where(tmp_path, monkeypatch) -> None:
    from torchvision.datasets import utils

    def refuse(url, root, **options) -> Never:
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
def test_a_training_on_it(tmp_path, train_once, name, pair) -> None:
    train_once(load(name, path=str(write(tmp_path, name)), validation=0.25), *pair)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ready"), [("cifar10", "cifar10-paper"), ("cifar100", "cifar100")])
def test_a_study_of_it(tmp_path, study_once, name, ready) -> None:
    study_once(ready, "resnet56->resnet20", write(tmp_path, name).parent, validation=0.25)
