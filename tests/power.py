"""A machine that loses its power: a disk of its own whose image is copied while it is mounted.

The copy holds what the disk was given up to that moment, and nothing that only memory held. The file system writes by
itself every ten minutes only, so that what nobody waited for is lost for sure.
"""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.limits import PATIENCE


class Disk:
    """An ext4 file system in a file; skips where only root may mount one."""

    def __init__(self, image: Path, place: Path, size: str = "") -> None:
        self.image = image
        self.place = place
        if size:
            _run("truncate", "-s", size, str(image))
            _run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))

    @contextlib.contextmanager
    def mounted(self) -> Iterator[Path]:
        """Mount it until the block ends."""
        self.place.mkdir(exist_ok=True)
        _run("mount", "-o", "loop,commit=600,noauto_da_alloc", str(self.image), str(self.place))
        try:
            yield self.place
        finally:
            subprocess.run(["umount", "-l", self.place], check=False, capture_output=True)

    def cut(self, image: Path, processes: list[psutil.Process]) -> "Disk":
        """Return the disk as it would be found if the power failed now; these processes are halted meanwhile."""
        with halted(processes):
            shutil.copyfile(self.image, image)
        return Disk(image, image.with_suffix(".mounted"))


@contextlib.contextmanager
def halted(processes: list[psutil.Process]) -> Iterator[None]:
    """Stop processes, and wait until none of them is in the midst of writing."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.suspend()
    deadline = time.monotonic() + PATIENCE
    while any(map(_runs, processes)):
        assert time.monotonic() < deadline, "a process does not stop"
        time.sleep(0.002)
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.resume()


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
    except FileNotFoundError as error:
        pytest.skip(f"no {error.filename} here")
    if done.returncode:
        pytest.skip(f"this machine lets no file system be mounted: {done.stderr.strip()}")
