"""A good space, the same with one value replaced, and files of spaces."""

import copy
from pathlib import Path
from typing import Any

GOOD: dict[str, Any] = {
    "dataset": {"name": "trifeature", "image_size": 32},
    "pairs": ["resnet20->lenet5", {"pair": "resnet8->lenet5", "search": {"lr": {"low": 0.01, "high": 0.1}}}],
    "search": {
        "temperature": {"low": 1, "high": 40, "log": True},
        "alpha": [0.1, 0.5],
        "batch_size": {"low": 16, "high": 64, "step": 16},
        "scale_by_t2": False,
        "optimizer": ["sgd", "adamw"],
    },
    "objectives": ["accuracy", "eod"],
    "constraints": {"accuracy": ">= majority + 0.05"},
    "budget": {"trials": 3, "epochs": 2},
    "train": {"lr": 0.01, "milestones": [0.5], "precision": "auto"},
    "teacher": {"epochs": 5},
    "seed": 1,
}


def with_value(path: str, value: Any) -> dict[str, Any]:
    """Return `GOOD` with one value replaced; `path` is dotted, numbers index lists."""
    space = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    inner: Any = space
    for parent in parents:
        inner = inner[int(parent)] if parent.isdigit() else inner.setdefault(parent, {})
    inner[int(last) if last.isdigit() else last] = value
    return space


def write(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "my.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)
