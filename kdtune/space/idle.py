"""What a space asks for that changes nothing: it is no mistake in the space, and seldom what was meant."""

from collections.abc import Sequence
from typing import Any

from kdtune.space.choices import Choice, Range, extremes
from kdtune.space.schema import EarlyStopping, Space

_IDLE_AT: dict[str, tuple[str, tuple[str, ...]]] = {
    "momentum": ("optimizer", ("adamw",)),
    "gamma": ("schedule", ("cosine", "constant")),
    "group_weights_strength": ("group_weights", ("none",)),
}
"""Setting -> another one, and the values of that at which the first changes nothing."""


def without_effect(space: Space) -> list[str]:
    """Return a line for each setting that is searched though no trial uses it, and one for idle early stopping."""
    protocol = space.train_config()
    lines = []
    for searched in space.searches:
        for key, (other, idle) in _IDLE_AT.items():
            values: Sequence[Any] = (
                extremes(searched[other]) if other in searched else [getattr(protocol, other)]
            )
            if key in searched and _varies(searched[key]) and all(value in idle for value in values):
                lines.append(f"search.{key} changes nothing: {other} is {' or '.join(map(str, values))}")
    return [*dict.fromkeys(lines), *_idle_stopping(space.early_stopping, space.budget.epochs)]


def _varies(choice: Choice) -> bool:
    return choice.low < choice.high if isinstance(choice, Range) else len(extremes(choice)) > 1


def _idle_stopping(stopping: EarlyStopping, epochs: int) -> list[str]:
    if stopping.method == "none":
        told = "its method is none: write method: moasha, or asha"
        return [] if stopping == EarlyStopping() else [f"early_stopping stops no trial: {told}"]
    if stopping.rungs(epochs):
        return []
    told = f"a trial has its {epochs} epochs" if epochs > 1 else "a trial has its only epoch"
    return [
        f"early_stopping stops no trial: {told} before any is stopped (early_stopping.grace, budget.epochs)"
    ]
