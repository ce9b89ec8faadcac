"""Why no student of a run is on the front."""

from collections.abc import Sequence

import numpy as np

from kdtune.runs.front import objective_values
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState
from kdtune.text import listed


def why_empty(record: RunRecord, done: Sequence[ModelState]) -> str:
    """Return why none of the trials done is on the front, and what would put one there; at least one is done."""
    if not record.has_front:
        return "a study has no front: it trains each configuration for several seeds, and compares the means"
    undefined = np.isnan(objective_values(done, record.objectives))
    reasons, asked = [], False
    never = [name for name, column in zip(record.objectives, undefined.T, strict=True) if column.all()]
    remedy = (
        "with more examples more may be resolved; 'trivial: keep' in a new search lets them onto the front"
    )
    if undefined.any():
        n = int(undefined.any(axis=1).sum())
        names = [name for name, column in zip(record.objectives, undefined.T, strict=True) if column.any()]
        reasons.append(f"{n} {'has' if n == 1 else 'have'} an undefined objective, {listed(names)}")
        remedy = "search longer"
        if never:
            remedy += f" or, if the data never define {listed(never)}, begin a new search without it"
    for constraint in record.constraints:
        values = [trial.values.get(constraint.name, float("nan")) for trial in done]
        failing = [value for value in values if constraint.violation(value) > 0]
        if failing:
            nearest = min(failing, key=constraint.violation)
            verb = "breaks" if len(failing) == 1 else "break"
            reasons.append(
                f"{len(failing)} {verb} {constraint} (the nearest has {constraint.beside(nearest)})"
            )
            asked |= constraint.name in record.space.get("constraints", {})
    if asked and not never:
        remedy = "search longer, or with a weaker bound under 'constraints'"
    who = "the only trial done is not" if len(done) == 1 else f"none of the {len(done)} trials done is"
    return f"{who} feasible: {'; '.join(reasons)}: {remedy}"
