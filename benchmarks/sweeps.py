"""Whole sweeps, including start-up: kdtune against what one would write by hand, on the same configurations."""

import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.agreement import agreement, metrics
from benchmarks.floor import step_seconds
from benchmarks.kdtune_search import VARIANTS, search
from benchmarks.other_ways import other_way, write_task
from benchmarks.processes import Cost, cores
from benchmarks.workloads import Workload, workloads
from kdtune.runs.reader import Run


def measure(
    data: Path,
    names: Sequence[str] = (),
    *,
    small: bool = False,
    repeats: int = 3,
    others: int = 1,
    peers_runs: int = 1,
) -> Iterator[dict[str, Any]]:
    """Run workloads by hand and by kdtune, interleaved; yield what each took so far, as JSON, after every round.

    Args:
        small: smaller workloads (see `workloads`).
        repeats: runs of each of kdtune's sweeps.
        others: runs of each sweep by hand.
        peers_runs: runs of each sweep by the peers, where the workload has them.
        names: how the names of the workloads to run begin; all if there are none.
    """
    with tempfile.TemporaryDirectory(prefix="kdtune-sweeps-") as folder:
        for k, workload in enumerate(workloads(data, Path(folder), small=small)):
            if not names or workload.name.startswith(tuple(names)):
                yield from _measure(
                    workload,
                    Path(folder) / str(k),
                    {"kdtune": repeats, "by hand": others, "peers": peers_runs},
                )


def _measure(workload: Workload, folder: Path, runs_of: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    folder.mkdir(parents=True)
    began, load = time.time(), os.getloadavg()[0]
    print(f"  {workload.name}", file=sys.stderr, flush=True)
    # Baselines are trained now, and counted for neither side.
    prepared, _ = search(workload, folder, "prepare", {}, trials=1)
    repeats = runs_of["kdtune"] if workload.by_hand else 1
    ways = {"by hand": (["benchmarks.by_hand"], runs_of["by hand"])} if workload.by_hand else {}
    if workload.peers:
        ways |= {name: (["benchmarks.peers", name], runs_of["peers"]) for name in peers.installed()}
    costs: dict[str, list[Cost]] = {}
    parts: dict[str, list[dict[str, float]]] = {}
    runs: dict[str, Run] = {}
    rows: list[dict[str, float]] = []
    floors: list[float] = []
    steps = _steps(prepared) * workload.space["budget"]["trials"]
    for k in range(max([repeats, *(n for _, n in ways.values())])):
        for variant, changes in VARIANTS.items() if k < repeats else ():
            if variant != "solo" and workload.goal[1] is None:
                continue
            runs[variant], cost = search(workload, folder, f"{variant}-{k}", changes)
            costs.setdefault(variant, []).append(cost)
            parts.setdefault(variant, []).append(_parts(runs[variant], cost))
        if k == 0 and ways:
            task = write_task(workload, folder, prepared, _configs(next(iter(runs.values()))))
        for way, (module, n) in ways.items():
            if k >= n:
                continue
            found, cost = other_way(module, task)
            costs.setdefault(way, []).append(cost)
            if way == "by hand":
                rows = found
        floors.append(step_seconds(prepared) * steps / cores())
        yield {
            "name": workload.name,
            "began": began,
            "load": load,
            "size": workload.size,
            "images": _examples(prepared),
            "goal": workload.goal,
            "costs": {name: [asdict(cost) for cost in found] for name, found in costs.items()},
            "parts": parts,
            "floor": statistics.median(floors),
            "agreement": {variant: agreement(metrics(r), rows) for variant, r in runs.items()}
            if rows
            else {},
            "speeds": prepared.record.machine["speeds"],
        }


def _configs(run: Run) -> list[dict[str, float]]:
    return [
        {name: trial.config[name] for name in ("temperature", "alpha", "lr")}
        for trial in run.state().trials.values()
    ]


def _parts(run: Run, cost: Cost) -> dict[str, float]:
    """Return how a sweep's wall-clock divides: before the trials, in the epochs, between them, after them."""
    state = run.state()
    assert state.trials_started is not None
    ended = max(trial.ended or 0.0 for trial in state.trials.values())
    seconds = sum(trial.seconds for trial in state.trials.values())
    at_work = ended - state.trials_started
    epochs = min(seconds / cores(), at_work)
    return {
        "start": state.trials_started - cost.began,
        "epochs": epochs,
        "between": at_work - epochs,
        "end": cost.began + cost.wall - ended,
    }


def _steps(run: Run) -> int:
    """Return the optimiser steps of one student."""
    space = run.record.space
    batches = math.ceil(_examples(run) / space["train"]["batch_size"])
    return int(space["budget"]["epochs"] * batches)


def _examples(run: Run) -> int:
    return int(run.record.dataset["splits"]["train"]["n"])
