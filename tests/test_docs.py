"""The user guide: every block runs, and prints what its comments say."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.how_to import follow

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "study.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block(number: int) -> None:
    block = BLOCKS[number]
    expected = re.findall(r"^print\(.*\)  # (.*)$", block, re.MULTILINE)
    assert expected, "a block that prints nothing shows nothing"
    printed = io.StringIO()
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(printed):
        exec(compile(block, str(GUIDE), "exec"), names)
    assert printed.getvalue().splitlines() == expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("students.md", marks=pytest.mark.slow),
        pytest.param("trackers.md", marks=pytest.mark.slow),
        pytest.param("tutorial.md", marks=pytest.mark.slow),
    ],
)
def test_a_how_to_runs_from_top_to_bottom(name: str, tmp_path: Path) -> None:
    follow(ROOT / "docs" / name, tmp_path)


def test_every_number_in_a_block_is_looked_at() -> None:
    assert all(line.count("  # ") for b in BLOCKS for line in b.splitlines() if line.startswith("print("))
