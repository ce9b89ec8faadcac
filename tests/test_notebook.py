"""docs/notebook.ipynb runs from top to bottom in an empty folder, and shows what its text says."""

import os
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.limits import PATIENCE

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("KDTUNE_RUNS", raising=False)
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", record_timing=False)
    client.execute(cwd=str(tmp_path))
    shown = [cell.get("outputs", []) for cell in notebook.cells if cell.cell_type == "code"]
    front = shown[3][-1]["data"]
    assert "temperature" in front["text/plain"]
    assert "image/png" in shown[5][-1]["data"]
    assert {"yes", "no"} & set(shown[7][-1]["data"]["text/plain"].replace("'", " ").split())
    assert (tmp_path / "runs" / "notebook" / "export" / "report.html").is_file()
    if asked := os.environ.get("KDTUNE_WRITE_NOTEBOOK"):
        for cell, outputs in zip((c for c in notebook.cells if c.cell_type == "code"), shown, strict=True):
            cell["outputs"] = [
                o for o in outputs if o.get("name") != "stderr"
            ]  # warnings of this environment
        nbformat.write(notebook, asked)
