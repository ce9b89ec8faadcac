"""Runs a how-to of docs/ as its reader would: files are written, blocks run in order, in one empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"<!-- (run|file: (?P<name>[\w./-]+)) -->\n```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)
_EXPECTED = re.compile(r"^print\(.*\)  # (.*)$", re.MULTILINE)


def follow(guide: str, folder: Path) -> None:
    """Follow docs/`guide`: write each block marked `file`, run each marked `run`, and look at what it prints.

    A line `print(…)  # text` must print that text; each line of a block for the shell must succeed, or print the
    line that follows it after `# `, where there is one.
    """
    blocks = list(_BLOCK.finditer((ROOT / "docs" / guide).read_text(encoding="utf-8")))
    assert blocks, f"{guide} has nothing to run"
    # Files first: the text may show a file before the data that it is about.
    for block in blocks:
        if block["name"]:
            (folder / block["name"]).write_text(block["text"], encoding="utf-8")
    for block in blocks:
        if block["name"]:
            continue
        if block["kind"] == "python":
            printed = _run([sys.executable, "-c", block["text"]], folder)
            assert printed.splitlines() == _EXPECTED.findall(block["text"]), block["text"]
        else:
            for line in block["text"].splitlines():
                command, *arguments = line.split()
                assert command == "kdtune", line
                _run([str(Path(sys.executable).with_name("kdtune")), *arguments], folder)


def _run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KDTUNE_RUNS": str(folder / "runs")}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout
