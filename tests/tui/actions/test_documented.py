"""The README's keys are those of the one table of actions."""

from pathlib import Path

from tui.actions.action import markdown
from tui.actions.table import ACTIONS


def test_readme_lists_the_keys() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert markdown(ACTIONS).strip() in readme, f"the README's table should be\n{markdown(ACTIONS)}"
