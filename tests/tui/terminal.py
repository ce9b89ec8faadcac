"""A pseudo-terminal for tests."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from tests.limits import PATIENCE


class Terminal:
    """A program in a pseudo-terminal, and what it has written."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (100, 30),
        cwd: Path | None = None,
        **env: str,
    ) -> None:
        self.master, slave = pty.openpty()
        self.resize(*size)
        kept = {
            k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "LC_ALL", "LANG", "SSH_CONNECTION")
        }
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", **env},
        )
        os.close(slave)
        self.output = b""

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def read(self, seconds: float) -> None:
        """Read what it writes within so many seconds."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.output += os.read(self.master, 1 << 16)
                except OSError:
                    return

    def until(self, pattern: str, seconds: float = PATIENCE) -> None:
        """Wait until it has written a text."""
        limit = time.monotonic() + seconds
        while not re.search(pattern, self.text()):
            assert time.monotonic() < limit, self.text()[-2000:]
            self.read(0.05)

    def text(self) -> str:
        """Return what it has written, without the control sequences."""
        return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.output).decode("utf-8", "replace")

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())
        self.read(0.2)

    def leave(self) -> int:
        """Press q; return the exit code."""
        self.press("q")
        limit = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < limit:
            self.read(0.1)
        self.read(0.1)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        return self.process.returncode
