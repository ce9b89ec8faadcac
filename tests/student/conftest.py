"""A student of images."""

from pathlib import Path

import pytest

import kdtune
from kdtune.data import load
from kdtune.data.dataset import Dataset
from tests.student.made import images, untrained


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[kdtune.Student, Path, Dataset]:
    """Return a student of images, and their folder and data set."""
    tmp = tmp_path_factory.mktemp("images")
    dataset = load(
        "folder",
        path=str(images(tmp / "photos")),
        image_size=16,
        sensitive="place",
        attributes=str(tmp / "places.csv"),
        validation=0.5,
        min_group=2,
    )
    return untrained(tmp / "student", dataset, "lenet5"), tmp / "photos", dataset
