"""Teachers and non-distilled students: trained once for each data set and protocol, then taken from a cache."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import ray
import safetensors
import safetensors.torch

from kdtune.data.cache import cache_dir
from kdtune.distill.config import Job
from kdtune.errors import SweepError
from kdtune.models import Builder
from kdtune.runs.files import RunFiles, write_bytes
from kdtune.runs.jsonl import dumps, read_records
from kdtune.runs.measures import References
from kdtune.runs.records import ALL, Report
from kdtune.runs.writer import RunWriter
from kdtune.sweep.cluster import Allotment
from kdtune.sweep.plan import Plan
from kdtune.sweep.workers import train_baseline


@dataclass(frozen=True)
class Baseline:
    """A trained teacher or non-distilled student."""

    id: str
    role: str
    architecture: str
    job: Job
    reports: tuple[Report, ...]
    weights: bytes


def baseline_id(role: str, architecture: str) -> str:
    """Return the id of a baseline in a run: `teacher-resnet20`, `nds-lenet5`."""
    return f"{role}-{architecture}"


def make_baselines(
    plan: Plan,
    arrays: Any,
    files: RunFiles,
    writer: RunWriter,
    allotment: Allotment,
    builders: Mapping[str, Builder],
    *,
    stopping: Callable[[], bool],
) -> dict[str, Baseline]:
    """Return all baselines of a plan by id: from the cache, or trained as Ray tasks beside each other.

    Raises:
        SweepError: one could not be trained, or the sweep was asked to stop meanwhile.
    """
    made: dict[str, Baseline] = {}
    todo: list[tuple[str, str, Job]] = []
    for role, architecture in plan.architectures:
        job = plan.baseline_job(role, architecture)
        cached = _from_cache(role, architecture, job, job.key(plan.dataset.fingerprint), plan.extras)
        if cached is None:
            todo.append((role, architecture, job))
        else:
            _announce(writer, cached.id, role, architecture, job, cached=True)
            made[cached.id] = cached
            for report in cached.reports:
                writer.report(cached.id, report, References())
            _finish(writer, files, cached)
    threads = max(1, int(allotment.total_cpus) // max(1, len(todo)))
    gpus = min(1.0, allotment.total_gpus / len(todo)) if todo and allotment.total_gpus else 0
    streams: dict[Any, tuple[str, str, Job]] = {}
    for role, architecture, job in todo:
        _announce(writer, baseline_id(role, architecture), role, architecture, job, cached=False)
        task = train_baseline.options(
            num_cpus=min(threads, allotment.total_cpus), num_gpus=gpus, num_returns="streaming"
        )
        streams[task.remote(arrays, job, builders, threads, plan.extras)] = (role, architecture, job)
    reports: dict[str, list[Report]] = {baseline_id(role, name): [] for role, name, _ in todo}
    while streams:
        streaming: list[Any] = list(streams)
        ready, _ = ray.wait(streaming, num_returns=1, timeout=0.5)
        if stopping():
            raise SweepError("stopped before the first trial")
        for stream in cast(list[Any], ready):
            role, architecture, job = streams[stream]
            model_id = baseline_id(role, architecture)
            try:
                kind, value = ray.get(next(stream))
            except StopIteration:
                raise SweepError(f"{model_id}: its training ended without weights") from None
            except Exception as error:
                reason = _reason(error)
                writer.model_state(model_id, "failed", reason)
                raise SweepError(f"{model_id} could not be trained: {reason}") from None
            if kind == "report":
                report = Report.from_dict(value)
                reports[model_id].append(report)
                writer.report(model_id, report, References())
                continue
            del streams[stream]
            baseline = Baseline(model_id, role, architecture, job, tuple(reports[model_id]), value)
            _to_cache(baseline, job.key(plan.dataset.fingerprint))
            made[model_id] = baseline
            _finish(writer, files, baseline)
    return made


def references_of(plan: Plan, baselines: Mapping[str, Baseline]) -> dict[str, References]:
    """Return, by pair, the final counts of its teacher and of its student trained without one."""

    def final(role: str, architecture: str) -> Any:
        return baselines[baseline_id(role, architecture)].reports[-1].counts[ALL]

    return {
        pair.pair: References(teacher=final("teacher", pair.teacher), nds=final("nds", pair.student))
        for pair in plan.space.pairs
    }


def _announce(
    writer: RunWriter, model_id: str, role: str, architecture: str, job: Job, *, cached: bool
) -> None:
    config = {
        "architecture": architecture,
        **{k: v for k, v in job.to_dict()["train"].items() if k != "epochs"},
    }
    config |= {"seed": job.seed, "view_seed": job.view_seed}
    writer.model_started(model_id, role, config, job.train.epochs, cached=cached)


def _finish(writer: RunWriter, files: RunFiles, baseline: Baseline) -> None:
    write_bytes(files.weights(baseline.id), baseline.weights)
    writer.model_state(baseline.id, "done")


def _reason(error: Exception) -> str:
    cause = getattr(error, "cause", None)
    text = str(cause if isinstance(cause, BaseException) else error).strip()
    return text.splitlines()[-1] if text else type(error).__name__


def _folder(key: str) -> Path:
    return cache_dir() / "baselines" / key


def _from_cache(role: str, architecture: str, job: Job, key: str, extras: Sequence[str]) -> Baseline | None:
    """Return a cached baseline, or None where there is none that is whole and has the measures asked for."""
    folder = _folder(key)
    try:
        weights = (folder / "model.safetensors").read_bytes()
        safetensors.torch.load(weights)
        reports = tuple(Report.from_dict(record) for record in read_records(folder / "reports.jsonl"))
    except (OSError, ValueError, safetensors.SafetensorError, SweepError):
        return None
    if len(reports) != job.train.epochs or any(name not in reports[-1].scalars for name in extras):
        return None
    return Baseline(baseline_id(role, architecture), role, architecture, job, reports, weights)


def _to_cache(baseline: Baseline, key: str) -> None:
    """Keep a baseline: written aside, then renamed, so that another sweep never sees half of it."""
    folder = _folder(key)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{key}."))
    (aside / "model.safetensors").write_bytes(baseline.weights)
    lines = "".join(dumps(report.to_dict()) + "\n" for report in baseline.reports)
    (aside / "reports.jsonl").write_text(lines, encoding="utf-8")
    (aside / "job.json").write_text(json.dumps(baseline.job.to_dict()) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        aside.rename(folder)
    except OSError:  # another sweep was faster
        shutil.rmtree(aside, ignore_errors=True)
