"""The messages in docs/faq.md are those that the commands beside them print."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from kdtune.cli import main
from tests.how_to import blocks_of

FAQ = Path(__file__).parents[1] / "docs" / "faq.md"
CASES = [
    (command, message)
    for block in blocks_of(FAQ)
    if block.kind == "console"
    for command, message in re.findall(r"^\$ (.*)\n([^$].*)$", block.text, re.MULTILINE)
]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the document shows."""
    folder = tmp_path_factory.mktemp("faq")
    for block in blocks_of(FAQ):
        if block.file is not None:
            (folder / block.file).write_text(block.text, encoding="utf-8")
    subprocess.run([sys.executable, "people.py"], cwd=folder, check=True)
    return folder


def test_every_command_has_its_message() -> None:
    commands = [line for b in blocks_of(FAQ) for line in b.text.splitlines() if line.startswith("$ ")]
    assert len(CASES) == len(commands) > 10


@pytest.mark.parametrize(("command", "message"), CASES, ids=[command for command, _ in CASES])
def test_the_message(
    command: str,
    message: str,
    people: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(people)
    monkeypatch.delenv("KDTUNE_RUNS", raising=False)
    assert main(shlex.split(command)[1:]) == 2
    pattern = ".*".join(map(re.escape, message.split("…")))
    assert re.search(rf"^{pattern}$", capsys.readouterr().err, re.MULTILINE)
