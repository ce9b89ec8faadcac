"""What an epoch of one student is spent on, by kdtune's own training, on one core."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.tables import table
from benchmarks.workloads import Workload, workloads

EPOCHS = 12
PARTS = ("views", "steps", "evaluation", "report", "checkpoint")
TEXT = """\
One student learns from logits that are there already, on one core; the functions of kdtune's own training are timed.
`views`: a batch is gathered, cropped, mirrored and normalised. `steps`: forward, loss, backward, update. `evaluation`:
the outputs on all validation examples; `an example` is what one of them costs, as a share of a step's for each of its
examples. `report`: loss, counts by class and group, and the record. `checkpoint`: weights and the optimiser's state,
written so that they outlive a power cut. `last`: classes of all training examples, in the last epoch alone. All but the
last is needed in every epoch, because monitor, early stopping and samplers read the measures, and a worker that dies
costs one epoch. Medians of the epochs after the first, in milliseconds. Evaluation and report once took 0.30 of the
0.95 processor seconds of an epoch of LeNet-5 with 2,000 images; batches that fit the processor's cache take less."""


def measure(data: Path, names: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield, for each workload, the seconds of an epoch's parts, as JSON."""
    with tempfile.TemporaryDirectory(prefix="kdtune-epoch-") as folder:
        for workload in workloads(data, Path(folder)):
            if workload.by_hand and (not names or workload.name.startswith(tuple(names))):
                print(f"  {workload.name}", file=sys.stderr, flush=True)
                yield _measure(workload, Path(folder))


def _measure(workload: Workload, folder: Path) -> dict[str, Any]:
    import torch

    import benchmarks.datasets  # noqa: F401 (it registers them)
    from kdtune.data import load
    from kdtune.distill import (
        Arrays,
        DeviceData,
        Distillation,
        Job,
        TeacherSignal,
        TrainConfig,
        Training,
        epoch,
    )
    from kdtune.distill import training as timed
    from kdtune.space.reading import parse_space
    from kdtune.sweep.calibration.place import here
    from kdtune.sweep.calibration.precision import fastest
    from kdtune.sweep.plan import make_plan

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    space = workload.space
    dataset = load(space["dataset"]["name"], **{k: v for k, v in space["dataset"].items() if k != "name"})
    device_data = DeviceData(Arrays.of(dataset), torch.device("cpu"), view_seed=0, augment=True)
    soft = torch.randn(len(device_data), len(dataset.classes), generator=torch.Generator().manual_seed(0))
    signal = TeacherSignal(lambda _view: soft, np.zeros(len(dataset.validation), dtype=np.int64))
    student = space["pairs"][0].split("->")[1]
    speed = fastest(student, make_plan(parse_space(space, workload.name), dataset, {}), here)
    protocol = TrainConfig(
        epochs=EPOCHS,
        lr=0.005,
        precision=speed.precision,
        channels_last=speed.channels_last,
        **space["train"],
    )
    job = Job(student, protocol, 0, 0, Distillation("teacher", 4.0, 0.5))
    spent = dict.fromkeys((*PARTS, "last"), 0.0)

    def timer(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                spent[part] += time.perf_counter() - began

        return call

    def views(*args: Any) -> Iterator[Any]:
        batches = iter(batches_of(*args))
        following = timer("views", lambda: next(batches, None))
        while (batch := following()) is not None:
            yield batch

    batches_of, epochs = epoch.batches, []
    parts = {
        "predict_logits": "evaluation", "predict_classes": "last", "results_of": "report", "report_of": "report",
        "measure_extras": "report", "save_checkpoint": "checkpoint",
    }  # fmt: skip
    training = Training(
        job,
        device_data,
        teacher=signal,
        checkpoint=folder / f"{workload.name.partition(',')[2].strip()}-{student}.pt",
    )
    timed_parts: dict[str, Any] = {name: timer(part, getattr(timed, name)) for name, part in parts.items()}
    steps = timer("steps", training.train_batch)
    with (
        mock.patch.multiple(timed, batches=views, **timed_parts),
        mock.patch.object(training, "train_batch", steps),
    ):
        for _ in range(EPOCHS):
            spent.update(dict.fromkeys(spent, 0.0))
            began = time.perf_counter()
            training.step()
            epochs.append({**spent, "whole": time.perf_counter() - began})
    torch.set_num_threads(threads)
    found = {name: statistics.median(e[name] for e in epochs[1:]) for name in epochs[0]}
    return {
        "name": workload.name,
        "train": len(dataset.train),
        "validation": len(dataset.validation),
        "speed": f"{speed.precision}, channels {'last' if speed.channels_last else 'first'}",
        **found,
        "last": epochs[-1]["last"],
    }


def report(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    rows = []
    for f in found:
        an_example = f["evaluation"] / f["validation"] / (f["steps"] / f["train"])
        shares = [f"{1e3 * f[part]:.0f} ({100 * f[part] / f['whole']:.0f} %)" for part in PARTS]
        examples, whole = f"{f['train']:,} / {f['validation']:,}", f"{1e3 * f['whole']:.0f}"
        rows.append(
            [f["name"], f["speed"], examples, whole, *shares, f"{an_example:.2f}", f"{1e3 * f['last']:.0f}"]
        )
    head = [
        "workload",
        "measured to be fastest",
        "examples, train / validation",
        "an epoch",
        *PARTS,
        "an example",
        "last",
    ]
    return table(head, rows)
