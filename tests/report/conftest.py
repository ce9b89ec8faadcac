"""An export of the small run, made once, and copies of the run to break."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from kdtune.runs.reader import Run, open_run


@pytest.fixture(scope="session")
def exported(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the folder and the findings of an export; nobody changes it."""
    from kdtune.report.export.run import Request, run_export

    return run_export(Request(run=small_run.path, out=tmp_path_factory.mktemp("export") / "out"))


@pytest.fixture
def run_copy(small_run: Run, tmp_path: Path) -> Run:
    """Return a copy of the small run that a test may change."""
    shutil.copytree(small_run.path, tmp_path / "runs" / "copy")
    return open_run(tmp_path / "runs" / "copy")
