"""The user guide: every block runs, and prints what its comments say. The README quotes what was measured."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

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


def test_every_number_in_a_block_is_looked_at() -> None:
    assert len(BLOCKS) == 6
    assert all(line.count("  # ") for b in BLOCKS for line in b.splitlines() if line.startswith("print("))


def test_what_the_readme_quotes_of_early_stopping_is_what_was_measured() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    paragraph = next(part for part in readme.split("\n\n") if part.startswith("The default is `none`"))
    rows = {
        (cells[0].split(",")[0], cells[2]): cells
        for line in (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8").splitlines()
        if (cells := [cell.strip() for cell in line.strip("|").split("|")])[1:2] == ["tpe"]
    }
    digits, compas = rows["digits", "moasha"], rows["COMPAS", "moasha"]
    quoted = re.findall(r"\d+\.\d+(?: %)?", paragraph)
    assert quoted == [
        cell.split(" [")[0] for column in (3, 5, 6) for cell in (digits[column], compas[column])
    ]


def test_what_the_readme_quotes_of_whole_sweeps_is_what_was_measured() -> None:
    def rows(file: str, heading: str) -> list[list[str]]:
        part = (ROOT / file).read_text(encoding="utf-8").partition(f"## {heading}")[2].partition("\n\n|")[2]
        lines = part.partition("\n\n")[0].splitlines()[2:]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

    quoted = {tuple(row[:2]): row[2:] for row in rows("README.md", "How fast")}
    measured: dict[tuple[str, ...], list[str]] = {}
    for name, size, examples, way, wall, *_ in rows("benchmarks/RESULTS.md", "Whole sweeps"):
        pair = name.replace("R20", "ResNet-20").replace("R56", "ResNet-56")
        ways = measured.setdefault((pair, f"{size}, {examples}"), ["–", "–"])
        ways[("solo", "fused").index(way)] = wall
    assert quoted == measured
