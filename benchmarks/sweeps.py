"""Whole sweeps, including start-up: kdtune against what one would write by hand, on the same configurations."""

import datetime
import json
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

import numpy as np
import yaml

from benchmarks import peers
from benchmarks.floor import step_seconds
from benchmarks.processes import Cost, cores, run
from benchmarks.tables import table
from benchmarks.workloads import Workload, workloads
from kdtune.runs.paths import baseline_id
from kdtune.runs.reader import Run, open_run

TEXT = """\
By hand: Ray Tune's own pattern (`by_hand.py`): a function trainable in a fresh actor for each trial, a DataLoader
with transforms of single images, the teacher in every step, float32, `OptunaSearch`, fairlearn after each epoch,
Tune's defaults. kdtune: `kdtune search` from the command line. Both sides start as new processes, on the same
configurations, data, epochs and cores, in turns, and are timed from the start of the command to its end. Teachers are
trained before, and count for neither side. `processor` compares the processor time of all processes, which says less
about the wait but is less disturbed by other work on the machine; if the load average was well above the number of
cores, the wall-clock says little. `solo`: students are trained one by one; `fused`: eight as one; `default`: as kdtune
decides by a measurement. n: runs of kdtune / by hand; medians. `was` is what this command found on 2026-11-25. Since
then, all training examples are looked at once after the last epoch (see `last` in "An epoch"), which a sweep of one
epoch feels most.

The second table shows what else runs the same trials on one machine, trained as by hand (`peers.py`): Optuna alone, as
many processes as cores with one study; and Syne Tune's local backend, a process for each trial. Each ran once for each
n of its row.

The next table shows the last epoch's mean over the configurations, and kdtune minus by hand, in standard errors (SE)
of the paired differences; if the section on streams has the workload, the standard deviation over streams of batches
is added (see there). The next one divides kdtune's wall-clock: before the first trial, in epochs (including evaluation
and checkpoint), between them, after the last; `floor` is the students' steps alone, on tensors in memory, on all
cores, one by one; kdtune's processes keep the memory that a step frees, and those of the floor and of the others do
not. The last one divides kdtune's processor time by what its processes do; each process that trains or runs teachers
imports torch, which takes seconds."""
PROCESSES = {
    "students": ("ray::CohortTrial", "ray::Resource"),
    "teachers": ("ray::TeacherServer",),
    "driver": ("kdtune.sweep", "ray::WorkerRegistry"),
    "command line": ("kdtune.cli",),
}
"""Kinds of kdtune's processes, and what their names contain; all others are Ray's own."""
VARIANTS: dict[str, dict[str, Any]] = {
    "solo": {"resources": {"cohort": 1}},
    "fused": {"resources": {"cohort": 8}},
    "default": {},
}
"""Ways in which kdtune can train the students, and what each adds to the space.

One by one, eight as one, or as kdtune does by itself: as many as one as is found to be fastest, in equal shares.
"""
BEFORE = {
    ("R20→LeNet-5, Trifeature", "solo"): 12.4,
    ("R20→LeNet-5, Trifeature", "fused"): 13.7,
    ("R20→8×8 CNN, digits", "solo"): 12.2,
    ("R20→8×8 CNN, digits", "fused"): 13.3,
    ("MLP-256-128→MLP-16, Adult", "solo"): 10.5,
    ("MLP-256-128→MLP-16, Adult", "fused"): 11.0,
    ("R56→LeNet-5, CIFAR-10", "solo"): 14.7,
    ("R56→LeNet-5, CIFAR-10", "fused"): 17.7,
    ("R56→R20, CIFAR-10", "solo"): 4.4,
}
"""How many times faster than by hand (wall-clock) each sweep was on 2026-11-25."""


def measure(
    data: Path, names: Sequence[str] = (), *, small: bool = False, repeats: int = 3, others: int = 1
) -> Iterator[dict[str, Any]]:
    """Run workloads by hand and by kdtune, interleaved, and yield what each took, as JSON.

    Args:
        small: smaller workloads (see `workloads`).
        repeats: runs of each of kdtune's sweeps.
        others: runs of each sweep by hand, and of the peers where the workload has them.
        names: how the names of the workloads to run begin; all if there are none.
    """
    with tempfile.TemporaryDirectory(prefix="kdtune-sweeps-") as folder:
        for k, workload in enumerate(workloads(data, Path(folder), small=small)):
            if not names or workload.name.startswith(tuple(names)):
                yield _measure(workload, Path(folder) / str(k), repeats, others)


def _measure(workload: Workload, folder: Path, repeats: int, others: int) -> dict[str, Any]:
    folder.mkdir(parents=True)
    began, load = time.time(), os.getloadavg()[0]
    print(f"  {workload.name}", file=sys.stderr, flush=True)
    # Baselines are trained now, and counted for neither side.
    prepared, _ = search(workload, folder, "prepare", {}, trials=1)
    ways = {"by hand": ["benchmarks.by_hand"]} if workload.by_hand else {}
    repeats = repeats if workload.by_hand else 1
    if workload.peers:
        ways |= {name: ["benchmarks.peers", name] for name in peers.installed()}
    costs: dict[str, list[Cost]] = {}
    parts: dict[str, list[dict[str, float]]] = {}
    runs: dict[str, Run] = {}
    rows: list[dict[str, float]] = []
    for k in range(max(repeats, others)):
        for variant, changes in VARIANTS.items() if k < repeats else ():
            if variant != "solo" and workload.goal[1] is None:
                continue
            runs[variant], cost = search(workload, folder, f"{variant}-{k}", changes)
            costs.setdefault(variant, []).append(cost)
            parts.setdefault(variant, []).append(_parts(runs[variant], cost))
        if k == 0 and ways:
            task = _task(workload, folder, prepared, _configs(next(iter(runs.values()))))
        for way, module in ways.items() if k < others else ():
            found, cost = _other_way(module, task)
            costs.setdefault(way, []).append(cost)
            if way == "by hand":
                rows = found
    floor = step_seconds(prepared)
    steps = _steps(prepared) * workload.space["budget"]["trials"]
    return {
        "name": workload.name,
        "began": began,
        "load": load,
        "size": workload.size,
        "images": _examples(prepared),
        "goal": workload.goal,
        "costs": {name: [asdict(cost) for cost in found] for name, found in costs.items()},
        "parts": parts,
        "floor": floor * steps / cores(),
        "agreement": {variant: agreement(_metrics(r), rows) for variant, r in runs.items()} if rows else {},
        "speeds": prepared.record.machine["speeds"],
    }


def _other_way(module: Sequence[str], task: Path) -> tuple[list[dict[str, float]], Cost]:
    """Run the trials of a task by another program; return the last metrics of each trial, and what it took.

    Raises:
        RuntimeError: a trial failed.
    """
    result, log = task.with_name("found.json"), task.with_name("found.log")
    cost = run(
        [sys.executable, "-m", *module, str(task), str(result)],
        log,
        PYTHONPATH=str(Path(__file__).parents[1]),
        SYNETUNE_FOLDER=str(task.with_name("syne-tune")),
    )
    rows: list[dict[str, float]] = json.loads(result.read_text())
    asked = len(json.loads(task.read_text())["configs"])
    if len(rows) != asked or any(row["accuracy"] is None for row in rows):
        raise RuntimeError(f"trials failed ({' '.join(module)}): {log.read_text()[-3000:]}")
    return rows, cost


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


def _configs(run: Run) -> list[dict[str, float]]:
    return [
        {name: trial.config[name] for name in ("temperature", "alpha", "lr")}
        for trial in run.state().trials.values()
    ]


def _metrics(run: Run) -> list[dict[str, float]]:
    return [
        {"alpha": t.config["alpha"], "accuracy": t.values["accuracy"], "eod": t.values["eod"]}
        for t in run.state().trials.values()
        if t.state == "done"
    ]


def _task(workload: Workload, folder: Path, prepared: Run, configs: list[dict[str, float]]) -> Path:
    """Write what the sweep by hand needs: data as arrays, the teacher's weights, the configurations."""
    import benchmarks.datasets  # noqa: F401 (it registers them)
    from kdtune.data import load

    space = workload.space
    options = {k: v for k, v in space["dataset"].items() if k != "name"}
    dataset = load(space["dataset"]["name"], **options)
    attribute = next(iter(dataset.attributes))
    np.savez(
        folder / "data.npz",
        train_inputs=dataset.train.inputs.numpy(),
        train_labels=dataset.train.labels.numpy(),
        validation_inputs=dataset.validation.inputs.numpy(),
        validation_labels=dataset.validation.labels.numpy(),
        validation_groups=dataset.validation.groups[attribute].numpy(),
    )
    teacher, student = space["pairs"][0].split("->")
    normalisation = dataset.normalisation
    task = {
        **space["train"],
        "cores": cores(),
        "data": str(folder / "data.npz"),
        "storage": str(folder / "ray"),
        "space": {k: space["search"][k] for k in ("temperature", "alpha", "lr")},
        "configs": configs,
        "epochs": space["budget"]["epochs"],
        "teacher": teacher,
        "student": student,
        "teacher_weights": str(prepared.files.weights(baseline_id("teacher", teacher))),
        "input_shape": list(dataset.input_shape),
        "n_classes": dataset.n_classes,
        "mean": None if normalisation is None else normalisation.mean,
        "std": None if normalisation is None else normalisation.std,
        "crop": dataset.augmentation.crop,
        "flip": dataset.augmentation.flip,
    }
    path = folder / "task.json"
    path.write_text(json.dumps(task), encoding="utf-8")
    return path


def agreement(
    ours: Sequence[Mapping[str, float]], theirs: Sequence[Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Compare two sweeps on the same configurations: the mean difference, also in standard errors."""
    by_alpha = {row["alpha"]: row for row in theirs}
    pairs = [(row, by_alpha[row["alpha"]]) for row in ours if row["alpha"] in by_alpha]
    found = {}
    for name in ("accuracy", "eod"):
        differences = [
            a[name] - b[name] for a, b in pairs if not (math.isnan(a[name]) or math.isnan(b[name]))
        ]
        n = len(differences)
        error = statistics.stdev(differences) / math.sqrt(n) if n > 1 else math.nan
        mean = statistics.fmean(differences) if n else math.nan
        found[name] = {"n": n, "ours": statistics.fmean(a[name] for a, _ in pairs), "difference": mean}
        found[name]["errors"] = abs(mean) / error if error else 0.0
    return found


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


def report(found: Sequence[Mapping[str, Any]], streams: Mapping[str, Mapping[str, float]]) -> str:
    """Return the section of RESULTS.md.

    Args:
        streams: workload -> metric -> standard deviation of a sweep's mean over streams of batches.
    """
    each = [(w, variant) for w in found for variant in w["costs"] if variant in VARIANTS]
    compared = [(w, variant) for w, variant in each if "by hand" in w["costs"]]
    return "\n".join(
        [
            table(
                [
                    "workload", "trials × epochs", "examples", "kdtune", "was", "faster, wall", "faster, processor",
                    "goal", "n", "measured, UTC; load before",
                ],
                [_against_by_hand(w, variant) for w, variant in compared],
            ),
            table(
                ["workload", "kdtune", "than", "faster, wall", "faster, processor", "n"],
                [
                    [w["name"], variant, peer, *_faster(w["costs"], variant, peer)]
                    for w, variant in compared for peer in peers.NAMES if peer in w["costs"]
                ],
            ),
            table(
                ["workload", "kdtune", "configurations", "accuracy", "EOD"],
                [_agreement_row(w, variant, streams.get(w["name"], {})) for w, variant in compared],
            ),
            table(
                ["workload", "kdtune", "whole / floor", "start", "epochs", "between", "end", "epochs / floor"],
                [_divided(w, variant) for w, variant in each],
            ),
            table(
                ["workload", "kdtune", *PROCESSES, "Ray"],
                [
                    [w["name"], variant, *(f"{100 * share:.0f} %" for share in _spent(w["costs"][variant]))]
                    for w, variant in each
                ],
            ),
        ]
    )  # fmt: skip


def _against_by_hand(w: Mapping[str, Any], variant: str) -> list[str]:
    """Return a row of the first table."""
    goal, was = w["goal"][variant != "solo"], BEFORE.get((w["name"], variant))
    wall, cpu, n = _faster(w["costs"], variant, "by hand")
    began = datetime.datetime.fromtimestamp(w["began"], datetime.UTC)
    return [
        w["name"],
        w["size"],
        f"{w['images']:,}",
        variant,
        "–" if was is None else f"{was:.1f} ×",
        wall,
        cpu,
        "–" if goal is None else f"{goal:g} ×",
        n,
        f"{began:%Y-%m-%d %H:%M}; {w['load']:.1f}",
    ]


def _faster(costs: Mapping[str, Sequence[Mapping[str, float]]], variant: str, other: str) -> list[str]:
    """Return how many times faster kdtune is, by wall-clock and by processor time, and the runs of both sides.

    Where both sides ran several times, the ratio of the closest runs and that of the furthest are in brackets.
    """
    texts = []
    for of in ("wall", "cpu"):
        ours, theirs = ([cost[of] for cost in costs[name]] for name in (variant, other))
        text = f"{statistics.median(theirs) / statistics.median(ours):.1f} ×"
        if min(len(ours), len(theirs)) > 1:
            text += f" [{min(theirs) / max(ours):.1f}, {max(theirs) / min(ours):.1f}]"
        texts.append(text)
    return [*texts, f"{len(costs[variant])} / {len(costs[other])}"]


def _agreement_row(w: Mapping[str, Any], variant: str, streams: Mapping[str, float]) -> list[str]:
    found = w["agreement"][variant]
    return [w["name"], variant, str(found["accuracy"]["n"])] + [
        _difference(found[metric], streams.get(metric)) for metric in ("accuracy", "eod")
    ]


def _divided(w: Mapping[str, Any], variant: str) -> list[str]:
    """Return a row of the table that divides the wall-clock."""
    wall = statistics.median(cost["wall"] for cost in w["costs"][variant])
    parts = {
        name: statistics.median(p[name] for p in w["parts"][variant]) / wall
        for name in ("start", "epochs", "between", "end")
    }
    return [
        w["name"],
        variant,
        f"{wall / w['floor']:.2f}",
        *(f"{100 * share:.0f} %" for share in parts.values()),
        f"{parts['epochs'] * wall / w['floor']:.2f}",
    ]


def _difference(found: Mapping[str, float], stream: float | None) -> str:
    """Return how far kdtune is from by hand, in standard errors of the pairs and of the stream that they share."""
    text = f"{found['ours']:.3f}, {found['difference']:+.4f} ({found['errors']:.1f} SE"
    if stream is not None:
        error = abs(found["difference"]) / found["errors"] if found["errors"] else 0.0
        text += f"; with streams {abs(found['difference']) / math.hypot(error, stream):.1f} SE"
    return text + ")"


def _spent(costs: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the share of the processor time for each kind of process."""
    totals = dict.fromkeys([*PROCESSES, "Ray"], 0.0)
    for cost in costs:
        for name, seconds in cost["processes"].items():
            kind = next((k for k, signs in PROCESSES.items() if any(s in name for s in signs)), "Ray")
            totals[kind] += seconds
    return [seconds / sum(totals.values()) for seconds in totals.values()]
