"""The run's directory as a worker sees it: the directory itself if it is in reach, else copies from the registry."""

import contextlib
import shutil
from pathlib import Path

from kdtune.files import LARGEST_WEIGHTS, read_regular, temporary_folder, write_bytes
from kdtune.runs.lock import owner_of
from kdtune.runs.paths import RunFiles
from kdtune.sweep.remote.worker_registry import RegistryClient


class RunFolder:
    """What a worker reads and writes of a run.

    Args:
        root: the run's directory on the driver's machine, absolute.
        owner: what its lock file says; a directory of the same name with another owner is a different one.
    """

    def __init__(self, root: Path, owner: str, registry: RegistryClient) -> None:
        self._root = root
        self._registry = registry
        self._copies: Path | None = None
        self._known: dict[Path, tuple[int, int] | None] = {}
        if owner_of(RunFiles(root)) != owner:
            self._copies = temporary_folder("run")

    def fetch(self, path: Path) -> Path:
        """Return where to read and write a file of the run on this machine, with its current content."""
        if self._copies is None:
            return path
        name = path.relative_to(self._root)
        here = self._copies / name
        content = self._registry.read_file(str(name))
        if content is None:
            here.unlink(missing_ok=True)
        else:
            write_bytes(here, content)
        self._known[here] = _version(here)
        return here

    def send_changes(self) -> None:
        """Send the fetched files that were changed here to the run, and wait until they are there."""
        for path, before in self._known.items():
            now = _version(path)
            if self._copies is not None and now is not None and now != before:
                name = str(path.relative_to(self._copies))
                self._registry.write_file(name, read_regular(path, limit=LARGEST_WEIGHTS))
                self._known[path] = now

    def clear(self) -> None:
        """Forget what was fetched: the next trial has other files."""
        self._known.clear()
        if self._copies is not None:
            for path in self._copies.iterdir():
                shutil.rmtree(path, ignore_errors=True)

    def remove(self) -> None:
        """Delete the copies, if this machine has any: no trial follows."""
        if self._copies is not None:
            shutil.rmtree(self._copies, ignore_errors=True)


def _version(path: Path) -> tuple[int, int] | None:
    """Return a value that changes whenever the file is replaced."""
    with contextlib.suppress(OSError):
        facts = path.stat()
        return facts.st_ino, facts.st_mtime_ns
    return None
