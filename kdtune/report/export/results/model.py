"""What an export found of one model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kdtune.report.evaluate.cost import Cost


@dataclass(frozen=True, eq=False)
class ModelFindings:
    """One model: a member of the front, or a baseline.

    Attributes:
        role: `student`, `teacher` or `nds`.
        searched: measures as the search recorded them; members were chosen by these.
        splits: `validation` and `test` -> `split_numbers`, of the float32 model that is exported.
        source: the run's model of which this is another seed; empty for the run's own models.
        replicates: numbers of its configuration over further seeds (see `replicate_numbers`), or None.
        exported: whether it has a folder.
        cost: its size, and how long one example takes; None where it was not measured.
    """

    id: str
    role: str
    architecture: str
    config: Mapping[str, Any]
    searched: Mapping[str, float]
    splits: Mapping[str, Mapping[str, Any]]
    source: str = ""
    replicates: Mapping[str, Any] | None = None
    exported: bool = False
    cost: Cost | None = None

    def value(self, name: str, split: str = "test") -> float:
        """Return a measure on a split; NaN if it is undefined or was not measured."""
        return float(self.splits[split]["values"].get(name, float("nan")))
