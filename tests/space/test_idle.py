"""What a space asks for that changes nothing is told."""

from typing import Any

import pytest

from kdtune.space.idle import without_effect
from kdtune.space.reading import parse_space

STRENGTH = {"group_weights_strength": {"low": 0, "high": 1}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"search": {"gamma": [0.1, 0.5]}}, "search.gamma changes nothing: schedule is cosine"),
        ({"search": {"gamma": [0.1, 0.5]}, "train": {"schedule": "step"}}, None),
        ({"search": {"gamma": [0.1, 0.5], "schedule": ["cosine", "step"]}}, None),
        ({"search": {"gamma": 0.5}}, None),
        (
            {"search": {"gamma": {"low": 0.1, "high": 0.5}, "schedule": ["cosine", "constant"]}},
            "search.gamma changes nothing: schedule is cosine or constant",
        ),
        ({"search": {"momentum": {"low": 0, "high": 0.9}}}, None),
        (
            {"search": {"momentum": {"low": 0, "high": 0.9}}, "train": {"optimizer": "adamw"}},
            "search.momentum changes nothing: optimizer is adamw",
        ),
        ({"search": STRENGTH}, "search.group_weights_strength changes nothing: group_weights is none"),
        ({"search": {**STRENGTH, "group_weights": ["none", "sex"]}}, None),
        (
            {"pairs": [{"pair": "mlp-16->linear", "search": STRENGTH}]},
            "search.group_weights_strength changes nothing: group_weights is none",
        ),
        ({"early_stopping": {"method": "none"}}, None),
        (
            {"early_stopping": {"grace": 1}},
            "early_stopping stops no trial: its method is none: write method: moasha, or asha",
        ),
        ({"early_stopping": {"method": "moasha"}, "budget": {"epochs": 3}}, None),
        (
            {"early_stopping": {"method": "moasha"}, "budget": {"epochs": 2}},
            "early_stopping stops no trial: a trial has its 2 epochs before any is stopped "
            "(early_stopping.grace, budget.epochs)",
        ),
        (
            {"early_stopping": {"method": "asha", "grace": 1}, "budget": {"epochs": 1}},
            "early_stopping stops no trial: a trial has its only epoch before any is stopped "
            "(early_stopping.grace, budget.epochs)",
        ),
    ],
)
def test_what_changes_nothing_is_told(changes: dict[str, Any], said: str | None) -> None:
    space = {"dataset": {"name": "trifeature"}, "pairs": ["mlp-16->linear"], **changes}
    assert without_effect(parse_space(space, "space")) == ([] if said is None else [said])
