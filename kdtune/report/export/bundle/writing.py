"""Writes an exported student, and checks that the written student gives what was measured."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kdtune.data.dataset import Dataset
from kdtune.distill.evaluation.counts import count_all
from kdtune.distill.weights.module import file_of
from kdtune.distill.weights.state import saved_state
from kdtune.errors import KdtuneError
from kdtune.files import dumps, read_json, write_bytes
from kdtune.report.evaluate.evaluation import Evaluated, SplitData
from kdtune.report.evaluate.trained import Trained
from kdtune.runs.reader import Run
from kdtune.student.student import (
    CONFIG,
    FORM,
    KIND,
    METRICS,
    TOKENIZER,
    WEIGHTS,
    Student,
    digest,
    load_student,
)


class ExportError(KdtuneError):
    """An export could not be completed; nothing was kept."""


@dataclass(frozen=True, eq=False)
class Provenance:
    """Where a student comes from: its run, its data, and the SHA-256 of its teacher's weights, if it has a teacher."""

    run: Run
    dataset: Dataset
    teacher_sha256: str | None
    version: str


def config_of(trained: Trained, origin: Provenance, weights: bytes, parameters: int) -> dict[str, Any]:
    """Return the content of a student's `config.json`."""
    record, normalisation, job = origin.run.record, origin.dataset.normalisation, trained.job
    soft = job.distillation
    library, file = record.models.get(trained.architecture), file_of(job)
    own_input, preprocessing = None, origin.dataset.preprocessing
    if (tokenizer := preprocessing.get("tokenizer")) is not None:
        preprocessing = {
            **preprocessing,
            "tokenizer": {"file": TOKENIZER, "sha256": digest(tokenizer.encode())},
        }
    if file is not None and (file.mean is not None or file.shape is not None):
        own_input = {
            "shape": None if file.shape is None else list(file.shape),
            "renormalised": file.mean is not None,
        }
    return {
        "form": FORM,
        "kind": KIND,
        "kdtune": origin.version,
        "id": trained.id,
        "role": trained.role,
        "run": origin.run.name,
        "architecture": trained.architecture,
        "library": None if library is None else {**library, "source": ""},
        "own_input": own_input,
        "parameters": parameters,
        "input_shape": list(origin.dataset.input_shape),
        "classes": list(record.classes),
        "attributes": {name: list(groups) for name, groups in record.attributes.items()},
        "normalisation": None
        if normalisation is None
        else {"mean": list(normalisation.mean), "std": list(normalisation.std)},
        "preprocessing": preprocessing,
        "targets": origin.dataset.targets,
        "distillation": None if soft is None else asdict(soft),
        "training": asdict(job.train),
        "seed": job.seed,
        "view_seed": job.view_seed,
        "teacher": None if soft is None else {"architecture": soft.teacher, "sha256": origin.teacher_sha256},
        "data": {"name": record.dataset["name"], "fingerprint": record.dataset["fingerprint"]},
        "weights": {"file": WEIGHTS, "sha256": digest(weights)},
    }


def write_bundle(
    folder: Path, trained: Trained, origin: Provenance, metrics: Mapping[str, Any], *, parameters: int
) -> None:
    """Write weights, configuration and metrics of a student into a new folder."""
    folder.mkdir(parents=True)
    weights = saved_state(trained.state, metadata={"format": "pt"})
    write_bytes(folder / WEIGHTS, weights)
    if (tokenizer := origin.dataset.preprocessing.get("tokenizer")) is not None:
        write_bytes(folder / TOKENIZER, tokenizer.encode())
    write_pretty(folder / CONFIG, config_of(trained, origin, weights, parameters))
    write_pretty(folder / METRICS, metrics)


def write_pretty(path: Path, value: Any) -> None:
    """Write JSON for people to read; NaN (undefined) becomes null."""
    write_bytes(path, (json.dumps(json.loads(dumps(value)), indent=1, ensure_ascii=False) + "\n").encode())


def verify_bundle(
    folder: Path, measured: Mapping[str, tuple[SplitData, Evaluated]], metrics: Mapping[str, Any]
) -> Student:
    """Load a bundle as a user would, and compare its logits and counts with those that were measured, bit by bit.

    Args:
        measured: by split, the data and what the model gave on them before it was written.

    Raises:
        ExportError: anything differs.
    """
    student = load_student(folder)
    for name, (split, evaluated) in measured.items():
        logits = student.logits(split.inputs)
        if not torch.equal(logits, evaluated.logits):
            worst = float((logits - evaluated.logits).abs().max())
            raise ExportError(
                f"{folder.name}: reloaded, its {name} logits differ by up to {worst:.3g}: not exported"
            )
        counted = count_all(split.arrays, np.asarray(logits.argmax(dim=1)))
        counts = {key: item.to_dict() for key, item in counted.items()}
        if counts != read_json(folder / METRICS)[name]["counts"]:
            raise ExportError(
                f"{folder.name}: reloaded, its {name} counts are not those of {METRICS}: not exported"
            )
    if dumps(student.metrics) != dumps(metrics):
        raise ExportError(f"{folder.name}: {METRICS} does not read back as it was written: not exported")
    return student
