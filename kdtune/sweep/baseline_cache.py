"""The cache of teachers and non-distilled students: trained once for each data set and protocol."""

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch

from kdtune.data.dataset import Dataset
from kdtune.distill.config import Job
from kdtune.distill.weights.module import code_of
from kdtune.errors import DiskError, KdtuneError
from kdtune.files import LARGEST_WEIGHTS, cache_dir, dumps, read_regular, replace_folder, sha256_of
from kdtune.runs.jsonl import read_records
from kdtune.runs.measures.own import code_digest
from kdtune.runs.paths import baseline_id
from kdtune.runs.records import Report


@dataclass(frozen=True)
class Baseline:
    """A trained teacher or non-distilled student."""

    id: str
    role: str
    job: Job
    reports: tuple[Report, ...]
    weights: bytes


def key_of(job: Job, dataset: Dataset) -> str:
    """Return the key of a baseline in the cache: a model of the user's own whose code has changed has another one."""
    code = code_of(job, input_shape=dataset.input_shape, n_classes=dataset.n_classes)
    return job.key(dataset.fingerprint, *code)


def _folder(key: str) -> Path:
    return cache_dir() / "baselines" / key


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of a baseline's files in the cache: a flipped bit there would affect every student."""
    names = ("model.safetensors", "reports.jsonl")
    return {name: sha256_of(folder / name) for name in names}


def _code(extras: Iterable[str]) -> dict[str, str]:
    """Return what the code of measures of the user's own looked like; kdtune's own have none."""
    digests = {name: code_digest(name.partition("@")[0]) for name in extras}
    return {name: digest for name, digest in digests.items() if digest}


def from_cache(role: str, architecture: str, job: Job, key: str, extras: Sequence[str]) -> Baseline | None:
    """Return a cached baseline, or None if there is none that is intact and has the requested measures."""
    folder = _folder(key)
    try:
        if json.loads(read_regular(folder / "sha256.json")) != _digests(folder):
            return None
        kept = json.loads(read_regular(folder / "code.json")) if (folder / "code.json").exists() else {}
        weights = read_regular(folder / "model.safetensors", limit=LARGEST_WEIGHTS)
        safetensors.torch.load(weights)
        reports = tuple(Report.from_dict(record) for record in read_records(folder / "reports.jsonl"))
    except (OSError, ValueError, RecursionError, safetensors.SafetensorError, KdtuneError):
        return None
    if len(reports) != job.train.epochs or any(name not in reports[-1].scalars for name in extras):
        return None
    if any(kept.get(name, "") != digest for name, digest in _code(extras).items()):
        return None
    if reports[-1].predictions is None:  # cached by an earlier kdtune, which did not keep them
        return None
    return Baseline(baseline_id(role, architecture), role, job, reports, weights)


def to_cache(baseline: Baseline, key: str) -> None:
    """Keep a baseline in the cache, whole or not at all.

    A cache that can't be written (full disk, read-only home) costs time, never the result.
    """
    with contextlib.suppress(OSError, DiskError), replace_folder(_folder(key)) as aside:
        (aside / "model.safetensors").write_bytes(baseline.weights)
        lines = "".join(dumps(report.to_dict()) + "\n" for report in baseline.reports)
        (aside / "reports.jsonl").write_text(lines, encoding="utf-8")
        (aside / "job.json").write_text(json.dumps(baseline.job.to_dict()) + "\n", encoding="utf-8")
        code = _code(baseline.reports[-1].scalars) if baseline.reports else {}
        (aside / "code.json").write_text(json.dumps(code) + "\n", encoding="utf-8")
        (aside / "sha256.json").write_text(json.dumps(_digests(aside)) + "\n", encoding="utf-8")
