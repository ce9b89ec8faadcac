"""The searches whose students fill the banks: data, pairs, ranges and protocol, most of them from the ready spaces."""

import csv
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import benchmarks.datasets  # noqa: F401 (it registers them)
from kdtune.files import cache_dir

RATES = {"low": 1e-3, "high": 1e-1, "log": True}
RANGES = {
    "temperature": {"low": 1, "high": 40, "log": True},
    "alpha": {"low": 0.0, "high": 1.0},
}


BLOCK = 2
"""Seeds that are trained together."""


@dataclass(frozen=True)
class TruthSet:
    """A search that a bank records.

    Attributes:
        space: returns the search of one split, as YAML would say it.
        splits, configurations, seeds: how many students: each configuration is trained on each split from each seed.
        folds: parts that everything but test is cut into; the students of each are trained on the others. Those of
            the first part are trained from all seeds, those of the others from the first `BLOCK`. 1 for no folds.
        gap: the second objective, beside accuracy.
        margin: accuracy above the majority's that a student must reach on validation.
        curves: whether the first seed's predictions are kept for every epoch.
        validation: examples that a sweep on these data judges by; the rest of what a split keeps back is test.
    """

    name: str
    space: Callable[[int], dict[str, Any]]
    splits: int
    configurations: int
    seeds: int
    validation: int
    folds: int = 1
    curves: bool = False
    gap: Literal["eod", "dpd"] = "eod"
    margin: float = 0.05
    students_at_once: int = 32


def truth_sets(data: Path, *, small: bool = False) -> list[TruthSet]:
    """Return the searches; those on real tables only if `data` contains them.

    Args:
        small: two splits of a few students each, which takes seconds.
    """
    found = []
    if (compas := data / "compas" / "compas.csv").exists():
        found.append(TruthSet("COMPAS", _with_seed(_compas(compas)), 6, 120, 8, 800, folds=5, curves=True))
        found.append(
            TruthSet(
                "COMPAS, few examples", _with_seed(_few_examples(compas)), 20, 60, 1, 300, students_at_once=20
            )
        )
    if (adult := data / "adult" / "adult.csv").exists():
        found.append(
            TruthSet("Adult", _with_seed(_adult(adult)), 6, 120, 8, 2600, folds=5, gap="dpd", margin=0.03)
        )
        found.append(
            TruthSet("Adult, by heart", _with_seed(_by_heart(adult)), 20, 60, 1, 400, students_at_once=20)
        )
        found.append(TruthSet("Adult, 12 occupations", _with_seed(_occupation(adult)), 6, 120, 8, 1500))
    found.append(TruthSet("digits", _with_seed(_digits()), 6, 120, 8, 400, curves=True, margin=0.3))
    found.append(
        TruthSet("Trifeature", _with_seed(_trifeature()), 5, 60, 1, 800, margin=0.1, students_at_once=15)
    )
    if small:
        found = [_small(item) for item in found]
    return found


def verdict_sets(data: Path) -> list[TruthSet]:
    """Return the searches of two ready spaces on splits that the others do not have, as a sweep would train them."""
    found = []
    if (compas := data / "compas" / "compas.csv").exists():
        found.append(TruthSet("COMPAS, as the ready space", _fresh(_compas(compas)), 20, 60, 1, 800))
    if (adult := data / "adult" / "adult.csv").exists():
        content = _ready("adult", adult)
        content["dataset"] = {**content["dataset"], "sensitive": "sex", "test": 0.6}
        name = "Adult, as the ready space"
        found.append(TruthSet(name, _fresh(content), 20, 50, 1, 2600, gap="dpd", margin=0.03))
    return found


def _fresh(space: Mapping[str, Any]) -> Callable[[int], dict[str, Any]]:
    of_split = _with_seed(space)
    return lambda split: of_split(1000 + split)


def _small(item: TruthSet) -> TruthSet:
    def space(split: int) -> dict[str, Any]:
        content = item.space(split)
        dataset = {**content["dataset"], "n_train": 200}
        return {**content, "dataset": dataset, "budget": {"trials": 4, "epochs": 2}}

    return TruthSet(
        item.name,
        space,
        2,
        4,
        2,
        item.validation,
        folds=min(item.folds, 2),
        curves=item.curves,
        students_at_once=4,
    )


def _with_seed(space: Mapping[str, Any]) -> Callable[[int], dict[str, Any]]:
    def of_split(split: int) -> dict[str, Any]:
        dataset = {**space["dataset"], "seed": split}
        return {"objectives": ["accuracy", "eod"], **space, "dataset": dataset, "seed": split}

    return of_split


def _ready(name: str, path: Path) -> dict[str, Any]:
    import yaml

    folder = Path(__file__).parents[2] / "search_spaces"
    content: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    content["dataset"]["path"] = str(path)
    return {**content, "objectives": ["accuracy", "eod"]}


def _compas(path: Path) -> dict[str, Any]:
    content = _ready("compas", path)
    content["dataset"] = {**content["dataset"], "sensitive": "race", "test": 0.4}
    return content


def _few_examples(path: Path) -> dict[str, Any]:
    """COMPAS with few examples to train on and to judge by, and large students."""
    content = _compas(path)
    content["dataset"] |= {"n_train": 1200, "n_validation": 300}
    return {
        **content,
        "pairs": ["mlp-128-128->mlp-128-128"],
        "budget": {"trials": 40, "epochs": 40},
        "train": {"optimizer": "adamw", "batch_size": 64, "lr": 0.01, "weight_decay": 0.0},
        "teacher": {"epochs": 10},
    }


def _adult(path: Path) -> dict[str, Any]:
    """Adult by sex, without weights, on a part of the rows, so that more of them are left for test."""
    content = _ready("adult", path)
    content["search"] = {**RANGES, "lr": RATES, "weight_decay": {"low": 1e-5, "high": 3e-2, "log": True}}
    content["dataset"] = {**content["dataset"], "sensitive": "sex", "test": 0.6}
    return content


def _by_heart(path: Path) -> dict[str, Any]:
    """Adult with few examples, and students that are large and trained long enough to know them by heart."""
    content = _adult(path)
    content["dataset"] |= {"n_train": 400, "n_validation": 400}
    return {
        **content,
        "pairs": ["mlp-128-128->mlp-128-128"],
        "search": {**RANGES, "lr": {"low": 3e-4, "high": 1e-2, "log": True}},
        "budget": {"trials": 40, "epochs": 40},
        "train": {"optimizer": "adamw", "batch_size": 64, "weight_decay": 0.0},
        "teacher": {"epochs": 10},
    }


def _occupation(path: Path) -> dict[str, Any]:
    """Which of the occupations that at least 50 women and 50 men in Adult have, and 500 people, a person has."""
    return {
        "dataset": {
            "name": "table", "path": str(_with_occupation(path)), "label": "occupation",
            "drop": ["fnlwgt", "education"],
            "sensitive": "sex", "test": 0.6, "limit_per_class": 400,
        },
        "pairs": ["mlp-128-64->mlp-32", "mlp-128-64->linear"],
        "search": {**RANGES, "lr": RATES},
        "constraints": {"accuracy": ">= majority + 0.05"},
        "budget": {"trials": 60, "epochs": 8},
        "train": {"batch_size": 128, "lr": 0.02, "weight_decay": 1e-4},
    }  # fmt: skip


def _with_occupation(path: Path) -> Path:
    """Write the rows of the occupations that are large enough, and return the file."""
    written = cache_dir() / "benchmarks" / "truth" / "occupations.csv"
    if not written.exists():
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        people = Counter((row["occupation"], row["sex"]) for row in rows)
        sexes = {sex for _, sex in people}
        large = {
            name
            for name, _ in people
            if name != "MissingValue"
            and all(people[name, sex] >= 50 for sex in sexes)
            and sum(people[name, sex] for sex in sexes) >= 500
        }
        written.parent.mkdir(parents=True, exist_ok=True)
        aside = written.with_suffix(f".{os.getpid()}")
        with aside.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(row for row in rows if row["occupation"] in large)
        aside.replace(written)
    return written


def _digits() -> dict[str, Any]:
    return {
        "dataset": {"name": "bench-digits", "n_train": 640},
        "pairs": ["cnn8->mlp-16"],
        "search": {**RANGES, "lr": RATES},
        "constraints": {"accuracy": ">= majority + 0.3"},
        "budget": {"trials": 60, "epochs": 16},
        "train": {"batch_size": 64, "lr": 0.05},
    }


def _trifeature() -> dict[str, Any]:
    return {
        "dataset": {
            "name": "trifeature", "label": "shape", "sensitive": "color", "shapes": 4, "colors": ["red", "blue"],
            "pixel_noise": {"red": 0.2, "blue": 0.6}, "correlation": 0.6,
            "n_train": 800, "n_validation": 800, "n_test": 2000,
        },
        "pairs": ["resnet8->lenet5", "lenet5->lenet5"],
        "search": {**RANGES, "lr": {"low": 1e-3, "high": 1e-2, "log": True}},
        "constraints": {"accuracy": ">= majority + 0.3"},
        "budget": {"trials": 40, "epochs": 6},
        "train": {"optimizer": "adamw", "lr": 0.003, "batch_size": 64},
        "teacher": {"epochs": 10, "lr": 0.01},
    }  # fmt: skip
