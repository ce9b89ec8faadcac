"""A cluster of machines without a common disk: network namespaces with their own address, /tmp and shared memory."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.limits import PATIENCE

CLUSTER = {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""What a `ray start` and a driver that joins it need in their environment."""

_HIDE = """
mount --make-rprivate / || exit
for folder in /tmp /dev/shm "$HIDDEN"; do mkdir -p "$folder" && mount -t tmpfs -o size=4g tmpfs "$folder" || exit; done
exec "$@"
"""
"""Another machine's /tmp and shared memory are not this one's, and it does not see this one's run."""


class Machine:
    """One network namespace on the network's switch."""

    def __init__(
        self, namespace: str, address: str, environment: dict[str, str], hidden: Path | None
    ) -> None:
        self.namespace = namespace
        self.address = address
        self._environment = environment
        self._hidden = hidden

    def start(self, *command: str, **options: Any) -> "subprocess.Popen[str]":
        """Run a command there."""
        prefix = ["ip", "netns", "exec", self.namespace]
        environment = dict(self._environment)
        if self._hidden is not None:
            prefix += ["unshare", "--mount", "sh", "-c", _HIDE, "sh"]
            environment["HIDDEN"] = str(self._hidden)
        return subprocess.Popen([*prefix, *command], env=environment, text=True, **options)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Return what runs there; with words, only processes whose command line contains one."""
        listed = _ip("netns", "pids", self.namespace).split()
        found = []
        for pid in map(int, listed):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                command = " ".join(process.cmdline())
                if not words or any(word in command for word in words):
                    found.append(process)
        return found

    def trials_at_work(self) -> int:
        """Return how many processes train students there."""
        return len([p for p in self.processes("ray::") if "Trainable" in " ".join(p.cmdline())])

    def die(self) -> None:
        """Lose the machine: all of its processes at once."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in self.processes():
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)


class Cluster:
    """A head without cores, on the machine's own disk, and workers that are added and lost."""

    port = 6379

    def __init__(self, folder: Path) -> None:
        self._tag = f"k{os.getpid() % 100_000}"
        self._folder = folder
        self._machines: list[Machine] = []
        self._started: list[subprocess.Popen[str]] = []
        self._temp = tempfile.mkdtemp(prefix="kdray", dir="/tmp")  # sockets have short paths
        self._environment = {**os.environ, **CLUSTER}
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "br0", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "br0", "up")
        self.head = self._machine(hidden=None)
        self._ray(
            self.head,
            "--head",
            f"--port={self.port}",
            "--num-cpus=0",
            "--include-dashboard=false",
            f"--temp-dir={self._temp}",
        )

    @property
    def address(self) -> str:
        """Where a driver joins."""
        return f"{self.head.address}:{self.port}"

    def add(self, *, cpus: int = 1, temporary: Path | None = None) -> Machine:
        """Start one more machine, and Ray on it; with a folder for temporary files, the machine shares the disk."""
        machine = self._machine(hidden=None if temporary else self._folder, temporary=temporary)
        self._ray(machine, f"--address={self.address}", f"--num-cpus={cpus}")
        return machine

    def kdtune(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run the command line on the head."""
        return self.head.start(
            sys.executable, "-m", "kdtune.cli", *arguments,
            cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def close(self) -> None:
        """Stop everything and remove it."""
        for machine in self._machines:
            machine.die()
        for process in self._started:
            process.wait(timeout=PATIENCE)
        for machine in self._machines:
            _ip("netns", "delete", machine.namespace)
        _ip("netns", "delete", self._switch)
        shutil.rmtree(self._temp, ignore_errors=True)

    @property
    def _switch(self) -> str:
        return f"{self._tag}-switch"

    def _machine(self, hidden: Path | None, temporary: Path | None = None) -> Machine:
        number = len(self._machines) + 1
        namespace, address = f"{self._tag}-m{number}", f"10.213.0.{number}"
        _ip("netns", "add", namespace)
        port = f"port{number}"
        _ip(
            "link",
            "add",
            "eth0",
            "netns",
            namespace,
            "type",
            "veth",
            "peer",
            "name",
            port,
            "netns",
            self._switch,
        )
        _ip("-n", self._switch, "link", "set", port, "master", "br0", "up")
        _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", namespace, "link", "set", device, "up")
        own = {} if temporary is None else {"TMPDIR": str(temporary)}
        machine = Machine(namespace, address, {**self._environment, **own}, hidden)
        self._machines.append(machine)
        return machine

    def _ray(self, machine: Machine, *options: str) -> None:
        """Start Ray there; try again if the machine is so busy that Ray's 30 s are not enough."""
        path = self._folder / f"{machine.namespace}.log"
        for _ in range(10):
            with open(path, "w", encoding="utf-8") as log:
                process = machine.start(
                    "ray", "start", f"--node-ip-address={machine.address}", "--block",
                    f"--object-store-memory={150 * 2**20}", *options, stdout=log, stderr=log,
                )  # fmt: skip
            self._started.append(process)
            while process.poll() is None:
                if "Ray runtime started" in path.read_text(encoding="utf-8"):
                    return
                time.sleep(0.2)
            machine.die()
        raise AssertionError(path.read_text(encoding="utf-8"))


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Yield a cluster with a head and no workers; skip the test where namespaces can't be made."""
    try:
        _ip("netns", "add", f"k{os.getpid() % 100_000}-try")
        _ip("netns", "delete", f"k{os.getpid() % 100_000}-try")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs root, Linux and iproute2: machines are network namespaces")
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.close()


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
