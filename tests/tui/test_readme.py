"""The README's keys are those of the one table of actions."""

from pathlib import Path

from tui.actions import markdown


def test_readme_lists_the_keys() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert markdown().strip() in readme, (
        "write it anew: python -c 'from tui.actions import markdown; print(markdown())'"
    )
