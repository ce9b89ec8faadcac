"""Two runs beside each other: what was asked differently, and, on the same data, which students and fronts differ."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kdtune.errors import InputError
from kdtune.runs.choosing import Chooser
from kdtune.runs.front import is_feasible, objective_values
from kdtune.runs.measures.objectives import Objective, front_hypervolume, front_mask, objective_of
from kdtune.runs.reader import Run
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState

_NOT_OF_A_CONFIGURATION = ("job", "model")
_NOT_ASKED = ("about",)


@dataclass(frozen=True)
class Difference:
    """A value that two runs do not share; None where a run has none."""

    section: str
    key: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Side:
    """One of two runs, on the objectives of both.

    Attributes:
        front: ids of its front, on these objectives.
        beaten: those of them that a member of the other front dominates, in the values that fronts are chosen by.
        hypervolume: of its front, as a share of the objectives' box.
        beyond: how much of it the other front does not dominate.
        only: ids of its students with a configuration that the other run does not have.
    """

    run: str
    kind: str
    done: int
    front: tuple[str, ...]
    beaten: tuple[str, ...]
    hypervolume: float
    beyond: float
    only: tuple[str, ...]


@dataclass(frozen=True)
class Twin:
    """Students of both runs that have the same configuration, and the measures in which they differ."""

    first: str
    second: str
    differences: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class TwoRuns:
    """What two runs have in common, and what not.

    Attributes:
        differences: of what was asked, and of the data.
        incomparable: why their numbers are not compared; empty if they are.
        objectives: those of both.
        sides: the two runs; empty if they are not compared.
        twins: students with the same configuration; empty if they are not compared.
        hypervolume: of the front of both runs together; NaN if they are not compared.
        damage: what is missing of each run's files, so that its numbers are those of a part of it.
    """

    runs: tuple[str, str]
    differences: tuple[Difference, ...]
    incomparable: tuple[str, ...]
    objectives: tuple[str, ...]
    sides: tuple[Side, ...]
    twins: tuple[Twin, ...]
    hypervolume: float
    damage: tuple[tuple[str, ...], tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; NaN stands for undefined."""
        return asdict(self)


def compare_runs(first: Run, second: Run) -> TwoRuns:
    """Compare two runs; numbers only where both judge students by the same validation examples.

    Both hypervolumes have the same reference, because each measure has its own fixed scale.

    Raises:
        InputError: both are the same run.
        RunError: a run is damaged.
    """
    if first.path.resolve() == second.path.resolve():
        raise InputError(f"{second.path}: is the same run as {first.path}: name two")
    differences = tuple(_differences(first, second))
    why = [d.key for d in differences if d.section == "data"]
    shared = [
        name
        for name in first.record.objectives
        if name in second.record.objectives and _is_same_measure(name, first.record, second.record)
    ]
    reasons = []
    if why:
        reasons.append(f"their data differ in {', '.join(why)}: values are of other examples or groups")
    studies = [run.name for run in (first, second) if not run.record.has_front]
    if studies:
        reasons.append(f"{' and '.join(studies)}: a study has no front; compare its tables")
    if not shared:
        reasons.append("they have no objective in common")
    names = _names(first, second)
    damage = first.damage(), second.damage()
    if reasons:
        return TwoRuns(names, differences, tuple(reasons), tuple(shared), (), (), math.nan, damage)
    objectives = [objective_of(first.record, name) for name in shared]
    done = [_done(run) for run in (first, second)]
    twins, only = _twins(*done)
    fronts = [_front(run, objectives) for run in (first, second)]
    values = [objective_values(front, shared) for front in fronts]
    volumes = [front_hypervolume(rows, objectives) for rows in values]
    together = front_hypervolume(np.concatenate(values), objectives)
    chosen_by = _chosen_by((first, second), fronts, shared)
    splits = [_stays(chosen_by[k], chosen_by[1 - k], objectives) for k in range(2)]
    sides = tuple(
        Side(
            run=names[k],
            kind=run.record.kind,
            done=len(done[k]),
            front=tuple(m.id for m in fronts[k]),
            beaten=tuple(m.id for m, stays in zip(fronts[k], splits[k], strict=True) if not stays),
            hypervolume=volumes[k],
            beyond=max(0.0, together - volumes[1 - k]),
            only=tuple(only[k]),
        )
        for k, run in enumerate((first, second))
    )
    return TwoRuns(names, differences, (), tuple(shared), sides, twins, together, damage)


def _names(first: Run, second: Run) -> tuple[str, str]:
    """Return what tells two runs apart: their names, or their paths where the names are equal."""
    if first.name != second.name:
        return first.name, second.name
    return str(first.path), str(second.path)


def _differences(first: Run, second: Run) -> list[Difference]:
    a, b = first.record, second.record
    data: list[Mapping[str, Any]] = [
        {
            "fingerprint": record.dataset.get("fingerprint"),
            "classes": list(record.classes),
            "attributes": {name: list(groups) for name, groups in record.attributes.items()},
            "validation": record.dataset.get("validation_sha256"),
        }
        for record in (a, b)
    ]
    if None in [
        item["validation"] for item in data
    ]:  # an earlier kdtune's run has none: the fingerprint covers it
        data = [{**item, "validation": None} for item in data]
    sections: dict[str, list[Mapping[str, Any]]] = {
        "data": data,
        "space": [_flat(a.space), _flat(b.space)],
        "measures": [{name: asdict(own) for name, own in record.measures.items()} for record in (a, b)],
        "versions": [a.versions, b.versions],
    }
    return [
        Difference(section, key, one.get(key), other.get(key))
        for section, (one, other) in sections.items()
        for key in dict.fromkeys([*one, *other])
        if key not in _NOT_ASKED and _differ(key, one.get(key), other.get(key))
    ]


def _differ(key: str, one: Any, other: Any) -> bool:
    """Return whether two values differ; of attributes the order counts too, because `eod` is over the first one."""
    return one != other or (key == "attributes" and list(one) != list(other))


def _is_same_measure(name: str, one: RunRecord, other: RunRecord) -> bool:
    """Return whether a name means the same in two runs: one of kdtune's measures, or one of the user's own in both."""
    own = [record.measures.get(name.partition("@")[0]) for record in (one, other)]
    return own[0] == own[1]


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return a space as dotted keys, as `--set` takes them; a choice of the search stays one value.

    A mapping without keys, such as `constraints: {}`, has none here either: what the other one has in it says enough.
    """
    if not isinstance(value, Mapping) or prefix.count(".") > 1:
        return {prefix.rstrip("."): value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}{key}.")
    return flat


def _done(run: Run) -> list[ModelState]:
    return [trial for trial in run.state().trials.values() if trial.state == "done"]


def _front(run: Run, objectives: Sequence[Objective]) -> list[ModelState]:
    """Return a run's own front, without the members that others dominate on the objectives of both runs."""
    members = run.front_states(run.state())
    names = [objective.name for objective in objectives]
    if not members or tuple(names) == run.record.objectives:
        return members
    stays = front_mask(objective_values(members, names), objectives)
    return [member for member, stay in zip(members, stays, strict=True) if stay]


def _chosen_by(
    runs: Sequence[Run], fronts: Sequence[Sequence[ModelState]], names: Sequence[str]
) -> list[np.ndarray]:
    """Return the values that the members of each front are chosen by, as if both runs were one, [members, names].

    A front may hold a student that another of the same front dominates on validation alone (`kdtune.runs.choosing`): it
    would count as dominated by an equal front of the other run.
    """
    if any(run.raw for run in runs):
        return [objective_values(front, names) for front in fronts]
    chooser = Chooser(names)
    for run in runs:
        for trial in _done(run):
            if is_feasible(trial, run.record.constraints):
                chooser.add(trial)
    return [chooser.values(front) for front in fronts]


def _stays(own: np.ndarray, other: np.ndarray, objectives: Sequence[Objective]) -> list[bool]:
    """Return for each member of a front, [members, objectives], whether no member of the other front dominates it."""
    return [bool(front_mask(np.vstack([row, other]), objectives)[0]) for row in own]


def _configuration(trial: ModelState) -> str:
    settings = {key: value for key, value in trial.config.items() if key not in _NOT_OF_A_CONFIGURATION}
    return repr(sorted(settings.items()))


def _twins(
    first: Sequence[ModelState], second: Sequence[ModelState]
) -> tuple[tuple[Twin, ...], tuple[list[str], list[str]]]:
    """Return pairs of the same configuration, and the ids that have no such partner."""
    partners: dict[str, list[ModelState]] = {}
    for trial in second:
        partners.setdefault(_configuration(trial), []).append(trial)
    twins, alone = [], []
    for trial in first:
        same = partners.get(_configuration(trial))
        if not same:
            alone.append(trial.id)
            continue
        partner = same.pop(0)
        names = [name for name in trial.values if name in partner.values]
        values = {name: (trial.values[name], partner.values[name]) for name in names}
        differing = {name: pair for name, pair in values.items() if not _equal(*pair)}
        twins.append(Twin(trial.id, partner.id, differing))
    left = {trial.id for same in partners.values() for trial in same}
    return tuple(twins), (alone, [trial.id for trial in second if trial.id in left])


def _equal(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))
