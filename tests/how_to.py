"""Runs a how-to as its reader would: from top to bottom, in an empty folder, each command in a process of its own."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.limits import PATIENCE

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block of code: a file where its first line is a comment with a name, commands where it is of kind `sh`."""

    kind: str
    text: str

    @property
    def file(self) -> str | None:
        """Return the file that the block is, if it is one."""
        named = re.match(r"# (\S+\.\w+)\n", self.text)
        return named[1] if named else None


def blocks_of(document: Path) -> list[Block]:
    """Return the blocks of a document."""
    return [Block(kind, text) for kind, text in BLOCK.findall(document.read_text(encoding="utf-8"))]


def follow(document: Path, folder: Path, python: Path | None = None) -> None:
    """Write its files, run its commands and its programs; what a program prints is what its comments say.

    Args:
        python: interpreter of the environment in which kdtune is installed; default: this one.
    """
    interpreter = str(python or sys.executable)
    for block in blocks_of(document):
        if block.file is not None:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        if block.kind == "sh":
            for line in block.text.splitlines():
                _run([interpreter, "-m", "kdtune.cli", *shlex.split(line, comments=True)[1:]], folder)
        elif block.kind == "python":
            assert block.file is not None, "a program needs a name"
            expected = re.findall(r"^print\(.*\)  # (.*)$", block.text, re.MULTILINE)
            printed = _run([interpreter, block.file], folder).splitlines()
            assert [line for line in printed if line in expected] == expected, printed


def _run(command: list[str], folder: Path) -> str:
    environment = {
        **os.environ,
        "TRACKIO_DIR": str(folder / "trackio"),
    }  # not the home of whoever runs the tests
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout
