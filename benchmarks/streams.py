"""How far the mean of a sweep depends on the batches that its students share: the same students on other batches."""

import multiprocessing
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.kdtune_search import VARIANTS, search
from benchmarks.processes import cores
from benchmarks.tables import table
from benchmarks.workloads import workloads

STREAMS = 4
METRICS = ("accuracy", "eod")
TEXT = """\
kdtune shows all students of a sweep the same views of the examples in the same order (each keeps its own initial
weights), so that they differ by their settings and not by luck. The luck of that one stream of batches moves all
students together, so their mean is less certain than their number suggests. Here the students of each sweep are trained
again on other streams. The table shows the mean over the configurations for each stream, and the standard deviation of
these means. By hand, each trial draws its own stream."""


def measure(data: Path, names: Sequence[str] = (), *, small: bool = False) -> Iterator[dict[str, Any]]:
    """Run each workload once, train its students on other streams of batches, and yield their means, as JSON.

    Args:
        names: how the names of the workloads to run begin; all if there are none.

    Raises:
        AssertionError: on a sweep's own stream, students come out different from those in the sweep.
    """
    with tempfile.TemporaryDirectory(prefix="kdtune-streams-") as folder:
        for k, workload in enumerate(workloads(data, Path(folder), small=small)):
            if names and not workload.name.startswith(tuple(names)):
                continue
            print(f"  {workload.name}", file=sys.stderr, flush=True)
            (Path(folder) / str(k)).mkdir()
            run, _ = search(workload, Path(folder) / str(k), "once", VARIANTS["solo"])
            tasks = [(str(run.path), workload.space["dataset"], seed) for seed in range(STREAMS)]
            with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
                means = list(pool.map(_means, tasks))
            trials = run.state().trials.values()
            difference = max(
                abs(statistics.fmean(t.values[m] for t in trials) - means[0][m]) for m in METRICS
            )
            assert difference < 1e-9, f"the run's own stream gives other means here: {difference:g}"
            yield {"name": workload.name, "size": workload.size, "means": means}


def _means(task: tuple[str, dict[str, Any], int]) -> dict[str, float]:
    """Train the students of a run on one stream, and return the means of the last epoch's measures."""
    import torch

    import benchmarks.datasets  # noqa: F401 (it registers them)
    from kdtune.data import load
    from kdtune.distill.arrays import Arrays, DeviceData
    from kdtune.distill.teachers.signal import TeacherSignal, signal_of
    from kdtune.distill.training import Training
    from kdtune.files import read_json
    from kdtune.report.evaluate.trained import job_of, load_trained
    from kdtune.runs.paths import baseline_id
    from kdtune.runs.reader import open_run

    path, options, stream = task
    torch.set_num_threads(1)
    run = open_run(path)
    arrays = Arrays.of(load(**options))
    configs = {trial: read_json(run.files.config(trial)) for trial in run.state().trials}
    jobs = [replace(job_of(run, *item), view_seed=stream) for item in configs.items()]
    data = DeviceData(arrays, torch.device("cpu"), view_seed=stream, augment=jobs[0].train.augment)
    teacher = load_trained(run, baseline_id("teacher", run.record.pairs[0].split("->")[0]))
    signal = signal_of(teacher.module(run), data, precision=teacher.job.train.precision)
    kept = TeacherSignal(cache(signal.logits), signal.validation_predictions)
    found: dict[str, list[float]] = {metric: [] for metric in METRICS}
    for job in jobs:
        training = Training(job, data, teacher=kept)
        training.run()
        counts = training.reports[-1].counts[next(iter(arrays.n_groups))]
        found["accuracy"].append(counts.accuracy)
        found["eod"].append(counts.eod)
    return {name: statistics.fmean(values) for name, values in found.items()}


def deviation(found: Mapping[str, Any], metric: str) -> float:
    """Return the standard deviation of a workload's means over the streams."""
    return statistics.stdev(means[metric] for means in found["means"])


def report(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    rows = [
        [w["name"], w["size"]]
        + [
            f"{', '.join(f'{means[metric]:.3f}' for means in w['means'])} (SD {deviation(w, metric):.3f})"
            for metric in METRICS
        ]
        for w in found
    ]
    return table(["workload", "trials × epochs", "mean accuracy, by stream", "mean EOD, by stream"], rows)
