"""Trains models of a run again with other seeds: a single seed is a single draw.

Each finished replicate is kept in the run, under `replicates/<model>-s<number>`, so that an interrupted call can go on.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdtune.data.dataset import Dataset
from kdtune.data.seeds import derive_seed
from kdtune.distill.config import Job
from kdtune.errors import KdtuneError
from kdtune.files import LARGEST_WEIGHTS, dumps, read_regular, replace_folder
from kdtune.runs.jsonl import read_records
from kdtune.runs.paths import RunFiles, check_no_links
from kdtune.runs.records import Report
from kdtune.space.reading import Resources
from kdtune.sweep.remote.allotment import Allotment
from kdtune.sweep.remote.cluster import allot, connected, prepare_environment

if TYPE_CHECKING:
    from kdtune.sweep.remote.carried_code import UserCode


@dataclass(frozen=True)
class Source:
    """A model of the run to train again.

    Attributes:
        job: what it was trained with.
        weights: safetensors; the students' replicates learn from those of their teacher.
    """

    id: str
    role: str
    job: Job
    weights: bytes


@dataclass(frozen=True)
class Replicate:
    """A model trained again.

    Attributes:
        number: number of the seed, from 1.
        weights: safetensors; None if this seed could not be trained.
        failure: why it could not be trained.
    """

    source: str
    number: int
    job: Job
    reports: tuple[Report, ...]
    weights: bytes | None
    failure: str = ""


def replicated_job(source: Source, number: int, seed: int) -> Job:
    """Return a model's training with another seed.

    All models with the same number share their views, so that a teacher runs once on each view.
    """
    return source.job.with_seeds(
        derive_seed(seed, "replicate", source.id, number) % 2**31,
        derive_seed(seed, "replicate views", number) % 2**31,
    )


def replicate(
    files: RunFiles,
    dataset: Dataset,
    sources: Sequence[Source],
    n: int,
    *,
    seed: int,
    extras: tuple[str, ...],
    resources: Resources,
    address: str | None = None,
    say: Callable[[str], None],
) -> list[Replicate]:
    """Train every source with n more seeds, as Ray tasks, unless the run has the replicate already.

    Teachers and non-distilled students also come from the cache of baselines, and are added to it. A student whose
    training fails at a seed is returned as failed; students learn from the run's own teachers.

    Raises:
        InputError: there is no Ray cluster at the address.
        RunError: the run holds a link, through which something else would be replaced.
    """
    check_no_links(files)
    prepare_environment()  # before anything imports Ray
    trained = [source for source in sources if source.job.logits is None]  # logits have no seed
    jobs = {(s.id, k): replicated_job(s, k, seed) for k in range(1, n + 1) for s in trained}
    kept = {key: _read(files, *key, job) for key, job in jobs.items()}
    found = {key: item for key, item in kept.items() if item is not None}
    cache = _Cache(dataset, extras, {source.id: source.role for source in sources})
    for key, job in jobs.items():
        cached = None if key in found else cache.read(*key, job)
        if cached is not None:
            found[key] = cached
            _write(files, cached)
    if len(found) < len(jobs):
        with connected(address, say, _libraries(sources, dataset)):
            user_code = _user_code(sources, extras)
            allotment = _allotment(resources, user_code, say)
            for k in range(1, n + 1):
                todo = {s.id: jobs[s.id, k] for s in trained if (s.id, k) not in found}
                if not todo:
                    continue
                say(f"seed {k} of {n}: training {', '.join(todo)}")
                for item in _train(files, dataset, sources, todo, k, extras, resources, allotment, user_code):
                    found[item.source, k] = item
                    if item.weights is None:
                        say(f"{item.source} with seed {k}: {item.failure}")
                    else:
                        _write(files, item)
                        cache.write(item)
    return [found[key] for key in jobs]


@dataclass(frozen=True)
class _Cache:
    """The cache of baselines, for those sources that are baselines."""

    dataset: Dataset
    extras: tuple[str, ...]
    roles: Mapping[str, str]

    def read(self, source: str, number: int, job: Job) -> Replicate | None:
        from kdtune.sweep.baseline_cache import from_cache, key_of

        if self.roles[source] == "student":
            return None
        kept = from_cache(self.roles[source], job.architecture, job, key_of(job, self.dataset), self.extras)
        return None if kept is None else Replicate(source, number, job, kept.reports, kept.weights)

    def write(self, item: Replicate) -> None:
        from kdtune.sweep.baseline_cache import Baseline, key_of, to_cache

        role = self.roles[item.source]
        if role != "student" and item.weights is not None:
            baseline = Baseline(item.source, role, item.job, item.reports, item.weights)
            to_cache(baseline, key_of(item.job, self.dataset))


def _user_code(sources: Sequence[Source], extras: tuple[str, ...]) -> "UserCode":
    from kdtune.sweep.remote.carried_code import UserCode

    return UserCode.of(
        (name for source in sources for name in source.job.architectures),
        extras,
        (source.job.distillation.loss for source in sources if source.job.distillation is not None),
    )


def _libraries(sources: Sequence[Source], dataset: Dataset) -> frozenset[str]:
    from kdtune.models import libraries_of

    names = (name for source in sources for name in source.job.architectures)
    return libraries_of(names, dataset.input_shape)


def _allotment(resources: Resources, user_code: "UserCode", say: Callable[[str], None]) -> Allotment:
    from kdtune.sweep.remote.trial_place import on_usable_gpus

    return on_usable_gpus(allot(resources), resources, user_code, say)


def _train(
    files: RunFiles,
    dataset: Dataset,
    sources: Sequence[Source],
    todo: Mapping[str, Job],
    number: int,
    extras: tuple[str, ...],
    resources: Resources,
    allotment: Allotment,
    user_code: "UserCode",
) -> Iterable[Replicate]:
    import ray

    from kdtune.distill.arrays import Arrays
    from kdtune.sweep.remote.tasks import TaskTrainer
    from kdtune.sweep.remote.teacher_server import TrainedTeacher
    from kdtune.sweep.remote.worker_registry import open_registry

    needed = {job.distillation.teacher for job in todo.values() if job.distillation is not None}
    teachers = {
        source.job.architecture: TrainedTeacher(source.job, source.weights)
        for source in sources
        if source.role == "teacher" and source.job.architecture in needed
    }
    view_seed = next(iter(todo.values())).view_seed
    augment = any(job.train.augment for job in todo.values() if job.distillation is not None)
    with contextlib.ExitStack() as stack:
        registry = stack.enter_context(open_registry(files))
        trainer = TaskTrainer(ray.put(Arrays.of(dataset)), allotment, user_code, extras, resources, registry)
        served = None
        if teachers:
            epochs = max(job.train.epochs for job in todo.values() if job.distillation is not None)
            served = stack.enter_context(
                trainer.serve(teachers, view_seed=view_seed, augment=augment, epochs=epochs)
            )
        for done in trainer.train(todo, costs=dict.fromkeys((s.id for s in sources), 1.0), teachers=served):
            yield Replicate(done.id, number, todo[done.id], done.reports, done.weights, done.failure)


def _read(files: RunFiles, source: str, number: int, job: Job) -> Replicate | None:
    """Return the run's replicate if it is intact and was trained as asked, else None."""
    folder = files.replicate(source, number)
    try:
        config = json.loads(read_regular(folder / "config.json"))
        weights = read_regular(folder / "model.safetensors", limit=LARGEST_WEIGHTS)
        if Job.from_dict(config["job"]) != job or config["sha256"] != hashlib.sha256(weights).hexdigest():
            return None
        reports = tuple(Report.from_dict(record) for record in read_records(folder / "reports.jsonl"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, KdtuneError):
        return None
    return Replicate(source, number, job, reports, weights) if len(reports) == job.train.epochs else None


def _write(files: RunFiles, item: Replicate) -> None:
    """Write a replicate into the run, whole or not at all."""
    weights = item.weights or b""
    content: dict[str, Any] = {
        "id": item.source,
        "number": item.number,
        "job": item.job.to_dict(),
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    with replace_folder(files.replicate(item.source, item.number)) as folder:
        (folder / "config.json").write_text(dumps(content) + "\n", encoding="utf-8")
        lines = "".join(dumps(report.to_dict()) + "\n" for report in item.reports)
        (folder / "reports.jsonl").write_text(lines, encoding="utf-8")
        (folder / "model.safetensors").write_bytes(weights)
