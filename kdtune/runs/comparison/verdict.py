"""What a front shows beyond noise, in words: for the end of a sweep, `kdtune status`, the monitor and the report."""

from collections.abc import Sequence

from kdtune.runs.comparison.resolution import Resolution, Versus
from kdtune.text import listed, signed

_ROLES = {"nds": "NDS", "teacher": "the teacher"}


def conclusion(found: Resolution, objectives: Sequence[str]) -> str:
    """Return the last line of a sweep: whether any student beats NDS or the teacher beyond noise, and in what."""
    if not found.known:
        return f"What of this front is beyond noise is not known: {found.unknown}"
    beaten = found.beats_a_baseline
    members = sum(map(len, found.steps))
    there = [name for role, name in _ROLES.items() if any(v.role == role for v in found.against)]
    if not there:
        line = f"There is neither NDS nor a teacher to hold the students against ({_basis(found)})."
        return f"{line} {_resolved_otherwise(found, members)}".rstrip()
    if not beaten:
        who, judged = listed(there, "or"), [name for name in objectives if name in found.judged]
        if not judged:
            why = f"there is no test for {listed(objectives)}"
            return f"Whether a student beats {who} beyond noise is not known: {why}."
        line = f"No student beats {who} in {listed(judged, 'or')} beyond noise ({_basis(found)})."
        return f"{line} {_resolved_otherwise(found, members)}".rstrip()
    nds, teacher = ([versus for versus in beaten if versus.role == role] for role in _ROLES)
    if members == 1:
        said = " and ".join(
            _alone(of_role, role, objectives) for role, of_role in zip(_ROLES, (nds, teacher), strict=True)
        )
        line = f"Beyond noise, the only student on the front {said}."
    else:
        line = (
            f"Beyond noise, {len(nds) or 'none'} of {members} students on the front "
            f"{_beats(nds, 'nds', objectives)}, and {len(teacher) or 'none'} {_beats(teacher, 'teacher', objectives)}."
        )
    return f"{line} The clearest: {_clearest(beaten)} ({_basis(found)})."


def remarks(found: Resolution) -> list[str]:
    """Return what is to be said of the members of a front, a line each; nothing if it is not known."""
    if not found.known:
        return []
    lines = []
    members = sum(map(len, found.steps))
    if members > 1 and found.judged:  # without a test, all would share a step, which says nothing
        steps = "; ".join(f"{k + 1}: {', '.join(step)}" for k, step in enumerate(found.steps))
        what = f" in {listed(found.judged, 'or')}" if found.untested else ""
        lines.append(f"steps (members of one step do not differ beyond noise{what}): {steps}")
    for role, name in _ROLES.items():
        for verdict, of_verdict in (("better", "better_in"), ("worse", "worse_in")):
            by_objective: dict[str, list[str]] = {}
            for versus in (v for v in found.against if v.role == role):
                for objective in getattr(versus, of_verdict):
                    by_objective.setdefault(objective, []).append(versus.model)
            told = [
                f"in {objective} {'all' if len(ids) == members > 1 else ', '.join(ids)}"
                for objective, ids in by_objective.items()
            ]
            if told:
                lines.append(f"{verdict} than {name} beyond noise: {'; '.join(told)}")
    lines += dominated(found)
    if found.untested:
        lines.append(f"not tested against noise: {', '.join(found.untested)}")
    return lines


def dominated(found: Resolution) -> list[str]:
    """Return a line for each baseline that dominates members of the front."""
    members: dict[str, list[str]] = {}
    for versus in found.against:
        if versus.dominates and versus.role != "neighbour":
            members.setdefault(versus.other, []).append(versus.model)
    return [
        f"{baseline} has values at least as good in all objectives as {', '.join(ids)}"
        for baseline, ids in members.items()
    ]


def _beats(better: Sequence[Versus], role: str, objectives: Sequence[str]) -> str:
    """Say in what these students beat a baseline, and in what some of them are worse: `beat NDS (3 in eod)`."""
    verb = "beat" if len(better) > 1 else "beats"
    gains, losses = (
        [
            f"{n} in {objective}"
            for objective in objectives
            if (n := sum(objective in getattr(versus, which) for versus in better))
        ]
        for which in ("beats_in", "worse_in")
    )
    but = f"; worse: {listed(losses)}" if losses else ""
    return f"{verb} {_ROLES[role]}" + (f" ({listed(gains)}{but})" if gains else "")


def _alone(better: Sequence[Versus], role: str, objectives: Sequence[str]) -> str:
    """Say of a front of one in what it beats a baseline, and in what it is worse: `beats NDS (in eod)`."""
    if not better:
        return f"does not beat {_ROLES[role]}"
    gains, losses = (
        listed(o for o in objectives if o in which) for which in (better[0].beats_in, better[0].worse_in)
    )
    return f"beats {_ROLES[role]} (in {gains}{f'; worse in {losses}' if losses else ''})"


def _basis(found: Resolution) -> str:
    return (
        f"{found.examples:,} validation examples, the same for all; at {100 * found.level:g} % for all pairs of "
        f"up to {found.models} models"
    )


def _resolved_otherwise(found: Resolution, members: int) -> str:
    if found.needed is not None:
        return (
            f"This validation set resolves nothing here; about {found.needed:,} validation examples, or folds, "
            "would resolve the clearest of these differences."
        )
    if len(found.steps) > 1:
        return f"The {members} students of the front make {len(found.steps)} steps."
    return "Its students do not differ from each other either." if members > 1 else ""


def _clearest(beaten: Sequence[Versus]) -> str:
    """Name the difference that is largest for its interval."""
    versus, item = max(
        (
            (versus, item)
            for versus in beaten
            for item in versus.differences
            if item.objective in versus.beats_in
        ),
        key=lambda pair: abs(pair[1].difference) / (pair[1].high - pair[1].low),
    )
    interval = f"{signed(item.difference)} [{signed(item.low)}, {signed(item.high)}]"
    return f"{versus.model} against {versus.other} in {item.objective}: {interval}"
