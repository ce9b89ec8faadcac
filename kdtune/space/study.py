"""What a study varies and measures: the `study:` block of a search space."""

import math
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from kdtune.space.choices import Strict

_MOST_SEEDS = 1000

OWN_FEATURES = ("raw", "teacher")
"""Feature spaces that a study has by itself; any other is a model of torchvision, whose weights must be there."""


class IndividualSpec(Strict):
    """How individual fairness is measured: what the paper leaves open, each a setting.

    Attributes:
        features: what distances are taken of: `raw` inputs, the penultimate layer of the `teacher` of the first seed,
            or that of a torchvision model by its name, whose ImageNet weights must be on the disk.
        output: what changes: the predicted probabilities, or the label.
        pairs: how many pairs of examples are drawn; none for all.
        epsilon: pairs at this distance or less are left out.
        seed: of the pairs, and of the examples where all do not fit into memory.
    """

    features: str = "raw"
    output: Literal["probability", "label"] = "probability"
    pairs: int | None = Field(default=100_000, ge=1)
    epsilon: float = Field(default=1e-8, ge=0, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0)


class StudySpec(Strict):
    """The paper's protocol: a teacher, a student without one, and distilled students over T, for each seed.

    Attributes:
        temperatures: T of the distilled students.
        seeds: how many, or which.
        alpha: weight of the distillation term.
        scale_by_t2: whether that term is multiplied by T²; `both` trains both kinds.
        null_is: what is equal for a class that distillation does not affect.
        level: of the tests.
        individual: how individual fairness is measured; none leaves it out.
    """

    temperatures: list[float] = Field(
        default=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40],
        min_length=1,
    )
    seeds: int | list[int] = 5
    alpha: float = 0.8
    scale_by_t2: Literal[True, False, "both"] = False
    null_is: Literal["ratio", "difference", "raw"] = "ratio"
    level: float = Field(default=0.05, gt=0, lt=1)
    individual: IndividualSpec | None = IndividualSpec()

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, content: Any) -> Any:
        if isinstance(content, dict) and None in content:
            raise ValueError("YAML reads the key 'null' as nothing: write null_is: ratio, difference or raw")
        return content

    @field_validator("temperatures")
    @classmethod
    def _temperatures(cls, values: list[float]) -> list[float]:
        for value in values:
            if not 0 < value < math.inf:
                raise ValueError(f"{value:g} is not a temperature: it must be above 0, and finite")
            if values.count(value) > 1:
                raise ValueError(f"{value:g} is listed {values.count(value)} times: once is enough")
        return sorted(values)

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, value: Any) -> Any:
        seeds = value if isinstance(value, list) else [value]
        if any(isinstance(seed, bool) or not isinstance(seed, int) for seed in seeds):
            raise ValueError(f"{value!r} is neither a number of seeds nor a list of seeds")
        if len(seeds) > _MOST_SEEDS or (isinstance(value, int) and value > _MOST_SEEDS):
            n = value if isinstance(value, int) else len(seeds)
            raise ValueError(
                f"{n:,} seeds, each with all its students, are too many: {_MOST_SEEDS:,} are the most"
            )
        if not seeds or (isinstance(value, int) and value < 1):
            raise ValueError("no seeds: at least one, and five or more for a test")
        for seed in seeds:
            if seed < 0:
                raise ValueError(f"{seed} is below 0: seeds are 0, 1, 2, …")
            if seeds.count(seed) > 1:
                raise ValueError(
                    f"{seed} is listed {seeds.count(seed)} times: the same model counted twice is no evidence"
                )
        return value

    @field_validator("alpha")
    @classmethod
    def _alpha(cls, value: float) -> float:
        if not 0 <= value <= 1:
            raise ValueError(f"{value:g} is no weight: it must be in [0, 1]")
        return value

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds, one a repetition."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)

    @property
    def scalings(self) -> tuple[bool, ...]:
        """Whether T² multiplies the soft loss: one value, or both."""
        return (False, True) if self.scale_by_t2 == "both" else (bool(self.scale_by_t2),)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What follows from so few seeds."""
        n = len(self.seed_list)
        if n < 2:
            return (
                "one seed: no test of classes and no spread is possible; counts of affected classes stay empty "
                "(study.seeds: 5 gives them)",
            )
        if n < 4:
            return (f"{n} seeds: too few to hold the students without a teacher against each other (4 do)",)
        return ()
