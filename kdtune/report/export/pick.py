"""Which members of a front to export, in words: `knee`, `accuracy>=0.9`, `eod<=0.05`, `t0003`, `3`.

Members are chosen by their values on validation: choosing by values on test would spoil the test.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kdtune.errors import InputError, did_you_mean
from kdtune.pareto import Constraint
from kdtune.runs.measures.objectives import Objective, badness_of, front_hypervolume
from kdtune.runs.paths import is_trial

GRAMMAR = "'knee', a bound such as 'accuracy>=0.9' or 'eod<=0.05', an id such as 't0003', or a number"
# Names of measures may hold signs and commas: accuracy@age=<=25>=0.9, accuracy@city=Paris, Texas>=0.9. So a bound ends
# with its number, and a comma separates it from the next one only there.
_BOUND = re.compile(
    r"\s*(?P<name>\S.*?)\s*(?P<sign><=|>=)\s*(?P<bound>[-+0-9.eE]+)\s*(?:,(?=.)|\Z)", re.DOTALL
)


@dataclass(frozen=True)
class Choice:
    """A front member that can be picked.

    Attributes:
        values: its measures on validation, to which bounds refer.
        chosen_by: the objectives as the front was computed from them; those in `values` if it is left out.
    """

    id: str
    values: Mapping[str, float]
    chosen_by: Mapping[str, float] | None = None


def pick(members: Sequence[Choice], objectives: Sequence[Objective], asked: Sequence[str]) -> list[str]:
    """Return the ids of the members that any of `asked` names, in the front's order; all members if nothing is asked.

    Bounds separated by commas must all hold.

    Raises:
        InputError: a pick is not understood, or matches no member; the message says what there is.
    """
    if not asked:
        return [member.id for member in members]
    chosen: set[str] = set()
    for text in asked:
        chosen |= _named(members, objectives, text.strip())
    return [member.id for member in members if member.id in chosen]


def _named(members: Sequence[Choice], objectives: Sequence[Objective], text: str) -> set[str]:
    ids = [member.id for member in members]
    if text == "knee":
        return {ids[knee(_values(members, objectives), objectives)]}
    if text.isdecimal():
        if int(text) < 1:
            raise InputError(f"--pick {text}: the number of members must be at least 1")
        return {ids[k] for k in spread_out(_values(members, objectives), objectives, int(text))}
    if text in ids:
        return {text}
    if is_trial(text.partition("-s")[0]):
        raise InputError(f"--pick {text}: not on the front (members: {', '.join(ids)})")
    constraints = [_constraint(text, match, members) for match in _bounds(text)]
    meet = {m.id for m in members if all(c.violation_in(m.values) <= 0 for c in constraints)}
    if not meet:
        best = [_nearest(members, constraint) for constraint in constraints]
        raise InputError(f"--pick {text!r}: no member of the front meets it ({'; '.join(best)})")
    return meet


def _bounds(text: str) -> "list[re.Match[str]]":
    """Return the bounds of a pick, one after the other.

    Raises:
        InputError: it is empty, or some of it is no bound.
    """
    found: list[re.Match[str]] = []
    while not found or found[-1].end() < len(text):
        match = _BOUND.match(text, found[-1].end() if found else 0)
        if match is None:
            raise InputError(f"--pick {text!r}: write {GRAMMAR}")
        found.append(match)
    return found


def _constraint(text: str, match: "re.Match[str]", members: Sequence[Choice]) -> Constraint:
    known = list(members[0].values)
    name = match["name"].strip()
    if name not in known:
        raise InputError(
            f"--pick {text!r}: {name!r} was not measured{did_you_mean(name, known)} (measured: {', '.join(known)})"
        )
    try:
        bound = float(match["bound"])
    except ValueError:
        raise InputError(f"--pick {text!r}: {match['bound']!r} is not a number") from None
    return Constraint(name, ">=" if match["sign"] == ">=" else "<=", bound)


def _nearest(members: Sequence[Choice], constraint: Constraint) -> str:
    name = constraint.name
    nearest = min(members, key=lambda member: constraint.violation_in(member.values))
    value = nearest.values.get(name, float("nan"))
    return f"the nearest in {name} is {nearest.id} with {constraint.beside(value)}"


def _values(members: Sequence[Choice], objectives: Sequence[Objective]) -> np.ndarray:
    known = [member.values if member.chosen_by is None else member.chosen_by for member in members]
    return np.array([[values[o.name] for o in objectives] for values in known], dtype=float)


def knee(values: np.ndarray, objectives: Sequence[Objective]) -> int:
    """Return the row of values [n, objectives] that is nearest to the point with the front's best in every objective.

    Each objective is scaled to the front's own range, so that the choice does not depend on units.
    """
    badness = badness_of(values, objectives)
    low, high = badness.min(axis=0), badness.max(axis=0)
    scaled = (badness - low) / np.where(high > low, high - low, 1.0)
    return int(np.argmin(np.linalg.norm(scaled, axis=1)))


def spread_out(values: np.ndarray, objectives: Sequence[Objective], n: int) -> list[int]:
    """Return up to n rows of values [m, objectives], chosen greedily to dominate most together."""
    left, chosen = list(range(len(values))), list[int]()
    while left and len(chosen) < n:
        best = max(left, key=lambda row: front_hypervolume(values[[*chosen, row]], objectives))
        chosen.append(best)
        left.remove(best)
    return chosen
