"""Banks of trained students on disk: made split by split, and read again in a moment."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.truth.sets import BLOCK, TruthSet
from benchmarks.truth.training import SplitStudents, train_split
from kdtune.files import cache_dir


def make_banks(items: Sequence[TruthSet]) -> None:
    """Train what the banks lack: the first split of every set, then the second, and so on.

    Each split is a file of its own that is replaced in one step, so that an interrupted run goes on where it ended.
    """
    torch.set_num_threads(1)
    everything = [
        (first, fold, split, item)
        for first in range(0, max(item.seeds for item in items), BLOCK)
        for fold in range(max(item.folds for item in items) if first == 0 else 1)
        for split in range(max(item.splits for item in items))
        for item in items
    ]
    for first, fold, split, item in everything:
        if split < item.splits and fold < item.folds and first < item.seeds:
            _make(item, split, fold, range(first, min(first + BLOCK, item.seeds)))


def _make(item: TruthSet, split: int, fold: int, seeds: range) -> None:
    path = bank_file(item, split, fold, seeds.start)
    if path.exists():
        return
    started = time.process_time()
    _write(path, train_split(item, split, fold, seeds))
    print(
        f"{time.strftime('%H:%M:%S')} {item.name}, split {split}, fold {fold}, seeds from {seeds.start}: "
        f"{time.process_time() - started:.0f} processor seconds, {path.stat().st_size / 1e6:.2f} MB",
        file=sys.stderr,
        flush=True,
    )


def bank_file(item: TruthSet, split: int, fold: int, first_seed: int) -> Path:
    """Return where a block of a split's students lies: a place that depends on all that they depend on."""
    content = item.space(split)
    content["dataset"] = {**content["dataset"], "path": ""}  # the same table may lie elsewhere
    key = json.dumps(
        [1 if fold else _FORMAT, content, item.configurations, item.folds, item.curves], sort_keys=True
    )
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    name = "".join(c if c.isalnum() else "-" for c in item.name.lower())
    return cache_dir() / "benchmarks" / "truth" / f"{name}-{split}-{fold}-{first_seed}-{digest}.npz"


def read_split(item: TruthSet, split: int, fold: int = 0) -> SplitStudents | None:
    """Return a split's students from all seeds so far; None if there are none yet."""
    paths = [bank_file(item, split, fold, first) for first in range(0, item.seeds, BLOCK)]
    blocks = [_read(path) for path in paths if path.exists()]
    if not blocks or not paths[0].exists():
        return None
    return replace(
        blocks[0],
        predictions=np.concatenate([block.predictions for block in blocks], axis=2),
        train_predictions=np.concatenate([block.train_predictions for block in blocks], axis=2),
    )


def _read(path: Path) -> SplitStudents:
    with np.load(path) as stored:
        found = {
            field.name: stored[field.name] if field.name in stored else np.zeros((0, 0, 0), np.uint8)
            for field in fields(SplitStudents)
        }
    return SplitStudents(
        **{
            **found,
            "settings": json.loads(str(found["settings"])),
            "baseline_names": json.loads(str(found["baseline_names"])),
            "n_validation": int(found["n_validation"]),
        }
    )


_FORMAT = 2


def _write(path: Path, found: SplitStudents) -> None:
    content = {field.name: getattr(found, field.name) for field in fields(SplitStudents)}
    for name in ("settings", "baseline_names"):
        content[name] = json.dumps(content[name])
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(aside, **content)
    aside.replace(path)
