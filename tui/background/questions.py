"""What can be asked of the helper process."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kdtune.runs.records import Report

DoubtKey = tuple[str, int, str]
"""A model, an epoch, and a gap's name: `eod`, `dpd@race`."""


@dataclass(frozen=True)
class DoubtOf:
    """The question how far a gap or a class bias in a report can be trusted.

    Attributes:
        report: None if it has yet to be read.
        against: model and epoch of the report that class bias is measured against; None for a gap.
        reference: that report; None if it has yet to be read.
    """

    key: DoubtKey
    report: Report | None = None
    against: tuple[str, int] | None = None
    reference: Report | None = None


@dataclass(frozen=True)
class RankingOf:
    """The question which settings a measure goes with.

    Attributes:
        state: stands for the contents of the columns: equal states have equal answers.
        columns, values: the arguments of `importance`.
    """

    measure: str
    state: Hashable
    columns: Mapping[str, Sequence[object]]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True)
class ResolutionOf:
    """The question what of a front is beyond noise.

    Attributes:
        run: the run directory.
        members: ids, in the order of the front.
        done: number of trials that are done.
    """

    run: Path
    members: tuple[str, ...]
    done: int


Question = DoubtOf | RankingOf | ResolutionOf


@dataclass(frozen=True)
class Wish:
    """What a chart wants computed.

    Attributes:
        state: stands for the questions: equal states have equal ones.
        questions: returns them, the most important first.
    """

    state: Hashable
    questions: Callable[[], Sequence[Question]]
