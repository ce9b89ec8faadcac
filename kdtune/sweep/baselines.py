"""Teachers and non-distilled students: trained once for each data set and protocol, then taken from a cache."""

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from kdtune.data.cache import cache_dir
from kdtune.distill.config import Job
from kdtune.errors import KdtuneError, SweepError
from kdtune.files import dumps, write_bytes
from kdtune.models import Builder
from kdtune.runs.jsonl import read_records
from kdtune.runs.objectives import References
from kdtune.runs.paths import RunFiles, baseline_id
from kdtune.runs.records import ALL, Report
from kdtune.runs.writer import RunWriter
from kdtune.sweep.plan import Plan
from kdtune.sweep.remote.cluster import Allotment
from kdtune.sweep.remote.tasks import train_all


@dataclass(frozen=True)
class Baseline:
    """A trained teacher or non-distilled student."""

    id: str
    role: str
    architecture: str
    job: Job
    reports: tuple[Report, ...]
    weights: bytes


def make_baselines(
    plan: Plan,
    arrays: Any,
    files: RunFiles,
    writer: RunWriter,
    allotment: Allotment,
    builders: Mapping[str, Builder],
    desk: Any,
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
        cached = from_cache(role, architecture, job, job.key(plan.dataset.fingerprint), plan.extras)
        if cached is None:
            todo.append((role, architecture, job))
        else:
            _announce(writer, cached.id, role, architecture, job, cached=True)
            made[cached.id] = cached
            for report in cached.reports:
                writer.report(cached.id, report, References())
            _finish(writer, files, cached)
    for role, architecture, job in todo:
        _announce(writer, baseline_id(role, architecture), role, architecture, job, cached=False)
    asked = {baseline_id(role, architecture): (role, architecture, job) for role, architecture, job in todo}

    def on_lost(model_id: str, why: str) -> None:
        writer.model_state(model_id, "interrupted", why, failure=True)
        _announce(writer, model_id, *asked[model_id], cached=False)

    outcomes = train_all(
        {model_id: job for model_id, (_, _, job) in asked.items()},
        arrays,
        allotment,
        builders,
        plan.extras,
        plan.space.resources,
        desk=desk,
        on_report=lambda model_id, report: writer.report(model_id, report, References()),
        on_lost=on_lost,
        stopping=stopping,
    )
    with closing(outcomes):
        for outcome in outcomes:
            if outcome.weights is None:
                writer.model_state(outcome.id, "failed", outcome.failure)
                raise SweepError(f"{outcome.id} could not be trained: {outcome.failure}")
            baseline = Baseline(outcome.id, *asked[outcome.id], outcome.reports, outcome.weights)
            to_cache(baseline, baseline.job.key(plan.dataset.fingerprint))
            made[outcome.id] = baseline
            _finish(writer, files, baseline)
    if stopping():
        raise SweepError("stopped before the first trial")
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


def _folder(key: str) -> Path:
    return cache_dir() / "baselines" / key


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of what the cache keeps of a baseline: a bit that flips there would reach every student."""
    names = ("model.safetensors", "reports.jsonl")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def from_cache(role: str, architecture: str, job: Job, key: str, extras: Sequence[str]) -> Baseline | None:
    """Return a cached baseline, or None where there is none that is whole and has the measures asked for."""
    folder = _folder(key)
    try:
        if json.loads((folder / "sha256.json").read_bytes()) != _digests(folder):
            return None
        weights = (folder / "model.safetensors").read_bytes()
        safetensors.torch.load(weights)
        reports = tuple(Report.from_dict(record) for record in read_records(folder / "reports.jsonl"))
    except (OSError, ValueError, RecursionError, safetensors.SafetensorError, KdtuneError):
        return None
    if len(reports) != job.train.epochs or any(name not in reports[-1].scalars for name in extras):
        return None
    return Baseline(baseline_id(role, architecture), role, architecture, job, reports, weights)


def to_cache(baseline: Baseline, key: str) -> None:
    """Keep a baseline: written aside, then renamed, so that another sweep never sees half of it.

    A cache that can't be written (full disk, read-only home) costs time, never the result.
    """
    folder = _folder(key)
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{key}."))
        try:
            _keep(baseline, aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _keep(baseline: Baseline, aside: Path, folder: Path) -> None:
    (aside / "model.safetensors").write_bytes(baseline.weights)
    lines = "".join(dumps(report.to_dict()) + "\n" for report in baseline.reports)
    (aside / "reports.jsonl").write_text(lines, encoding="utf-8")
    (aside / "job.json").write_text(json.dumps(baseline.job.to_dict()) + "\n", encoding="utf-8")
    (aside / "sha256.json").write_text(json.dumps(_digests(aside)) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)  # or another sweep was faster, and what it kept is the same
