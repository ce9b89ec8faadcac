import numpy as np
import pytest
import torch
from scipy.io import savemat

from kdtune.data import load
from kdtune.errors import DataError


def write(folder):
    """Published form: X [32, 32, 3, n], y [n, 1] from 1 to 10; an image's value tells its digit."""
    for split, n in (("train", 60), ("test", 20)):
        y = np.arange(n, dtype=np.uint8)[:, None] % 10 + 1
        x = np.broadcast_to(y[:, 0] % 10, (32, 32, 3, n)).copy()
        x[3, 5, 1] = 77
        savemat(folder / f"{split}_32x32.mat", {"X": x, "y": y})
    return folder


@pytest.fixture
def root(tmp_path):
    return write(tmp_path)


def test_pixels_labels_and_splits(root) -> None:
    data = load("svhn", path=str(root), validation=0.25)
    assert (len(data.train), len(data.validation), len(data.open_test())) == (45, 15, 20)
    assert data.classes == tuple("0123456789")
    assert not data.augmentation.flip
    for split in (data.train, data.validation, data.open_test()):
        assert torch.equal(split.inputs[:, 0, 0, 0].long(), split.labels)
        assert (split.inputs[:, 1, 3, 5] == 77).all()


def test_fewer_images(root) -> None:
    data = load("svhn", path=str(root), limit_per_class=4, validation=0.25, n_train=20)
    assert torch.bincount(data.train.labels).tolist() == [2] * 10
    assert torch.bincount(data.validation.labels).tolist() == [1] * 10


def test_what_is_wrong_with_a_file(root) -> None:
    path = root / "train_32x32.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"train_32x32\.mat: cut short or damaged"):
        load("svhn", path=str(root))
    x = np.zeros((32, 32, 3, 4), dtype=np.uint8)
    savemat(path, {"X": x, "y": np.ones((3, 1))})
    with pytest.raises(DataError, match="4 images, but 3 labels"):
        load("svhn", path=str(root))
    savemat(path, {"X": x, "y": np.array([[1], [2], [12], [1]])})
    with pytest.raises(DataError, match="image 3 has label 12"):
        load("svhn", path=str(root))
    savemat(path, {"X": x, "y": np.array([[1], [2.5], [np.nan], [1]])})
    with pytest.raises(DataError, match=r"image 2 has label 2\.5"):
        load("svhn", path=str(root))
    savemat(path, {"digits": x})
    with pytest.raises(DataError, match="holds no X"):
        load("svhn", path=str(root))
    path.unlink()
    with pytest.raises(DataError, match=r"train_32x32\.mat: missing: put .*download: true"):
        load("svhn", path=str(root))


def test_a_test_file_that_is_missing_is_found_at_the_start(root) -> None:
    (root / "test_32x32.mat").unlink()
    with pytest.raises(DataError, match=r"test_32x32\.mat: missing: put "):
        load("svhn", path=str(root))


def test_a_training_on_it(root, train_once) -> None:
    train_once(load("svhn", path=str(root), validation=0.25), "resnet8", "lenet5")


@pytest.mark.slow
def test_a_study_of_it(root, study_once) -> None:
    study_once("svhn", "resnet56->resnet20", root, validation=0.25)
