"""A sweep begins without importing what only its later parts need."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "ray", "optuna", "pandas", "matplotlib", "textual")


@pytest.mark.parametrize(
    "module",
    [
        "kdtune.launch",  # the command line: it checks the space, then waits while the driver works
        "kdtune.sweep.driver",  # it starts Ray, and imports torch meanwhile
    ],
)
def test_nothing_heavy_is_imported_first(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
