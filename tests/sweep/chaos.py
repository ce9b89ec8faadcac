"""Kills parts of a real sweep at random moments: driver, worker, raylet, or everything at once.

Every process of a sweep has a mark in its environment, or descends from one that has: so it is found, and nobody
else's Ray is touched.
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.limits import PATIENCE

_MARK = "KDTUNE_TEST_MARK"


class Marked:
    """The processes of one sweep, including its command line, driver and Ray; those seen once are remembered."""

    def __init__(self) -> None:
        self._mark = uuid.uuid4().hex
        self._seen: dict[tuple[int, float], psutil.Process] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Return this process's environment with the mark."""
        return {**os.environ, _MARK: self._mark}

    def alive(self) -> list[psutil.Process]:
        """Return the sweep's living processes; zombies are dead."""
        for process in psutil.process_iter():
            try:
                key = (process.pid, process.create_time())
                if key not in self._seen and process.environ().get(_MARK) == self._mark:
                    self._seen[key] = process
            except (psutil.Error, OSError):
                continue
        for process in list(self._seen.values()):
            try:
                for child in process.children(recursive=True):
                    self._seen.setdefault((child.pid, child.create_time()), child)
            except psutil.Error:
                continue
        return [process for process in self._seen.values() if _lives(process)]

    def drivers(self) -> list[psutil.Process]:
        """Return the drivers, without their forks."""
        found = self.named("-m kdtune.sweep")
        pids = {process.pid for process in found}
        return [process for process in found if _parent(process) not in pids]

    def named(self, word: str, *, without: str = " no such ") -> list[psutil.Process]:
        """Return those whose command line holds the one word and not the other."""
        return [p for p in self.alive() if word in (line := _command(p)) and without not in line]

    def kill_all(self) -> None:
        """Kill everything at once: processes are stopped first, so that none sees another die."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in self.alive():
                _send(process, number)

    def wait_until_gone(self, seconds: float) -> list[str]:
        """Return what is still alive after this time; [] as soon as nothing is."""
        deadline = time.monotonic() + seconds
        while (left := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return [f"{process.pid} {_command(process)}" for process in left]


def kill(process: psutil.Process) -> bool:
    """Send SIGKILL; return False if the process was gone."""
    return _send(process, signal.SIGKILL)


def cli(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, prefix: tuple[str, ...] = ()
) -> "subprocess.Popen[str]":
    """Start the command line as a user does."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "kdtune.cli", *arguments],
        cwd=cwd,
        env=None if env is None else dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE, what: str = "it") -> Any:
    """Return the condition's value once it is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)
    return value


def _send(process: psutil.Process, number: signal.Signals) -> bool:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return False
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.Error:
        return 0
