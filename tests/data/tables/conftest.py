"""A small table of people, to be written in as many ways as people write tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kdtune.data import Dataset, load

Write = Callable[..., Path]
"""Writes text or bytes to a file of the test's folder, and returns its path."""

Load = Callable[..., Dataset]
"""Loads a file with the options that fit `people`; others replace them."""


@pytest.fixture
def people() -> pd.DataFrame:
    """300 rows: age (whole), hours (one decimal), job (with a comma), sex, income (yes or no)."""
    rng = np.random.default_rng(0)
    n = 300
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "hours": rng.uniform(5, 60, n).round(1),
            "job": rng.choice(["clerk, office", "cook", "smith"], n),
            "sex": rng.choice(["F", "M"], n),
            "income": rng.choice(["no", "yes"], n),
        }
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: str | bytes, name: str = "people.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


@pytest.fixture
def load_people() -> Load:
    def of_file(path: Path, /, **options: Any) -> Dataset:
        return load(
            "table", **{"path": str(path), "label": "income", "sensitive": "sex", "min_group": 1, **options}
        )

    return of_file


@pytest.fixture
def right(people: pd.DataFrame, tmp_path: Path, load_people: Load) -> str:
    """The fingerprint of `people` as plain CSV: what every other way of writing it must give."""
    path = tmp_path / "right.csv"
    people.to_csv(path, index=False)
    return load_people(path).fingerprint
