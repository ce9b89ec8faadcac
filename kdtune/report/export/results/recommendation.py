"""Which student to ship, judged on test by rules that are the same for every run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kdtune.pareto import Constraint
from kdtune.report.export.pick import knee
from kdtune.report.export.results.model import ModelFindings
from kdtune.runs.comparison.resolution import Versus
from kdtune.runs.measures.objectives import Objective, why_trivial

Kind = Literal["better", "trade", "none", "unusable"]


@dataclass(frozen=True)
class Recommendation:
    """Which student to ship, and what that rests on.

    Attributes:
        kind: `better`: the student is better than its NDS in an objective and worse in none; `trade`: none is so, but
            some are better in one objective and worse in another, and this is one of them; `none`: no usable student
            differs from its NDS for the better; `unusable`: no student is usable. All beyond noise, on test.
        student: the id; None for `none` and `unusable`.
        candidates: the students of that kind, from which it was taken by its values on validation.
        unusable: by student, why it is never recommended.
    """

    kind: Kind
    student: str | None
    candidates: tuple[str, ...]
    unusable: Mapping[str, str]


def recommend(
    members: Sequence[ModelFindings],
    versus: Sequence[Versus],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    written: Callable[[Constraint], str] = str,
) -> Recommendation:
    """Return which of the members to ship.

    Whether a member is better than its NDS is tested on test, for all members together. Among those that are, the
    choice falls on validation, as the search's own choices did, so that their test values stay what they are.

    Args:
        written: how a bound is written for readers.
    """
    unusable = {m.id: why for m in members if (why := why_unusable(m, objectives, constraints, written))}
    usable = [m for m in members if m.id not in unusable]
    if not usable:
        return Recommendation("unusable", None, (), unusable)
    nds = {v.model: v for v in versus if v.role == "nds"}
    gains = [m for m in usable if m.id in nds and nds[m.id].beats_in]
    better = [m for m in gains if not loses_in(nds[m.id])]
    for kind, candidates in (("better", better), ("trade", gains)):
        if candidates:
            values = np.array([[m.searched[o.name] for o in objectives] for m in candidates], dtype=float)
            best = candidates[knee(values, objectives)]
            return Recommendation(kind, best.id, tuple(m.id for m in candidates), unusable)  # type: ignore[arg-type]
    return Recommendation("none", None, (), unusable)


def loses_in(versus: Versus) -> tuple[str, ...]:
    """Return the objectives in which a member is worse beyond noise; see `Versus.beats_in`."""
    return tuple(d.objective for d in versus.differences if d.better is False and d.high > d.low)


def why_unusable(
    member: ModelFindings,
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint] = (),
    written: Callable[[Constraint], str] = str,
) -> str:
    """Return why nobody should be advised to ship a model; empty if nothing speaks against it.

    A model that gives one answer has no gap between groups, and neither has one that knows hardly more.
    """
    names = [objective.name for objective in objectives]
    for split in ("validation", "test"):
        if why := why_trivial(member.splits[split]["values"], names):
            return f"{why}, on {split}"
    for constraint in constraints:
        if constraint.violation(member.value(constraint.name)) > 0:
            return f"breaks {written(constraint)} on test"
    return ""
