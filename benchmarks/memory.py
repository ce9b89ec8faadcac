"""Peak memory of a sweep's processes: the driver, the workers, and Ray's object store with the data."""

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml

from benchmarks.tables import table

SIDE, IMAGES = 64, 24_000
MIB = 2**20
TEXT = """\
A sweep of four MLPs trains for one epoch on generated images, and its memory is sampled ten times a second (Linux
counts each process's private memory, shared memory and mapped files). `object store`: shared memory of all processes
together, each page counted once, as a multiple of the training and validation images: one copy serves all workers of
a machine. `own`: private memory of a process; for several workers, the largest. With augmentation by crop and mirror,
a worker on a CPU has a copy of its own, padded and mirrored. Streamed images stay in a file that is mapped: the
system reads them when needed, and drops them when memory is short. In brackets: what this command found on
2026-11-25."""
BEFORE = {
    ("in memory", 1): (1172, 1201, 517),
    ("in memory", 2): (1121, 1151, 439),
    ("in memory, augmented", 2): (1108, 1626, 1119),
    ("streamed", 2): (452, 402, 489),
}
"""What driver, teachers and worker had of their own on 2026-11-25, in MiB."""


@dataclass
class Peaks:
    """The most that was seen, in bytes.

    Attributes:
        driver, teacher, worker: private memory of such a process.
        mapped: memory of files that a worker maps.
        store: shared memory of all processes together.
    """

    driver: int = 0
    teacher: int = 0
    worker: int = 0
    mapped: int = 0
    store: int = 0

    def see(self, root: psutil.Process) -> None:
        """Look at a process and all its descendants."""
        shared = 0
        for process in root.children(recursive=True):
            try:
                kind = _kind(" ".join(process.cmdline()))
                found = _resident(process.pid)
            except (psutil.Error, OSError):
                continue
            shared += found["Pss_Shmem"]
            if kind:
                setattr(self, kind, max(getattr(self, kind), found["Pss_Anon"]))
            if kind == "worker":
                self.mapped = max(self.mapped, found["Pss_File"])
        self.store = max(self.store, shared)


def measure() -> Iterator[dict[str, Any]]:
    """Run the sweeps one after the other; yield what each took, as JSON."""
    with tempfile.TemporaryDirectory(prefix="kdtune-memory-") as name:
        folder = Path(name)
        images = _write_images(folder / "images")
        ways = [
            ("in memory", {}, {}, 1),
            ("in memory", {}, {}, 2),
            ("in memory, augmented", {"augment": True}, {}, 2),
            ("streamed", {}, {"stream": True}, 2),
        ]
        for k, (kept, train, options, workers) in enumerate(ways):
            peaks = _sweep(folder / str(k), images, train, options, workers)
            yield {"kept": kept, "workers": workers, "data": IMAGES * SIDE * SIDE * 3, **asdict(peaks)}


def report(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    rows = [
        [
            f["kept"],
            str(f["workers"]),
            _mib(f["data"]),
            f"{_mib(f['store'])} ({f['store'] / f['data']:.1f} ×)",
            *(
                f"{_mib(f[kind])} ({was:,})"
                for kind, was in zip(
                    ("driver", "teacher", "worker"), BEFORE[f["kept"], f["workers"]], strict=True
                )
            ),
            _mib(f["mapped"]),
        ]
        for f in found
    ]
    head = [
        "images", "workers", "their size", "object store", "driver, own", "teachers, own", "worker, own",
        "worker, mapped files",
    ]  # fmt: skip
    return table(head, rows)


def _write_images(folder: Path) -> Path:
    """Write two classes of noise as PNG files that are quick to decode, and a file with their groups."""
    from PIL import Image

    rng = np.random.default_rng(0)
    rows = []
    for split, n in (("train", IMAGES), ("test", 20)):
        for k in range(n):
            path = folder / split / "ab"[k % 2] / f"{k:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
            rows.append([str(path.relative_to(folder)), "uv"[k // 2 % 2]])
    with open(folder / "groups.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", "group"], *rows])
    return folder


def _sweep(
    folder: Path, images: Path, train: Mapping[str, Any], options: Mapping[str, Any], workers: int
) -> Peaks:
    folder.mkdir()
    space = {
        "dataset": {
            "name": "folder", "path": str(images), "attributes": str(images / "groups.csv"), "sensitive": "group",
            "image_size": SIDE, **options,
        },
        "pairs": ["mlp-16->mlp-16"],
        "budget": {"trials": 4, "epochs": 1},
        "train": {"augment": False, "batch_size": 256, "precision": "float32", "channels_last": False, **train},
        "teacher": {"epochs": 1},
        "resources": {"workers": workers, "cohort": 1},
    }  # fmt: skip
    (folder / "space.yaml").write_text(yaml.safe_dump(space), encoding="utf-8")
    command = [sys.executable, "-m", "kdtune.cli", "search", str(folder / "space.yaml"), "--headless"]
    environment = {**os.environ, "KDTUNE_CACHE": str(folder / "cache")}
    peaks = Peaks()
    with (
        open(folder / "log", "w+", encoding="utf-8") as log,
        subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment) as search,
    ):
        root = psutil.Process(search.pid)
        while search.poll() is None:
            peaks.see(root)
            time.sleep(0.1)
        log.seek(0)
        if search.returncode:
            raise RuntimeError(f"the sweep ended with code {search.returncode}: {log.read()[-2000:]}")
    return peaks


def _kind(command: str) -> str:
    if command.startswith("ray::TeacherServer"):
        return "teacher"
    if (
        command.startswith("ray::")
        and not command.startswith(("ray::IDLE", "ray::WorkerRegistry"))
        and "Agent" not in command
    ):
        return "worker"
    return "driver" if "kdtune.sweep" in command else ""


def _resident(pid: int) -> dict[str, int]:
    """Return a process's share of memory in bytes, by kind: of its own, shared, files; a page that n map counts 1/n."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return {line.split(":")[0]: 1024 * int(line.split()[1]) for line in file if line.startswith("Pss_")}


def _mib(size: float) -> str:
    return f"{size / MIB:,.0f} MiB"
