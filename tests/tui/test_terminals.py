"""The monitor in real pseudo-terminals: without colour, without UTF-8, tiny, resized while it paints."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import pytest

from tui.sources.synthetic import Synthetic

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    world = Synthetic(trials=8, epochs=3, classes=4, done=5, running=2)
    return world.write(tmp_path_factory.mktemp("runs") / "run")


class Terminal:
    """`python -m tui` in a pseudo-terminal."""

    def __init__(self, run, *options, size=(100, 30), **env):
        self.master, slave = pty.openpty()
        self.resize(*size)
        kept = {
            k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "LC_ALL", "LANG", "SSH_CONNECTION")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", str(run.root), *options],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", **env},
        )
        os.close(slave)
        self.output = b""

    def resize(self, width, height):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def read(self, seconds):
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.output += os.read(self.master, 1 << 16)
                except OSError:
                    return

    def until(self, pattern, seconds=30.0):
        limit = time.monotonic() + seconds
        while not re.search(pattern, self.text()):
            assert time.monotonic() < limit, self.text()[-2000:]
            self.read(0.05)

    def text(self):
        return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.output).decode("utf-8", "replace")

    def press(self, keys):
        os.write(self.master, keys.encode())
        self.read(0.2)

    def leave(self):
        """Press q; return the exit code."""
        self.press("q")
        limit = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < limit:
            self.read(0.1)
        self.read(0.1)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        return self.process.returncode


def test_without_colour_there_is_no_colour_in_the_output(run):
    terminal = Terminal(run, NO_COLOR="1")
    terminal.until("t0004")
    for key in "2345":
        terminal.press(key)
    assert terminal.leave() == 0
    colours = {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}
    shade = re.compile(rb"[34]8;2;(\d+);\1;\1")
    for style in re.findall(rb"\x1b\[([0-9;]*)m", terminal.output):
        rest = shade.sub(b"", style)  # greys are none
        assert not {int(code) for code in rest.split(b";") if code} & colours, style
    assert "Traceback" not in terminal.text()


def test_without_utf_8_everything_is_ascii(run):
    terminal = Terminal(run, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    terminal.until("t0004")
    for key in "2345?":
        terminal.press(key)
    terminal.press("\x1b")
    assert terminal.leave() == 0
    assert terminal.output.isascii()
    assert "Traceback" not in terminal.text()


def test_a_tiny_terminal_that_is_resized_while_it_paints(run):
    terminal = Terminal(run, "--replay", "--speed", "2", size=(40, 10))
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
            terminal.press("12345"[k // 7 % 5])
        terminal.read(0.02)
    terminal.resize(100, 30)
    terminal.press("1")
    terminal.until("t0000")
    assert terminal.leave() == 0
    assert "Traceback" not in terminal.text()
    assert "can't be drawn" not in terminal.text()


def test_a_newer_schema_is_refused_in_one_line(run, tmp_path):
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
