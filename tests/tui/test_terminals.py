"""The monitor in real pseudo-terminals: without colour, without UTF-8, tiny, resized while it paints."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from kdtune.runs.paths import RunFiles
from tests.tui.terminal import Terminal
from tui.sources.synthetic import Synthetic


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    world = Synthetic(trials=8, epochs=3, classes=4, done=5, running=2)
    return world.write(tmp_path_factory.mktemp("runs") / "run")


def monitor(run: RunFiles, *options: str, **settings: Any) -> Terminal:
    """Open the monitor on a run."""
    return Terminal([sys.executable, "-m", "tui", str(run.root), *options], **settings)


def test_without_colour_there_is_no_colour_in_the_output(run) -> None:
    terminal = monitor(run, NO_COLOR="1")
    terminal.until("t0004")
    for key in "23456":
        terminal.press(key)
    assert terminal.leave() == 0
    colours = {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}
    shade = re.compile(rb"[34]8;2;(\d+);\1;\1")
    for style in re.findall(rb"\x1b\[([0-9;]*)m", terminal.output):
        rest = shade.sub(b"", style)  # greys are none
        assert not {int(code) for code in rest.split(b";") if code} & colours, style
    assert "Traceback" not in terminal.text()


def test_without_utf_8_everything_is_ascii(run) -> None:
    terminal = monitor(run, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    terminal.until("t0004")
    for key in "23456?":
        terminal.press(key)
    terminal.press("\x1b")
    assert terminal.leave() == 0
    assert terminal.output.isascii()
    assert "Traceback" not in terminal.text()


def test_a_tiny_terminal_that_is_resized_while_it_paints(run) -> None:
    terminal = monitor(run, "--replay", "--speed", "2", size=(40, 10))
    terminal.until("q detach")
    sizes = [
        (1, 1),
        (240, 80),
        (40, 10),
        (59, 19),
        (2, 40),
        (200, 3),
        (139, 20),
        (140, 21),
        (7, 7),
        (160, 48),
    ]
    for k in range(60):
        terminal.resize(*sizes[k % len(sizes)])
        if k % 7 == 0:
            terminal.press("123456"[k // 7 % 6])
        terminal.read(0.02)
    terminal.resize(100, 30)
    terminal.press("1")
    terminal.until("t0000")
    assert terminal.leave() == 0
    assert "Traceback" not in terminal.text()
    assert "can't be drawn" not in terminal.text()


def test_a_newer_schema_is_refused_in_one_line(run, tmp_path) -> None:
    record = json.loads(run.record.read_text())
    root = tmp_path / "newer"
    root.mkdir()
    (root / "run.json").write_text(json.dumps({**record, "schema": record["schema"] + 1}))
    result = subprocess.run(
        [sys.executable, "-m", "tui", str(root)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "newer" in result.stderr
    assert result.stderr.count("\n") == 1
