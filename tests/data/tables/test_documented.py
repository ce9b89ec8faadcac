"""The tables of README.md, docs/spaces.md and docs/datasets.md: their options read a file of the described form."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from kdtune.data import load

ROOT = Path(__file__).parents[3]


def example(document: str, heading: str) -> dict[str, Any]:
    """Return the options of the first YAML example under a heading."""
    text = (ROOT / document).read_text(encoding="utf-8").partition(heading)[2]
    options: dict[str, Any] = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])["dataset"]
    return options


@pytest.mark.parametrize(
    ("document", "heading"),
    [
        ("README.md", "### A table in ten lines"),
        ("docs/spaces.md", "## A table in ten lines"),
        ("docs/datasets.md", "## Your own table"),
    ],
)
def test_the_example_reads_such_a_file(
    document: str, heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    n = 2000
    people = pd.DataFrame(
        {
            "person_id": np.arange(n),
            "age": rng.integers(18, 80, n),
            "sex": rng.choice(["F", "M"], n),
            "race": rng.choice(["x", "y"], n),
            "zip": rng.choice([10115, 20095], n),
            "hours": np.where(rng.random(n) < 0.1, "-", rng.integers(10, 60, n).astype(str)),
            "notes": "n",
            "income": rng.choice(["no", "yes"], n),
        }
    )
    people = people if document == "docs/datasets.md" else people.replace({"hours": {"-": ""}})
    people.to_csv(tmp_path / "people.csv", index=False)
    monkeypatch.chdir(tmp_path)
    options = example(document, heading)
    data = load(options.pop("name"), **options)
    assert data.classes == ("no", "yes")
    assert "left out: person_id (dropped), notes (dropped)" in data.notes[0]
    assert "sex" in data.attributes
