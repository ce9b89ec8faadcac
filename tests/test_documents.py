"""Every block of README.md and docs/: spaces are valid, programs compile, commands have the options that are shown.

Blocks that can be run from an empty folder are also run: tests/test_docs.py, test_howtos.py, test_faq.py,
test_notebook.py.
"""

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdtune.cli import parser
from kdtune.data.registry import check_options, datasets
from kdtune.space.reading import parse_space
from tests.how_to import blocks_of

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"^(?:    |\$ )(?:uv run )?(kdtune .*)$", re.MULTILINE)
READ = [*DOCUMENTS, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))]
PAIRS = {"dataset": {"name": "trifeature"}, "pairs": ["resnet20->lenet5"]}


def prose(text: str) -> str:
    """Return a document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def of_kind(*kinds: str) -> list[Any]:
    found = [
        pytest.param(block.text, id=f"{document.name}-{k}")
        for document in DOCUMENTS
        for k, block in enumerate(blocks_of(document))
        if block.kind in kinds
    ]
    assert found
    return found


@pytest.mark.parametrize("text", of_kind("yaml"))
def test_a_space_or_a_part_of_one_is_valid(text: str) -> None:
    # A block may show several forms of one key, a line each.
    contents = [yaml.safe_load(text)]
    if len(re.findall(r"^\w+:", text, re.MULTILINE)) > len(contents[0]):
        contents = [yaml.safe_load(line) for line in text.splitlines() if not line.startswith("#")]
    for content in contents:
        space = parse_space({**PAIRS, **_pairs_of_weights(content), **content}, "block")
        if space.dataset.name in datasets:
            check_options(space.dataset.name, space.dataset.options)


def _pairs_of_weights(content: dict[str, Any]) -> dict[str, Any]:
    """Return pairs with the teachers whose files a block names, which must be some pair's."""
    weights = content.get("teacher", {}).get("weights")
    return {"pairs": [f"{name}->lenet5" for name in weights]} if isinstance(weights, dict) else {}


@pytest.mark.parametrize("text", of_kind("python"))
def test_a_program_is_one(text: str) -> None:
    ast.parse(text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_have_the_options_that_are_shown(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = document.read_text(encoding="utf-8")
    for command in COMMAND.findall(text) + re.findall(r"`(kdtune [a-z]+ [^`\n]+)`", prose(text)):
        shown = command.partition(" > ")[0].replace("[RUN]", "RUN").replace("[--json]", "--json")
        words = shlex.split(shown, comments=True)
        if any(word.startswith(("…", "<")) for word in words):
            continue
        assert _is_understood(words[1:]), f"{command}\n{capsys.readouterr().err}"


def _is_understood(arguments: list[str]) -> bool:
    try:
        parser().parse_args(arguments)
    except SystemExit as end:
        return end.code == 0
    return True


@pytest.mark.parametrize("document", READ, ids=lambda path: path.name)
def test_no_table_is_cut_in_two_and_no_block_has_lost_its_indentation(document: Path) -> None:
    """What Markdown makes of both is a paragraph of bars, or of words that ran together."""
    lines = prose(document.read_text(encoding="utf-8")).splitlines()
    for k, line in enumerate(lines):
        if line.startswith("|") and not (k and lines[k - 1].startswith("|")):
            assert re.match(r"\|[-:| ]+\|$", [*lines, ""][k + 1]), f"no head: {line}"
        elif not line.startswith(("|", " ")):
            assert not re.search(r"\S {2,}\S", line), f"aligned, and no block of code: {line}"


def test_every_kind_of_block_is_looked_at() -> None:
    kinds = {block.kind for document in DOCUMENTS for block in blocks_of(document)}
    assert kinds <= {"yaml", "python", "sh", "console", "text", "json"}
