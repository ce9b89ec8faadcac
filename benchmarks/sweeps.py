"""Whole sweeps, including start-up: kdtune against what one would write by hand, on the same configurations."""

import json
import math
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.floor import step_seconds
from benchmarks.processes import Cost, cores, run
from benchmarks.tables import table
from benchmarks.workloads import Workload, workloads
from kdtune.runs.paths import baseline_id
from kdtune.runs.reader import Run, open_run
from kdtune.space.reading import Resources

TEXT = """\
By hand: Ray Tune's own pattern (`by_hand.py`): a function trainable in a fresh actor for each trial, a DataLoader
with transforms of single images, the teacher in every step, float32, `OptunaSearch`, fairlearn after each epoch,
Tune's defaults. kdtune: `kdtune search` from the command line. Both sides start as new processes, on the same
configurations, data, epochs and cores, in turns, and are timed from the start of the command to its end. Teachers are
trained before, and count for neither side. `processor` compares the processor time of all processes, which says less
about the wait but is less disturbed by other work on the machine; if the load average was well above the number of
cores, the wall-clock says little. n: runs of kdtune / by hand; medians.

The second table shows the last epoch's mean over the configurations, and kdtune minus by hand, in standard errors (SE)
of the paired differences; if the section on streams has the workload, the standard deviation over streams of batches
is added (see there). The third divides kdtune's wall-clock: before the first trial, in epochs (including evaluation
and checkpoint), between them, after the last; `floor` is the students' steps alone, on tensors in memory, on all
cores. The fourth divides kdtune's processor time by what its processes do; each process that trains or runs teachers
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
}
"""Ways in which kdtune can train the students, one by one or eight as one, and what each adds to the space."""
if "cohort" not in Resources.model_fields:
    VARIANTS = {"solo": {}}


def measure(
    data: Path, names: Sequence[str] = (), *, small: bool = False, repeats: int = 3
) -> Iterator[dict[str, Any]]:
    """Run workloads by hand and by kdtune, interleaved, and yield what each took, as JSON.

    Args:
        small: smaller workloads (see `workloads`).
        repeats: runs of each of kdtune's sweeps.
        names: how the names of the workloads to run begin; all if there are none.
    """
    with tempfile.TemporaryDirectory(prefix="kdtune-sweeps-") as folder:
        for k, workload in enumerate(workloads(data, Path(folder), small=small)):
            if not names or workload.name.startswith(tuple(names)):
                yield _measure(workload, Path(folder) / str(k), repeats)


def _measure(workload: Workload, folder: Path, repeats: int) -> dict[str, Any]:
    folder.mkdir(parents=True)
    print(f"  {workload.name}", file=sys.stderr, flush=True)
    # Baselines are trained now, and counted for neither side.
    prepared, _ = search(workload, folder, "prepare", {}, trials=1)
    rounds = max(repeats, workload.repeats)
    costs: dict[str, list[Cost]] = {}
    parts: dict[str, list[dict[str, float]]] = {}
    runs: dict[str, Run] = {}
    rows: list[dict[str, float]] = []
    for k in range(rounds):
        for variant, changes in VARIANTS.items():
            if variant == "fused" and workload.goal[1] is None:
                continue
            runs[variant], cost = search(workload, folder, f"{variant}-{k}", changes)
            costs.setdefault(variant, []).append(cost)
            parts.setdefault(variant, []).append(_parts(runs[variant], cost))
        if k < workload.repeats:
            task = _task(workload, folder, prepared, _configs(next(iter(runs.values()))))
            cost = run(
                [sys.executable, "-m", "benchmarks.by_hand", str(task), str(folder / "by-hand.json")],
                folder / "by-hand.log",
            )
            costs.setdefault("by hand", []).append(cost)
            rows = json.loads((folder / "by-hand.json").read_text())
            if any(row["accuracy"] is None for row in rows):
                raise RuntimeError(f"trials by hand failed: {(folder / 'by-hand.log').read_text()[-3000:]}")
    floor = step_seconds(prepared)
    steps = _steps(prepared) * workload.space["budget"]["trials"]
    return {
        "name": workload.name,
        "size": workload.size,
        "images": _examples(prepared),
        "goal": workload.goal,
        "costs": {name: [asdict(cost) for cost in found] for name, found in costs.items()},
        "parts": parts,
        "floor": floor * steps / cores(),
        "agreement": {variant: agreement(_metrics(r), rows) for variant, r in runs.items()},
        "speeds": prepared.record.machine["speeds"],
    }


def search(
    workload: Workload, folder: Path, name: str, changes: Mapping[str, Any], trials: int | None = None
) -> tuple[Run, Cost]:
    """Run `kdtune search` on a workload from the command line, with some changes; return the run and what it took."""
    space = folder / f"{name}.yaml"
    space.write_text(yaml.safe_dump({**workload.space, **changes}), encoding="utf-8")
    command = [sys.executable, "-m", "kdtune.cli", "search", str(space), "--headless", "--name", name]
    command += ["--runs-dir", str(folder / "runs"), "--import", "benchmarks.datasets"]
    if trials is not None:
        command += ["--trials", str(trials)]
    cost = run(command, folder / f"{name}.log", PYTHONPATH=str(Path(__file__).parents[1]))
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
    speed, agree, rest, spent = [], [], [], []
    for w in found:
        by_hand = _medians(w["costs"]["by hand"])
        for position, variant in enumerate(v for v in w["costs"] if v != "by hand"):
            own = _medians(w["costs"][variant])
            goal = w["goal"][min(position, 1)]
            speed.append(
                [
                    w["name"], w["size"], f"{w['images']:,}", variant, f"{by_hand['wall'] / own['wall']:.1f} ×",
                    f"{by_hand['cpu'] / own['cpu']:.1f} ×", "–" if goal is None else f"{goal:g} ×",
                    f"{len(w['costs'][variant])} / {len(w['costs']['by hand'])}",
                ]
            )  # fmt: skip
            a = w["agreement"][variant]
            agree.append(
                [w["name"], variant, str(a["accuracy"]["n"])]
                + [_difference(a[m], streams.get(w["name"], {}).get(m)) for m in ("accuracy", "eod")]
            )
            spent.append([w["name"], variant, *(f"{100 * s:.0f} %" for s in _spent(w["costs"][variant]))])
            parts = {
                name: statistics.median(p[name] for p in w["parts"][variant]) / own["wall"]
                for name in ("start", "epochs", "between", "end")
            }
            rest.append(
                [w["name"], variant, f"{own['wall'] / w['floor']:.2f}"]
                + [f"{100 * share:.0f} %" for share in parts.values()]
                + [f"{parts['epochs'] * own['wall'] / w['floor']:.2f}"]
            )
    return "\n".join(
        [
            table(
                ["workload", "trials × epochs", "examples", "kdtune", "faster, wall", "faster, processor", "goal", "n"],
                speed,
            ),
            table(["workload", "kdtune", "configurations", "accuracy", "EOD"], agree),
            table(
                ["workload", "kdtune", "whole / floor", "start", "epochs", "between", "end", "epochs / floor"],
                rest,
            ),
            table(["workload", "kdtune", *PROCESSES, "Ray"], spent),
        ]
    )  # fmt: skip


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


def _medians(costs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(cost[name] for cost in costs) for name in ("wall", "cpu")}
