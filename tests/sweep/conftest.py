"""A table of two classes and two groups, and the plan of a sweep on it, without Ray."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from kdtune.data import Augmentation, Dataset, Split, fingerprint
from kdtune.space.reading import parse_space
from kdtune.sweep.plan import Plan, make_plan

GROUPS = {"sex": ("f", "m"), "age": ("young", "old")}


def split(n: int, seed: int, groups: dict[str, tuple[str, ...]]) -> Split:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    inputs = torch.randn(n, 4, generator=generator) + labels[:, None]
    codes = {name: torch.arange(n) // 2 ** (k + 1) % 2 for k, name in enumerate(groups)}
    return Split(inputs, labels, codes)


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    """Return a function that makes a data set in memory."""

    def make(n: int = 64, groups: dict[str, tuple[str, ...]] = GROUPS, **changes: Any) -> Dataset:
        train, validation = split(n, 0, groups), split(n, 1, groups)
        content: dict[str, Any] = {
            "name": "blobs",
            "classes": ("low", "high"),
            "attributes": groups,
            "train": train,
            "validation": validation,
            "normalisation": None,
            "augmentation": Augmentation(),
            "preprocessing": {},
            "fingerprint": fingerprint(train, validation, ("low", "high"), groups),
            "open_test": lambda: pytest.fail("a sweep never opens the test split"),
        }
        return Dataset(**{**content, **changes})

    return make


@pytest.fixture
def plan_of(make_dataset: Callable[..., Dataset]) -> Callable[..., Plan]:
    """Return a function that plans a space, given as changes to a small one, on the table."""

    def make(data: Dataset | None = None, /, **changes: Any) -> Plan:
        space = {
            "dataset": {"name": "blobs"},
            "pairs": ["mlp-16->linear"],
            "budget": {"trials": 6, "epochs": 2},
            "trivial": "keep",
            **changes,
        }
        return make_plan(parse_space(space, "space"), data or make_dataset())

    return make
