import numpy as np
import pytest
import torch
from PIL import Image

from kdtune.data import load
from kdtune.errors import DataError

WNIDS = ("n01440764", "n02102040", "n03000684")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))


def picture(path, value, size) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, dtype=np.uint8)).save(path, format="JPEG", quality=100)


def write(root):
    """Published form, with images of several sizes; an image's value tells its class."""
    for c, wnid in enumerate(WNIDS):
        for i in range(12):
            picture(root / f"train/{wnid}/{wnid}_{i}.JPEG", 60 * c + 20, (40 + i, 50))
        for i in range(4):
            picture(root / f"val/{wnid}/ILSVRC2012_val_{c}{i}.JPEG", 60 * c + 20, (64, 40))
    return root


@pytest.fixture
def imagenet(tmp_path):
    return write(tmp_path / "imagenet")


def write_tiny(root):
    lines = []
    for c, wnid in enumerate(WNIDS):
        for i in range(12):
            picture(root / f"train/{wnid}/images/{wnid}_{i}.JPEG", 60 * c + 20, (64, 64))
        (root / f"train/{wnid}/{wnid}_boxes.txt").write_text("")
    for i in range(9):
        picture(root / f"val/images/val_{i}.JPEG", 60 * (i % 3) + 20, (64, 64))
        lines.append(f"val_{i}.JPEG\t{WNIDS[i % 3]}\t0\t0\t62\t62\n")
    (root / "val/val_annotations.txt").write_text("".join(lines))
    return root


@pytest.fixture
def tiny(tmp_path):
    return write_tiny(tmp_path / "tiny-imagenet-200")


def values(split):
    return split.inputs[:, 0, 5, 5].tolist()


@pytest.mark.parametrize("stream", [True, False])
def test_imagenet(imagenet, stream) -> None:
    data = load("imagenet", path=str(imagenet), image_size=32, validation=0.25, stream=stream)
    assert data.classes == WNIDS
    assert (len(data.train), len(data.validation), data.input_shape) == (27, 9, (3, 32, 32))
    assert (data.train.file is not None) == stream
    assert data.normalisation.mean == (0.485, 0.456, 0.406)
    test = data.open_test()
    assert len(test) == 12
    for split in (data.train, data.validation, test):
        assert values(split) == [60 * label + 20 for label in split.labels.tolist()]


def test_streamed_or_not_the_splits_are_the_same_and_the_fingerprint_depends_on_content(imagenet) -> None:
    options = {"path": str(imagenet), "image_size": 32, "validation": 0.25}
    first, again = (load("imagenet", **options) for _ in range(2))
    assert first.fingerprint == again.fingerprint
    assert first.train.inputs.equal(load("imagenet", **options, stream=False).train.inputs)
    for i in range(12):
        picture(imagenet / f"train/{WNIDS[0]}/{WNIDS[0]}_{i}.JPEG", 200, (40, 50))
    assert load("imagenet", **options).fingerprint != first.fingerprint


def test_imagenet_limit_and_errors(imagenet) -> None:
    options = {"path": str(imagenet), "image_size": 32, "validation": 0.25}
    assert len(load("imagenet", **options, limit_per_class=4).train) == 9
    damaged = imagenet / f"train/{WNIDS[1]}/{WNIDS[1]}_3.JPEG"
    damaged.write_bytes(damaged.read_bytes()[:300])
    with pytest.raises(DataError, match=r"_3\.JPEG: does not decode"):
        load("imagenet", **options)
    (imagenet / "val" / WNIDS[2]).rename(imagenet / "val" / "n09999999")
    with pytest.raises(DataError, match="2 class folders are not in both train and val"):
        load("imagenet", **options)
    (imagenet / "val").rename(imagenet / "test")
    with pytest.raises(DataError, match=r"val: missing: put ImageNet-1k"):
        load("imagenet", **options)


def test_tinyimagenet(tiny) -> None:
    data = load("tinyimagenet", path=str(tiny.parent), validation=0.25)
    assert (len(data.train), len(data.validation), data.input_shape) == (27, 9, (3, 64, 64))
    test = data.open_test()
    assert test.labels.tolist() == [0, 1, 2] * 3
    for split in (data.train, data.validation, test):
        assert values(split) == [60 * label + 20 for label in split.labels.tolist()]


WORDS = (
    "n00000001\tentity\n"
    "n03000684\tcrane, derrick\nn01440764\ttench, Tinca tinca\n\nn02102040\tcrane, wading bird\n"
)


def test_classes_carry_their_words(tiny, imagenet) -> None:
    """In the order of the wnids; where two have the same word, with the wnid; without a list, the wnids."""
    named = ("tench", "crane (n02102040)", "crane (n03000684)")
    before = load("tinyimagenet", path=str(tiny), validation=0.25)
    (tiny / "words.txt").write_text(WORDS)
    after = load("tinyimagenet", path=str(tiny), validation=0.25)
    assert (before.classes, after.classes) == (WNIDS, named)
    assert torch.equal(before.train.labels, after.train.labels)
    assert torch.equal(before.open_test().labels, after.open_test().labels)
    (imagenet / "LOC_synset_mapping.txt").write_text(WORDS.replace("\t", " "))
    assert load("imagenet", path=str(imagenet), image_size=32, validation=0.25).classes == named
    (tiny / "words.txt").write_text(WORDS.replace("n01440764", "n09"))
    assert load("tinyimagenet", path=str(tiny), validation=0.25).classes[0] == "n01440764"
    (tiny / "words.txt").write_bytes(b"n01440764\t\xff\xfe")
    with pytest.raises(DataError, match=r"words\.txt: not readable"):
        load("tinyimagenet", path=str(tiny), validation=0.25)


def test_sizes_are_called_as_in_other_loaders(imagenet) -> None:
    options = {"path": str(imagenet), "image_size": 32, "stream": False}
    data = load("imagenet", **options, n_train=12, n_validation=6)
    assert (len(data.train), len(data.validation)) == (12, 6)
    assert torch.bincount(data.train.labels).tolist() == [4, 4, 4]
    with pytest.raises(DataError, match="'n_validation' asks for 36 of 36"):
        load("imagenet", **options, n_validation=36)


def test_tinyimagenet_whose_annotations_do_not_match(tiny) -> None:
    annotations = tiny / "val/val_annotations.txt"
    whole = annotations.read_text()
    cases = {
        whole[: whole.index("val_8")]: r"1 of 9 images have no line \(val_8\.JPEG\): the file is cut short",
        whole + "val_9.JPEG\tn01440764\t0\t0\t1\t1\n": r"line 10: there is no image .*val_9\.JPEG",
        whole.replace("n02102040", "n05"): "line 2: is not a file and a class of train",
        "": "names 0 images",
    }
    for content, message in cases.items():
        annotations.write_text(content)
        with pytest.raises(DataError, match=message):
            load("tinyimagenet", path=str(tiny))
    annotations.unlink()
    with pytest.raises(
        DataError, match=r"val_annotations\.txt: missing: put the content of tiny-imagenet-200"
    ):
        load("tinyimagenet", path=str(tiny))


def test_trainings_on_them(imagenet, tiny, train_once) -> None:
    train_once(load("imagenet", path=str(imagenet), image_size=32, validation=0.25), "resnet18", "lenet5")
    train_once(load("tinyimagenet", path=str(tiny), validation=0.25), "resnet8", "lenet5")


@pytest.mark.slow
def test_studies_of_them(imagenet, tiny, study_once) -> None:
    found = study_once("imagenet", "resnet50->resnet18", imagenet, image_size=32, validation=0.25)
    for name in ("accuracy, published", "#SC, published", "#TC, published"):
        assert f">{name}<" in found["page"]
    study_once("tinyimagenet", "resnet50->resnet18", tiny, validation=0.25)
