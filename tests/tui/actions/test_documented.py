"""The keys of docs/monitor.md are those of the one table of actions."""

from pathlib import Path

from tui.actions.action import markdown
from tui.actions.table import ACTIONS


def test_the_monitor_s_page_lists_the_keys() -> None:
    page = (Path(__file__).parents[3] / "docs" / "monitor.md").read_text(encoding="utf-8")
    assert markdown(ACTIONS).strip() in page, f"the table should be\n{markdown(ACTIONS)}"
