"""Situations with images that users have reported in public, each in ten forms or more: all read, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kdtune.data import Dataset, load
from kdtune.errors import DataError
from kdtune.student.raw_input import inputs_of

SIZE = 8
PER_CLASS = 12


def pixels(seed: int, high: int, dtype: type = np.uint16) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, high, (SIZE, SIZE), dtype=dtype)


def save(path: Path, array: NDArray[Any], **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def read(folder: Path, **options: Any) -> Dataset:
    return load("folder", path=str(folder), **{"image_size": SIZE, **options})


def count(data: Dataset) -> int:
    return len(data.train) + len(data.validation) + len(data.open_test())


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".PNG", ".pgm"])
@pytest.mark.parametrize("high", [256, 4096, 65536])
def test_07_16_bit_greys_keep_their_order(tmp_path: Path, suffix: str, high: int) -> None:
    """By the scale of the format, not by the values: a dark image stays dark, here and when a student predicts."""
    for number, name in enumerate(("healthy", "ill")):
        for k in range(PER_CLASS):
            save(tmp_path / name / f"{k}{suffix}", pixels(100 * number + k, high))
    data = read(tmp_path, channels=1)
    expected = {
        (pixels(100 * number + k, high).astype(np.float64) * 255 / 65535 + 0.5).astype(np.uint8).tobytes()
        for number in range(2)
        for k in range(PER_CLASS)
    }
    assert {image.numpy().tobytes() for image in data.train.inputs} <= expected
    file = tmp_path / "ill" / f"3{suffix}"
    shown = inputs_of([str(file)], data.preprocessing, data.input_shape).tensor
    assert np.asarray(shown, dtype=np.uint8).tobytes() in expected


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        (("bus", "car", "train"), ("bus", "car", "train")),
        (("plane", "train"), ("plane", "train")),
        (("Train", "bus", "car"), ("Train", "bus", "car")),
        (("bus", "car", "TRAIN"), ("TRAIN", "bus", "car")),
        (("bus", "test"), ("bus", "test")),
        (("bus", "validation"), ("bus", "validation")),
        (("dev", "qa", "sales"), ("dev", "qa", "sales")),
        (("bus", "val"), ("bus", "val")),
        (("bus", "car", "training"), ("bus", "car", "training")),
        (("boat", "bus", "car", "train", "tram"), ("boat", "bus", "car", "train", "tram")),
    ],
)
@pytest.mark.parametrize("split", [False, True])
def test_15_a_class_called_like_a_split(
    tmp_path: Path, classes: tuple[str, ...], found: tuple[str, ...], split: bool
) -> None:
    for name in classes:
        for part in ("train", "test") if split else ("",):
            for k in range(PER_CLASS):
                save(tmp_path / part / name / f"{k}.png", pixels(k, 256, np.uint8))
    data = read(tmp_path)
    assert data.classes == tuple(sorted(found))
    assert count(data) == len(classes) * PER_CLASS * (2 if split else 1)


@pytest.mark.parametrize("classes", [("train", "test"), ("train", "val", "test"), ("Training", "Testing")])
def test_15_only_splits_and_no_classes(tmp_path: Path, classes: tuple[str, ...]) -> None:
    for name in classes:
        for k in range(PER_CLASS):
            save(tmp_path / name / f"{k}.png", pixels(k, 256, np.uint8))
    with pytest.raises(DataError, match="splits: none"):
        read(tmp_path)
    assert read(tmp_path, splits="none").classes == tuple(sorted(classes))


FORMS = (".webp", ".bmp", ".tif", ".gif", ".png", ".jpg", ".WEBP", ".Jpeg", ".ppm", ".dib")


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_16_every_image_is_read_however_deep(tmp_path: Path, suffix: str, depth: int) -> None:
    for name in ("cat", "dog"):
        for k in range(PER_CLASS):
            below = ["a", "b", "c"][: depth if k % 2 else 0]
            save(tmp_path.joinpath(name, *below) / f"{k}{suffix}", pixels(k, 256, np.uint8))
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "dog" / "Thumbs.db").write_bytes(b"\xd0\xcf")
    data = read(tmp_path)
    assert count(data) == 2 * PER_CLASS
    assert "left out" in " ".join(data.notes)
    assert ".txt" in " ".join(data.notes)
