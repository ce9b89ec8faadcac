"""The monitor opens without what only a sweep needs, and its core without Textual."""

import json
import subprocess
import sys

HEAVY = {"torch", "torchvision", "ray", "optuna", "pandas", "sklearn", "fairlearn", "matplotlib"}


def loaded_by(*modules: str) -> set[str]:
    """Return the top-level packages in a process that has imported these modules."""
    code = f"import json, sys, {', '.join(modules)}; print(json.dumps(list(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(result.stdout)}


def test_the_monitor_loads_nothing_heavy() -> None:
    loaded = loaded_by("tui.app", "tui.sources.synthetic", "tui.background.helper")
    assert "textual" in loaded
    assert not loaded & HEAVY


def test_a_session_knows_nothing_of_textual() -> None:
    assert "textual" not in loaded_by("tui.session", "tui.status", "tui.meter", "tui.sources.synthetic")
