"""Why no student of a sweep is on the front."""

from collections.abc import Sequence

import numpy as np

from kdtune.runs.front import objective_values
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState


def why_empty(record: RunRecord, done: Sequence[ModelState]) -> str:
    """Return why none of the trials done is on the front, and what would put one there; at least one is done."""
    undefined = np.isnan(objective_values(done, record.objectives)).any(axis=1)
    reasons, asked = [], False
    if undefined.any():
        reasons.append(f"{int(undefined.sum())} have an undefined objective")
    for constraint in record.constraints:
        values = [trial.values.get(constraint.name, float("nan")) for trial in done]
        failing = sum(constraint.violation(value) > 0 for value in values)
        if failing:
            best = min(values, key=constraint.violation)
            reasons.append(f"{failing} break {constraint} (the nearest has {best:.4f})")
            asked |= constraint.name in record.space.get("constraints", {})
    remedy = (
        "search longer, or with a weaker bound under 'constraints'"
        if asked or undefined.any()
        else "with more examples more may be resolved; 'trivial: keep' in a new search lets them onto the front"
    )
    return f"none of the {len(done)} trials done is feasible: {'; '.join(reasons)}: {remedy}"
