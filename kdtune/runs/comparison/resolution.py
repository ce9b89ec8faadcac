"""What a front shows beyond noise: which members differ from each other and from the baselines, on the same examples.

The answers of all models to the same validation examples are compared in pairs (`kdtune.fairness.compare`). A front is
chosen among all students that were trained, and the best of many is partly the luckiest: so each comparison is made at
a level at which, among that many equal models, any two are called different with a probability of 5 % at most.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kdtune.fairness import Comparison, compare, pairwise_level
from kdtune.runs.measures.objectives import Objective, badness_of
from kdtune.runs.predictions import Validation

Ints = npt.NDArray[np.int64]

LEVEL = 0.05
"""Probability that any two of equal models are called different."""

PAIRED = (
    "accuracy", "worst_class_accuracy", "class_gap", "worst_group_accuracy", "eod", "dpd", "eod_worst_class",
    "dpd_worst_class",
)  # fmt: skip
"""Measures that are compared under their own name; class bias is compared against its reference."""

EXACT = ("parameters",)
"""Measures that are the same however often they are taken: any difference counts. A latency is not among them."""

_BIAS = "class_bias_"
_TENS = 10


@dataclass(frozen=True, eq=False)
class Compared:
    """A model as it takes part in comparisons.

    Attributes:
        role: `student`, `teacher` or `nds`.
        values: its objectives, as they are shown.
        answers: classes that it answers, int64 [n].
        references: ids of its baselines, by role.
    """

    id: str
    role: str
    values: Mapping[str, float]
    answers: Ints
    references: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One objective of two models on the same examples.

    Attributes:
        difference: the model's value minus the other's.
        low, high: interval, corrected for the number of comparisons; NaN if there is no test.
        better: whether the model is better; None if they do not differ beyond noise.
        tested: whether there is a test; False too if a value is undefined.
    """

    objective: str
    difference: float
    low: float
    high: float
    better: bool | None
    tested: bool = True


@dataclass(frozen=True)
class Versus:
    """A member of the front against another model.

    Attributes:
        role: of the other one: `neighbour` (the next member), `nds` or `teacher`.
        dominates: whether the other one's values are nowhere worse, and somewhere better.
    """

    model: str
    other: str
    role: str
    differences: tuple[Difference, ...]
    dominates: bool = False

    @property
    def better_in(self) -> tuple[str, ...]:
        """The objectives in which the member is better beyond noise."""
        return tuple(item.objective for item in self.differences if item.better is True)

    @property
    def beats_in(self) -> tuple[str, ...]:
        """Of these, the ones that noise could have turned: fewer weights than a teacher's are no finding."""
        return tuple(i.objective for i in self.differences if i.better is True and i.high > i.low)

    @property
    def worse_in(self) -> tuple[str, ...]:
        """The objectives in which the member is worse beyond noise."""
        return tuple(item.objective for item in self.differences if item.better is False)

    @property
    def differs(self) -> bool:
        """Whether the two differ in any objective beyond noise."""
        return any(item.better is not None for item in self.differences)


@dataclass(frozen=True)
class Resolution:
    """What is resolved of a front.

    Attributes:
        unknown: why it is not known; empty if it is.
        examples: validation examples.
        models: how many equal models the comparisons are corrected for.
        level: probability that any two of them would be called different.
        steps: members in the order of the front, grouped: no two of a step differ beyond noise.
        against: each member against its neighbour, its NDS and its teacher.
        untested: objectives for which there is no test; they do not count as different.
        needed: validation examples that would resolve the clearest of the differences to a baseline or a neighbour;
            None if something is resolved, or nothing differs at all.
    """

    unknown: str = ""
    examples: int = 0
    models: int = 0
    level: float = LEVEL
    steps: tuple[tuple[str, ...], ...] = ()
    against: tuple[Versus, ...] = ()
    untested: tuple[str, ...] = ()
    needed: int | None = None

    @property
    def known(self) -> bool:
        """Whether the members could be compared."""
        return not self.unknown

    def step_of(self, model_id: str) -> int | None:
        """Return the number of a member's step, from 0."""
        return next((k for k, step in enumerate(self.steps) if model_id in step), None)

    def versus(self, model_id: str, role: str) -> Versus | None:
        """Return a member's comparison with its neighbour or baseline."""
        return next((v for v in self.against if (v.model, v.role) == (model_id, role)), None)

    def dominated_by(self, model_id: str) -> tuple[str, ...]:
        """Return the baselines whose values are nowhere worse than a member's, and somewhere better."""
        return tuple(
            v.other for v in self.against if v.model == model_id and v.dominates and v.role != "neighbour"
        )

    @property
    def judged(self) -> tuple[str, ...]:
        """The objectives in which a test could call a student better or worse than a baseline."""
        differences = (d for v in self.against if v.role != "neighbour" for d in v.differences)
        return tuple(dict.fromkeys(d.objective for d in differences if d.tested and d.objective not in EXACT))

    @property
    def beats_a_baseline(self) -> tuple[Versus, ...]:
        """The comparisons with a baseline that the student beats in some objective beyond noise."""
        return tuple(v for v in self.against if v.role != "neighbour" and v.beats_in)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        record = asdict(self)
        for item, versus in zip(record["against"], self.against, strict=True):
            item |= {"better_in": versus.better_in, "worse_in": versus.worse_in, "differs": versus.differs}
        return record


@dataclass
class Comparer:
    """Compares models on the same examples, each pair once; models that give the same answers count as one.

    Attributes:
        examples: labels and groups.
        objectives: what is compared.
        sizes: sensitive attribute -> number of its groups.
        models: how many equal models the comparisons are corrected for, the baselines among them.
        answers: id -> classes that a model answers, int64 [n].
    """

    examples: Validation
    objectives: Sequence[Objective]
    n_classes: int
    sizes: Mapping[str, int]
    models: int
    answers: Mapping[str, Ints]
    known: dict[tuple[str, ...], Comparison] = field(default_factory=dict)
    _digests: dict[str, str] = field(default_factory=dict, init=False)

    @cached_property
    def level(self) -> float:
        """The level of each comparison."""
        tested = sum(_test_of(o) is not None for o in self.objectives)
        return pairwise_level(max(2, self.models), max(1, tested), LEVEL)

    def differences(self, a: Compared, b: Compared) -> Iterator[Difference]:
        """Yield how two models differ, objective by objective."""
        for objective in self.objectives:
            yield self._difference(objective, a, b)

    def differ(self, a: Compared, b: Compared) -> bool:
        """Return whether two models differ in any objective beyond noise."""
        return any(item.better is not None for item in self.differences(a, b))

    def _difference(self, objective: Objective, a: Compared, b: Compared) -> Difference:
        name, nan = objective.name, math.nan
        value_a, value_b = a.values.get(name, nan), b.values.get(name, nan)
        sign = 1.0 if objective.measure.direction == "max" else -1.0
        if objective.measure.name in EXACT:
            difference = value_a - value_b
            better = None if difference == 0 or math.isnan(difference) else sign * difference > 0
            return Difference(name, difference, difference, difference, better)
        found = self._compare(objective, a, b)
        if found is None or math.isnan(found.p):
            return Difference(name, value_a - value_b, nan, nan, None, tested=False)
        better = sign * found.difference > 0 if found.beyond_noise else None
        return Difference(name, found.difference, found.low, found.high, better)

    def _compare(self, objective: Objective, a: Compared, b: Compared) -> Comparison | None:
        test = _test_of(objective)
        if test is None:
            return None
        reference = None
        if test == "class_bias":
            # The reference of the student's: a baseline is then measured against the same model.
            student = a if a.role == "student" else b
            role = objective.measure.name.removeprefix(_BIAS)
            reference = student.references.get(role)
            if reference not in self.answers or reference in (a.id, b.id):
                return None
        named = (a.id, b.id) if reference is None else (a.id, b.id, reference)
        key = (objective.name, f"{self.level:.3g}", *map(self._given, named))
        if key not in self.known:
            grouped = objective.measure.need == "groups"
            chosen: slice | npt.NDArray[np.bool_] = slice(None)
            if objective.group is not None:
                chosen = self.examples.groups[objective.attribute] == objective.group
            self.known[key] = compare(
                self.examples.labels[chosen],
                a.answers[chosen],
                b.answers[chosen],
                self.examples.groups[objective.attribute] if grouped else None,
                measure=test,
                n_classes=self.n_classes,
                n_groups=self.sizes[objective.attribute] if grouped else None,
                reference=None if reference is None else self.answers[reference][chosen],
                level=self.level,
            )
        return self.known[key]

    def _given(self, model_id: str) -> str:
        """Return what stands for a model's answers: on few examples, many students of a front give the same ones."""
        if model_id not in self._digests:
            self._digests[model_id] = hashlib.sha256(self.answers[model_id].tobytes()).hexdigest()
        return self._digests[model_id]


def resolve(members: Sequence[Compared], baselines: Mapping[str, Compared], comparer: Comparer) -> Resolution:
    """Return what is resolved of a front.

    Args:
        members: in the order of the front.
        baselines: by id.
    """
    steps: list[list[Compared]] = []
    for member in members:
        if steps and not any(comparer.differ(other, member) for other in reversed(steps[-1])):
            steps[-1].append(member)
        else:
            steps.append([member])
    against = []
    for k, member in enumerate(members):
        others = [("neighbour", members[k + 1])] if k + 1 < len(members) else []
        for role in ("nds", "teacher"):
            baseline = baselines.get(member.references.get(role, ""))
            others += [] if baseline is None else [(role, baseline)]
        for role, other in others:
            differences = tuple(comparer.differences(member, other))
            dominates = _dominates(other, member, comparer.objectives)
            against.append(Versus(member.id, other.id, role, differences, dominates))
    return Resolution(
        examples=len(comparer.examples.labels),
        models=comparer.models,
        steps=tuple(tuple(member.id for member in step) for step in steps),
        against=tuple(against),
        untested=tuple(
            o.name for o in comparer.objectives if _test_of(o) is None and o.measure.name not in EXACT
        ),
        needed=None if len(steps) > 1 else _needed(against, len(comparer.examples.labels)),
    )


def rounded_up(models: int) -> int:
    """Return a number of models rounded up to tens: comparisons stay valid while a few more models are trained."""
    return -(-models // _TENS) * _TENS


def _test_of(objective: Objective) -> str | None:
    """Return the measure that `compare` has for an objective; None if it has none."""
    name = objective.measure.name
    return "class_bias" if name.startswith(_BIAS) else name if name in PAIRED else None


def _dominates(other: Compared, member: Compared, objectives: Sequence[Objective]) -> bool:
    rows = np.array([[m.values.get(o.name, math.nan) for o in objectives] for m in (other, member)])
    if np.isnan(rows).any():
        return False
    bad = badness_of(rows, objectives)
    return bool((bad[0] <= bad[1]).all() and (bad[0] < bad[1]).any())


def _needed(against: Sequence[Versus], examples: int) -> int | None:
    """Return how many examples would resolve the clearest difference, if none is resolved.

    The width of an interval falls with the square root of the number of examples.
    """
    if any(versus.differs for versus in against):
        return None
    clearest = 0.0
    for item in (item for versus in against for item in versus.differences if item.tested):
        half = (item.high - item.low) / 2
        if half > 0:
            clearest = max(clearest, abs(item.difference) / half)
    if clearest == 0:
        return None
    needed = max(examples + 1, examples / clearest**2)
    unit = 10 ** max(0, math.floor(math.log10(needed)) - 1)
    return int(math.ceil(needed / unit) * unit)
