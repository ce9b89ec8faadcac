"""The trials of a sweep by another program: the task that it reads, and what it found and took."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.processes import Cost, cores, run
from benchmarks.workloads import Workload
from kdtune.runs.paths import baseline_id
from kdtune.runs.reader import Run


def write_task(workload: Workload, folder: Path, prepared: Run, configs: list[dict[str, float]]) -> Path:
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


def other_way(module: Sequence[str], task: Path) -> tuple[list[dict[str, float]], Cost]:
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
