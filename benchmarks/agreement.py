"""Whether two sweeps on the same configurations found the same."""

import math
import statistics
from collections.abc import Mapping, Sequence

from kdtune.runs.reader import Run


def metrics(run: Run) -> list[dict[str, float]]:
    """Return what a run's trials found at their end, with the α that tells them apart."""
    return [
        {"alpha": t.config["alpha"], "accuracy": t.values["accuracy"], "eod": t.values["eod"]}
        for t in run.state().trials.values()
        if t.state == "done"
    ]


def agreement(
    ours: Sequence[Mapping[str, float]], theirs: Sequence[Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Compare two sweeps on the same configurations: the mean difference, also in standard errors."""
    by_alpha = {row["alpha"]: row for row in theirs}
    pairs = [(row, by_alpha[row["alpha"]]) for row in ours if row["alpha"] in by_alpha]
    found = {}
    for name in ("accuracy", "eod"):
        differences = [
            a[name] - b[name] for a, b in pairs if not (math.isnan(a[name]) or math.isnan(b[name]))
        ]
        n = len(differences)
        error = statistics.stdev(differences) / math.sqrt(n) if n > 1 else math.nan
        mean = statistics.fmean(differences) if n else math.nan
        found[name] = {"n": n, "ours": statistics.fmean(a[name] for a, _ in pairs), "difference": mean}
        found[name]["errors"] = abs(mean) / error if error else 0.0
    return found
