"""What docs/spaces.md and docs/datasets.md say of image folders is so."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from kdtune.data import load
from kdtune.data.images.attributes import METADATA
from kdtune.data.images.pixels import SUFFIXES
from kdtune.space.reading import parse_space

ROOT = Path(__file__).parents[3]
SPACE = (
    (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8").partition("## An image folder in ten lines")[2]
)
DOCS = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8").partition("## Your own images")[2]


def block(text: str) -> str:
    found = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.mark.parametrize("text", [SPACE, DOCS], ids=["spaces", "datasets"])
def test_the_folder_that_is_shown_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    rng, rows = np.random.default_rng(0), ["file,sex,age"]
    for split, n in (("train", 400), ("test", 20)):
        for name in ("smiling", "serious"):
            (tmp_path / "faces" / split / name).mkdir(parents=True)
            for k in range(n):
                pixels = rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / f"faces/{split}/{name}/{k:04}.jpg")
                rows.append(f"{split}/{name}/{k:04}.jpg,{'fm'[k % 2]},{20 + k % 40}")
    (tmp_path / "people.csv").write_text("\n".join(rows))
    content = yaml.safe_load(block(text))
    if text is SPACE:
        parse_space(content, "spaces.md")
    data = load(**content["dataset"])
    assert data.input_shape == (3, 64, 64)
    assert data.attributes == {"sex": ("f", "m"), "age": ("<25", "25-45", ">=45")}


def test_the_suffixes_and_the_names_of_tables() -> None:
    files = DOCS.partition("- **Files.**")[2].partition("in any case")[0]
    assert set(re.findall(r"\.\w+", files)) == SUFFIXES
    assert set(re.findall(r"`(metadata\.\w+)`", DOCS)) == set(METADATA)
