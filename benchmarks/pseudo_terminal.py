"""A monitor in a real pseudo-terminal: what it wrote and when, what it cost."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path
from typing import Any

import psutil

WIDTH, HEIGHT = 180, 50
ROOT = Path(__file__).resolve().parent.parent


class Terminal:
    """A monitor in a pseudo-terminal: what it wrote, and when.

    Args:
        kind: `ours` or `naive`.
        plainly: start ours as a user does, with `kdtune watch`; otherwise it counts what it received.
    """

    def __init__(self, kind: str, run: Path, *, ssh: bool = False, plainly: bool = False) -> None:
        self.stats = Path(tempfile.mkstemp(suffix=".json")[1])
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
        env.pop("SSH_CONNECTION", None)
        env.pop("NO_COLOR", None)
        if ssh:
            env["SSH_CONNECTION"] = "10.0.0.1 22 10.0.0.2 22"
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kdtune.cli", "watch", str(run)]
            if plainly
            else [
                sys.executable,
                str(Path(__file__).with_name("monitor.py")),
                "--child",
                kind,
                "--run",
                str(run),
                "--stats",
                str(self.stats),
            ],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=env,
        )
        os.close(slave)
        self.master = master
        self.chunks: list[tuple[float, bytes]] = []
        self._stop = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stop:
            ready, _, _ = select.select([self.master], [], [], 0.2)
            if ready:
                try:
                    data = os.read(self.master, 1 << 16)
                except OSError:
                    return
                if not data:
                    return
                self.chunks.append((time.perf_counter(), data))

    def send(self, keys: str) -> float:
        os.write(self.master, keys.encode())
        return time.perf_counter()

    def wait(self, pattern: str, *, start: int = 0, timeout: float = 20.0) -> float | None:
        """Return when the output since chunk `start` first matched."""
        expression = re.compile(pattern.encode())
        limit = time.perf_counter() + timeout
        seen, text = start, b""
        while time.perf_counter() < limit:
            while seen < len(self.chunks):
                when, data = self.chunks[seen]
                text = plain(text[-400:] + data)
                seen += 1
                if expression.search(text):
                    return when
            time.sleep(0.001)
        return None

    def written(self, since: float) -> int:
        return sum(len(data) for when, data in self.chunks if when >= since)

    def cpu(self) -> float:
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def memory(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def close(self) -> dict[str, Any]:
        self.send("q")
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._stop = True
        self._thread.join(2)
        os.close(self.master)
        try:
            return dict(json.loads(self.stats.read_text() or "{}"))
        finally:
            self.stats.unlink(missing_ok=True)


def plain(data: bytes) -> bytes:
    return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", data)
