"""The monitor opens without what only a sweep needs."""

import subprocess
import sys

HEAVY = ("torch", "torchvision", "ray", "optuna", "pandas", "sklearn", "fairlearn", "matplotlib")


def test_the_monitor_loads_nothing_heavy():
    code = "import sys, tui.app, tui.synthetic, tui.analyst; print(sorted(m for m in sys.modules if '.' not in m))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = eval(result.stdout)
    assert not set(loaded) & set(HEAVY)


def test_the_core_knows_nothing_of_textual():
    core = "tui.store, tui.raster, tui.canvas, tui.filter, tui.order, tui.view"
    code = f"import sys, {core}; print('textual' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
