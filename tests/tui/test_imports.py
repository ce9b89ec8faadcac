"""The monitor opens without what only a sweep needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tui import analyst

HEAVY = ("torch", "torchvision", "ray", "optuna", "pandas", "sklearn", "fairlearn", "matplotlib")


def test_the_monitor_loads_nothing_heavy():
    code = "import sys, tui.app, tui.synthetic, tui.analyst; print(sorted(m for m in sys.modules if '.' not in m))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = eval(result.stdout)
    assert not set(loaded) & set(HEAVY)


def test_the_core_knows_nothing_of_textual():
    core = "tui.state.store, tui.drawing.raster, tui.drawing.canvas, tui.state.filter, tui.state.order, tui.state.view"
    code = f"import sys, {core}; print('textual' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_the_analyst_imports_nothing_from_the_folder_where_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The monitor is opened in the user's folder, and that may be somebody else's data."""
    ran = tmp_path / "ran"
    for name in ("numpy", "pickle", "scipy", "kdtune", "tui"):
        (tmp_path / f"{name}.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    child = analyst._start()
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    assert child.wait(60) == 0  # it came as far as to wait for a question
    child.stdout.close()
    assert not ran.exists()
