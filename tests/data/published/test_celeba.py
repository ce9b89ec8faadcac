from typing import Never

import numpy as np
import pytest
import torch
from PIL import Image

from kdtune.data import load
from kdtune.errors import DataError

NAMES = ("Bald", "Male", "Smiling", "Young")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))


def rows(n):
    """Of every 3 images 2 smile; sex by turns, age in blocks of four: value = 100 smiling + 50 male + 25 young."""
    return [(i % 2, int(i % 3 > 0), i // 4 % 2) for i in range(n)]


def write(folder):
    (folder / "img_align_celeba").mkdir(parents=True)
    attributes, partition = ["72", " ".join(NAMES)], []
    for i, (male, smiling, young) in enumerate(rows(72)):
        name = f"{i + 1:06}.jpg"
        value = 100 * smiling + 50 * male + 25 * young + 20
        Image.fromarray(np.full((22, 18, 3), value, dtype=np.uint8)).save(
            folder / "img_align_celeba" / name, quality=100
        )
        attributes.append(f"{name} " + " ".join(str(2 * v - 1).rjust(2) for v in (0, male, smiling, young)))
        partition.append(f"{name} {i // 24}")
    (folder / "list_attr_celeba.txt").write_text("\n".join(attributes) + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(partition) + "\n")
    return folder


@pytest.fixture
def root(tmp_path):
    return write(tmp_path / "celeba")


def load_it(root, **options):
    return load("celeba", path=str(root), **{"image_size": 16, "min_group": 1, **options})


def test_labels_groups_and_balance(root) -> None:
    data = load_it(root)
    assert data.classes == ("not Smiling", "Smiling")
    assert data.attributes == {"Young": ("not Young", "Young"), "Male": ("not Male", "Male")}
    for split in (data.train, data.validation, data.open_test()):
        assert torch.bincount(split.labels).tolist() == [8, 8]
        expected = 100 * split.labels + 50 * split.groups["Male"] + 25 * split.groups["Young"] + 20
        assert split.inputs[:, 0, 8, 8].tolist() == expected.tolist()
    assert load_it(root.parent).fingerprint == data.fingerprint, "torchvision's folder is found too"
    assert load_it(root, seed=1).fingerprint != data.fingerprint
    assert torch.bincount(load_it(root, balance="none").train.labels).tolist() == [8, 16]


def test_intersections_streams_and_fewer_images(root) -> None:
    data = load_it(root, sensitive="Young*Male", n_train=6, n_validation=8, stream=True)
    assert data.attributes["Young*Male"][0] == "not Young*not Male"
    assert (len(data.train), len(data.validation)) == (6, 8)
    assert data.train.file is not None
    few = load_it(root, limit_per_class=3)
    assert torch.bincount(few.train.labels).tolist() == [3, 3]
    assert len(few.validation) == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "Smile"}, "'Smile' is not in list_attr_celeba.txt; did you mean 'Smiling'"),
        ({"label": "Young"}, "'Young' is both label and sensitive"),
        ({"min_group": 100}, "too few examples in validation"),
    ],
)
def test_options_that_do_not_fit(root, options, message) -> None:
    with pytest.raises(DataError, match=message):
        load_it(root, **options)


def test_attributes_splits_and_images_that_do_not_match(root) -> None:
    attributes, partition = root / "list_attr_celeba.txt", root / "list_eval_partition.txt"
    texts = {file: file.read_text() for file in (attributes, partition)}

    def refused(file, content, message) -> None:
        file.write_text(content)
        with pytest.raises(DataError, match=message):
            load_it(root)
        file.write_text(texts[file])

    whole = texts[attributes]
    refused(attributes, whole[:-8], "line 74: is not a file and 4 times -1 or 1: the file is cut short")
    refused(attributes, whole[: whole.index("000072")], "says 72 images, and holds rows of 71")
    refused(attributes, whole.replace("72\n", "71\n", 1).replace("000072.jpg", "000071.jpg"), "rows of 71")
    refused(attributes, "000001.jpg 1\n" * 4, "does not begin with the number")
    refused(partition, texts[partition].replace("000009.jpg 0\n", ""), r"1 images have no line .*000009")
    refused(
        partition, texts[partition].replace("72.jpg 2", "72.jpg 3"), "line 72: is not a file and 0, 1 or 2"
    )
    image = root / "img_align_celeba" / "000003.jpg"
    content = image.read_bytes()
    image.unlink()
    with pytest.raises(DataError, match=r"1 images of list_attr_celeba.txt are not there \(000003.jpg\)"):
        load_it(root)
    image.write_bytes(content[:200])
    with pytest.raises(DataError, match=r"000003\.jpg: does not decode"):
        load_it(root, balance="none")
    image.write_bytes(content)
    (root / "img_align_celeba" / "999999.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"1 images have no row in list_attr_celeba.txt \(999999.jpg\)"):
        load_it(root)


def test_missing(tmp_path, monkeypatch) -> None:
    import torchvision.datasets

    with pytest.raises(DataError, match=r"list_attr_celeba.txt: missing: put CelebA's .*download: true"):
        load_it(tmp_path)

    def refuse(root, download) -> Never:
        raise RuntimeError("quota exceeded")

    monkeypatch.setattr(torchvision.datasets, "CelebA", refuse)
    with pytest.raises(DataError, match=r"cannot download CelebA \(quota exceeded\): put"):
        load_it(tmp_path, download=True)


def test_a_training_on_it(root, train_once) -> None:
    train_once(load_it(root), "resnet18", "resnet8")


@pytest.mark.slow
def test_a_study_of_it(root, study_once) -> None:
    found = study_once("celeba", "resnet50->resnet18", root, image_size=32, min_group=1)
    assert {"eod@Young", "dpd@Male", "eod@Young*Male"} <= set(found["models"][0])
    for table, name in (
        ("gaps-Young", "EOD, published"),
        ("gaps-Male", "DPD, published"),
        ("individual", "I(f), published"),
    ):
        assert (
            name in (found["out"] / f"{table}-resnet50-resnet18-plain.csv").read_text("utf-8").splitlines()[0]
        )
        assert f">{name}<" in found["page"]
    assert "does not state optimiser, schedule, epochs, batch size" in found["page"], "what differs is listed"
