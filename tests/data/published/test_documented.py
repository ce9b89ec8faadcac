"""docs/datasets.md names every data set, spaces that exist, and sizes that are right."""

import re
from importlib import resources
from pathlib import Path

from tests.data.loaders import own_data_sets

TEXT = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text(encoding="utf-8")


def test_every_data_set_is_in_the_table() -> None:
    rows = [row for row in TEXT.splitlines() if row.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert documented == own_data_sets()


def test_the_ready_spaces_are_there() -> None:
    rows = [row for row in TEXT.splitlines() if row.startswith("| `")]
    spaces = {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[4])}
    ready = {file.name.removesuffix(".yaml") for file in resources.files("search_spaces").iterdir()}
    assert spaces <= ready


def test_sizes() -> None:
    images, classes, validation = 1_281_167, 1000, 0.04
    assert f"{images * 3 * 224**2 / 1e9:.0f} GB for ImageNet at 224 pixels" in TEXT
    assert f"{images * 3 * 64**2 / 1e9:.0f} GB at 64" in TEXT
    assert f"{images * (1 - validation) * classes * 4 / 1e9:.1f} GB for ImageNet" in TEXT
