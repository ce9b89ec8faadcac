"""Runs `kdtune search` on a workload from the command line, in each of the ways to train its students."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.processes import Cost, run
from benchmarks.workloads import Workload
from kdtune.runs.reader import Run, open_run

VARIANTS: dict[str, dict[str, Any]] = {
    "solo": {"resources": {"cohort": 1}},
    "fused": {"resources": {"cohort": 8}},
    "default": {},
}
"""Ways in which kdtune can train the students, and what each adds to the space.

One by one, eight as one, or as kdtune does by itself: as many as one as is found to be fastest, in equal shares.
"""


def search(
    workload: Workload,
    folder: Path,
    name: str,
    changes: Mapping[str, Any],
    trials: int | None = None,
    cache: Path | None = None,
) -> tuple[Run, Cost]:
    """Run `kdtune search` on a workload from the command line, with some changes; return the run and what it took."""
    space = folder / f"{name}.yaml"
    space.write_text(yaml.safe_dump({**workload.space, **changes}), encoding="utf-8")
    command = [sys.executable, "-m", "kdtune.cli", "search", str(space), "--headless", "--name", name]
    command += ["--runs-dir", str(folder / "runs"), "--import", "benchmarks.datasets"]
    if trials is not None:
        command += ["--trials", str(trials)]
    environment = {} if cache is None else {"KDTUNE_CACHE": str(cache)}
    cost = run(command, folder / f"{name}.log", PYTHONPATH=str(Path(__file__).parents[1]), **environment)
    return open_run(folder / "runs" / name), cost
