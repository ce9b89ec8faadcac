"""What a measure is: its direction, its scale, what data it needs, and how its value is found."""

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness import Counts
from kdtune.user_code import kind_of, own_code

Direction = Literal["max", "min"]
Need = Literal["groups", "attributes", "teacher", "nds"]
"""Groups of one sensitive attribute, those of all of them, a teacher, or the student trained without one."""

ANSWERS = ("labels", "predictions", "probabilities", "groups", "attributes")
"""What a function of answers may take, by name."""


@dataclass(frozen=True)
class References:
    """Final counts, over all examples as one group, of the models that a student is compared with."""

    teacher: Counts | None = None
    nds: Counts | None = None


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model answered on a split.

    Attributes:
        labels, predictions: classes, int64 [n].
        probabilities: float64 [n, C].
        attributes: sensitive attribute -> groups int64 [n], -1 for unknown.
    """

    labels: npt.NDArray[np.int64]
    predictions: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    attributes: Mapping[str, npt.NDArray[np.int64]]

    def only(self, chosen: npt.NDArray[np.bool_]) -> "Answers":
        """Return the answers to some of the examples."""
        return Answers(
            self.labels[chosen],
            self.predictions[chosen],
            self.probabilities[chosen],
            {name: groups[chosen] for name, groups in self.attributes.items()},
        )

    def copied(self, names: Collection[str], attribute: str | None) -> dict[str, Any]:
        """Return copies of what a function names; it may change them, and changes nobody else's.

        Args:
            names: of its parameters; those that are not of `ANSWERS` have defaults.
            attribute: whose groups `groups` are.
        """
        given: dict[str, Any] = {
            name: np.array(getattr(self, name))
            for name in ("labels", "predictions", "probabilities")
            if name in names
        }
        if "groups" in names and attribute is not None:
            given["groups"] = np.array(self.attributes[attribute])
        if "attributes" in names:
            given["attributes"] = {name: np.array(groups) for name, groups in self.attributes.items()}
        return given


@dataclass(frozen=True)
class Measure:
    """A number to optimise: its direction, its scale and where it comes from.

    Attributes:
        meaning: one line for people.
        of_counts: computes the value from the counts of one attribute (or of all examples) and the references; None
            if a report holds the value itself.
        badness: places a value on [0, 1]: 0 is the best there is, 1 the worst.
        need: what it needs to be defined, or None.
        range: the smallest and the largest value that there can be.
        of_answers: computes the value from what it names of `ANSWERS`; None if it is no function of these.
        of_model: it depends on the model itself, or on inputs, beside what the model answers.
        routine: recorded with every report; others only where somebody asks for them.
    """

    name: str
    direction: Direction
    meaning: str
    of_counts: Callable[[Counts, References], float] | None
    badness: Callable[[float], float]
    need: Need | None = None
    range: tuple[float, float] = (0.0, 1.0)
    of_answers: Callable[..., float] | None = None
    of_model: bool = False
    routine: bool = True

    @property
    def has_groups(self) -> bool:
        """Whether it can be taken of the examples of one group alone: `accuracy@race=Caucasian`."""
        return self.need is None and not self.of_model

    def answered(self, answers: Answers, attribute: str | None = None) -> float:
        """Return the value for what a model answered; NaN where it is undefined.

        Args:
            attribute: whose groups it is computed over; examples of an unknown group are left out.

        Raises:
            InputError: the function failed, or returned no number in its range.
        """
        assert self.of_answers is not None
        if self.need == "groups":
            assert attribute is not None
            answers = answers.only(answers.attributes[attribute] >= 0)
        names = inspect.signature(self.of_answers).parameters
        with own_code(f"measure {self.name!r} failed", passed=()):
            returned = self.of_answers(**answers.copied(names, attribute))
        value = _number(self.name, returned)
        low, high = self.range
        if not (math.isnan(value) or low <= value <= high):
            raise InputError(
                f"measure {self.name!r} returned {value:g}, outside its range [{low:g}, {high:g}]"
            )
        return value


def _number(name: str, returned: Any) -> float:
    """Return as a number what the function of a measure returned.

    Raises:
        InputError: it is none.
    """
    try:
        if not isinstance(returned, str | bytes):
            return float(returned)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: torch's, of several numbers
        pass
    raise InputError(f"measure {name!r} returned {kind_of(returned)}, not a number")


@dataclass(frozen=True)
class OwnMeasure:
    """What a run records of a measure of the user's own: enough to read the run without the user's code.

    Attributes:
        low, high: its range; None for no bound on that side.
    """

    direction: Direction
    meaning: str
    need: Need | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, measure: Measure) -> Self:
        """Return the record of a measure."""
        low, high = (end if math.isfinite(end) else None for end in measure.range)
        return cls(measure.direction, measure.meaning, measure.need, low, high)

    def measure(self, name: str) -> Measure:
        """Return the measure, whose values the reports hold."""
        low = -math.inf if self.low is None else float(self.low)
        high = math.inf if self.high is None else float(self.high)
        if self.direction not in ("max", "min") or self.need not in (None, "groups", "attributes"):
            raise ValueError(f"measure {name!r} is described by values that there are not: {asdict(self)}")
        scale = scale_of(self.direction, low, high)
        return Measure(name, self.direction, self.meaning, None, scale, self.need, (low, high), routine=False)


def scale_of(direction: Direction, low: float, high: float) -> Callable[[float], float]:
    """Return how values between two ends are placed on [0, 1], 0 the best: linearly, or x / (1 + x) where one is open.

    Where both are open, by the arc tangent. So every improvement counts.
    """

    def lowest_first(value: float) -> float:
        if math.isnan(value):
            return value
        if math.isfinite(low) and math.isfinite(high):
            return (value - low) / (high - low)
        if math.isfinite(low):
            return saturating(value - low)
        if math.isfinite(high):
            return 1.0 - saturating(high - value)
        return 0.5 + math.atan(value) / math.pi

    if direction == "min":
        return lowest_first
    return lambda value: 1.0 - lowest_first(value)


def log_scale(best: float, worst: float) -> Callable[[float], float]:
    """Return how values over orders of magnitude are placed on [0, 1]."""

    def badness(value: float) -> float:
        if math.isnan(value):
            return value
        span = math.log(worst) - math.log(best)
        return min(max((math.log(max(value, best)) - math.log(best)) / span, 0.0), 1.0)

    return badness


def saturating(value: float) -> float:
    """Place a value that has no upper bound, so that every improvement counts: x / (1 + x), and 1 at infinity."""
    return 1.0 - 1.0 / (1.0 + value)


def one_minus(value: float) -> float:
    """Place a share of which more is better."""
    return 1.0 - value


def itself(value: float) -> float:
    """Place a share of which less is better."""
    return value
