"""Copies of the small run to break."""

import shutil
from pathlib import Path

import pytest

from kdtune.runs.reader import Run, open_run


@pytest.fixture
def run_copy(small_run: Run, tmp_path: Path) -> Run:
    """Return a copy of the small run that a test may change."""
    shutil.copytree(small_run.path, tmp_path / "runs" / "copy")
    return open_run(tmp_path / "runs" / "copy")
