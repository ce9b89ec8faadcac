"""Recorded students: every configuration of a table is trained to the end once, and can then be looked up often.

A sampler proposes points of the whole space; each is answered with the recorded curve of the nearest configuration of
the table. The outcome with such a table depends only on the search, so that searches can be compared on many seeds at
the cost of a look-up.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import qmc

from kdtune.data import load
from kdtune.distill.config import Distillation, Job
from kdtune.files import cache_dir, dumps
from kdtune.space.reading import Range, Space
from kdtune.sweep.plan import Plan, make_plan

VARIED = ("temperature", "alpha", "lr")


@dataclass(frozen=True)
class Bank:
    """Curves of students of one pair.

    Attributes:
        points: [n, 3], T, α and learning rate of each curve, placed on [0, 1] within the space's ranges.
        curves: n lists of reports as JSON, one per epoch.
    """

    plan: Plan
    points: np.ndarray
    curves: Sequence[Sequence[dict[str, Any]]]

    def nearest(self, job: Job) -> Sequence[dict[str, Any]]:
        """Return the curve whose configuration is nearest to a job's."""
        assert job.distillation is not None
        values = (job.distillation.temperature, job.distillation.alpha, job.train.lr)
        at = [_placed(r, v) for r, v in zip(_ranges(self.plan.space).values(), values, strict=True)]
        return self.curves[int(((self.points - at) ** 2).sum(axis=1).argmin())]

    @cached_property
    def seconds(self) -> float:
        """Seconds of one epoch, the median over all recorded ones."""
        return float(np.median([report["seconds"] for curve in self.curves for report in curve]))


def _ranges(space: Space) -> dict[str, Range]:
    ranges = {name: space.search[name] for name in VARIED}
    assert all(isinstance(r, Range) for r in ranges.values())
    return ranges  # type: ignore[return-value]


def _placed(r: Range, value: float) -> float:
    if r.log:
        return float((np.log(value) - np.log(r.low)) / (np.log(r.high) - np.log(r.low)))
    return (value - r.low) / (r.high - r.low)


def _value(r: Range, place: float) -> float:
    if r.log:
        return float(np.exp(np.log(r.low) + place * (np.log(r.high) - np.log(r.low))))
    return float(r.low + place * (r.high - r.low))


def record(space: Space, n: int) -> Bank:
    """Return the bank of a space's only pair with n Sobol points, trained now or read from the cache."""
    plan = make_plan(space, load(space.dataset.name, **space.dataset.options))
    content = space.to_dict()
    protocol = [content[key] for key in ("pairs", "search", "train", "teacher", "seed")]
    key = json.dumps([n, plan.dataset.fingerprint, space.budget.epochs, protocol], sort_keys=True)
    path = cache_dir() / "benchmarks" / f"bank-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    sobol = qmc.Sobol(3, scramble=False).fast_forward(1)  # the first point is the corner
    points = sobol.random(n)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_text(dumps(_train(space, points)), encoding="utf-8")
        aside.replace(path)
    return Bank(plan, points, json.loads(path.read_text(encoding="utf-8")))


def _train(space: Space, points: np.ndarray) -> list[list[dict[str, Any]]]:
    teacher = cache_dir() / "benchmarks" / f"teacher-{os.getpid()}.pt"
    _train_teacher(space, teacher)
    try:
        _start(space, teacher)
        return [_curve(point, seed) for seed, point in enumerate(points.tolist())]
    finally:
        teacher.unlink(missing_ok=True)


def _train_teacher(space: Space, path: Path) -> None:
    import torch

    from kdtune.distill.arrays import Arrays, DeviceData
    from kdtune.distill.training import Training

    dataset = load(space.dataset.name, **space.dataset.options)
    plan = make_plan(space, dataset)
    job = plan.baseline_job("teacher", space.pairs[0].teacher)
    data = DeviceData(
        Arrays.of(dataset), torch.device("cpu"), view_seed=job.view_seed, augment=job.train.augment
    )
    torch.save(Training(job, data).run().state_dict(), path)


_worker: dict[str, Any] = {}


def _start(space: Space, teacher: Path) -> None:
    """Prepare the data and the teacher's signal, once for all curves."""
    import torch

    from kdtune.distill.arrays import Arrays, DeviceData
    from kdtune.distill.teachers.signal import signal_of
    from kdtune.models import build

    torch.set_num_threads(1)
    dataset = load(space.dataset.name, **space.dataset.options)
    train = space.train_config()
    arrays = Arrays.of(dataset)
    data = DeviceData(arrays, torch.device("cpu"), view_seed=space.seed, augment=train.augment)
    model = build(space.pairs[0].teacher, input_shape=arrays.input_shape, n_classes=arrays.n_classes)
    model.load_state_dict(torch.load(teacher, weights_only=True))
    _worker.update(space=space, data=data, signal=signal_of(model, data))


def _curve(point: list[float], seed: int) -> list[dict[str, Any]]:
    from kdtune.distill.training import DivergedError, Training

    space: Space = _worker["space"]
    values = {name: _value(r, place) for (name, r), place in zip(_ranges(space).items(), point, strict=True)}
    pair = space.pairs[0]
    job = Job(
        pair.student,
        space.train_config(lr=values["lr"]),
        seed,
        space.seed,
        Distillation(pair.teacher, values["temperature"], values["alpha"]),
    )
    training = Training(job, _worker["data"], teacher=_worker["signal"])
    with contextlib.suppress(DivergedError):  # the curve ends here, as the trial would
        training.run()
    return [report.to_dict() for report in training.reports]
