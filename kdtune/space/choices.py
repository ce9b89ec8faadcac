"""What a search may vary, and between which values; and the pairs of architectures that it is about."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from kdtune.distill.config import Distillation, TrainConfig, members_of
from kdtune.errors import InputError

Scalar = bool | int | float | str
_LARGEST = 1e300
SEARCHABLE = (
    "temperature",
    "alpha",
    "scale_by_t2",
    "lr",
    "momentum",
    "weight_decay",
    "batch_size",
    "optimizer",
    "schedule",
    "warmup",
    "gamma",
    "loss",
    "label_smoothing",
    "class_weights",
    "group_weights",
    "group_weights_strength",
)
"""What `search` may vary, beside the settings of a loss's own; all else of the protocol is one value for all trials."""

OF_LOSSES = ("temperature", "alpha", "scale_by_t2", "loss")
"""What of these says how a student learns from its teacher; the others concern the training of any model."""


def _kinds(annotation: Any) -> set[Any]:
    """Return the plain types in an annotation, such as `int` in `list[int] | None`."""
    parts = get_args(annotation)
    return {annotation} if not parts else {kind for part in parts for kind in _kinds(part)}


class Strict(BaseModel):
    """A section of a space: unknown keys are refused, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse a truth value where a number belongs: pydantic would make 1 of it."""
        values = value if isinstance(value, list) else [value]
        kinds = _kinds(cls.model_fields[info.field_name or ""].annotation)
        if any(isinstance(one, bool) for one in values) and kinds & {int, float} and bool not in kinds:
            raise ValueError("a truth value is no number: YAML reads yes and on as true, no and off as false")
        return value


class Range(Strict):
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: the smallest.
        high: the largest.
        log: spread them over orders of magnitude.
        step: only `low` and whole steps above it.
    """

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = False
    step: float | None = Field(default=None, allow_inf_nan=False)

    @property
    def last(self) -> float:
        """The largest number that there is: below `high` where no whole number of steps leads there."""
        if self.step is None:
            return self.high
        low, high, step = (Decimal(str(number)) for number in (self.low, self.high, self.step))
        return float(high - (high - low) % step)

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}: swap them")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} with log: a logarithmic range starts above 0")
        if self.step is not None and (self.step <= 0 or self.log):
            raise ValueError("step is above 0, and not for a logarithmic range")
        return self


_RANGE, _LIST, _VALUE = FORMS = ("(range)", "(list)", "(value)")
"""How pydantic calls the forms of a choice in the path of an error; no key of YAML is likely to be called so."""


def _form_of(choice: object) -> str | None:
    if isinstance(choice, dict | Range):
        return _RANGE
    if isinstance(choice, list) and all(isinstance(value, Scalar) for value in choice):
        return _LIST
    return _VALUE if isinstance(choice, Scalar) else None


Choice = Annotated[
    Annotated[Range, Tag(_RANGE)] | Annotated[list[Scalar], Tag(_LIST)] | Annotated[Scalar, Tag(_VALUE)],
    Discriminator(
        _form_of,
        custom_error_type="choice",
        custom_error_message="neither a value, a list of values, nor a range {low: …, high: …}",
    ),
]


def joined(pair: str) -> str:
    """Return a pair's name with no space around the `+` of an ensemble: one name for one teacher."""
    return re.sub(r"\s*\+\s*", "+", pair)


class Pair(Strict):
    """A teacher and a student architecture, with what is searched for this pair only.

    Attributes:
        pair: the two names: `resnet20->lenet5`.
        search: replaces entries of the common `search`, or adds some.
    """

    pair: str
    search: dict[str, Choice] = {}

    @property
    def teacher(self) -> str:
        """Architecture of the teacher; of an ensemble those of its members, joined by `+`."""
        return self.pair.split("->")[0].strip()

    @property
    def teachers(self) -> tuple[str, ...]:
        """Architectures of the teacher's models: several where it is an ensemble."""
        return members_of(self.teacher)

    @property
    def student(self) -> str:
        """Architecture of the student."""
        return self.pair.split("->")[1].strip()

    def searched(self, common: Mapping[str, Choice]) -> dict[str, Choice]:
        """Return what is searched for this pair: the common part, replaced by its own entries of the same name."""
        return {**common, **self.search}

    def label(self, key: str) -> str:
        """Return what an entry of `search` is called in the study.

        One of this pair only is a parameter of its own: its range may differ from its namesake's.
        """
        return f"{key} ({self.pair})" if key in self.search else key

    @field_validator("pair")
    @classmethod
    def _has_arrow(cls, pair: str) -> str:
        pair = joined(pair)
        sides = [side.strip() for side in pair.split("->")]
        if len(sides) != 2 or not all(sides):
            raise ValueError(f"{pair!r} is not a pair: write 'teacher->student', as in 'resnet20->lenet5'")
        if not all(members_of(sides[0])) or len(members_of(sides[1])) > 1:
            raise ValueError(
                f"{pair!r} is not a pair: '+' joins teachers to an ensemble, as in 'resnet20+resnet56->lenet5'"
            )
        return pair


def check_search(where: str, search: Mapping[str, Choice]) -> None:
    """Raise ValueError where an entry can't be searched, or a value of it is not valid."""
    for name, choice in search.items():
        if isinstance(choice, list) and not choice:
            raise ValueError(f"{where}.{name}: an empty list leaves nothing to choose from")
        if isinstance(choice, list):
            check_listed_once(f"{where}.{name}", choice)
        for value in extremes(choice):
            _check_value(where, name, value)
        if isinstance(choice, Range) and name == "batch_size" and not float(choice.step or 1).is_integer():
            raise ValueError(f"{where}.{name}: step {choice.step:g} is not a whole number")


def check_listed_once(where: str, listed: Sequence[Scalar]) -> None:
    """Raise ValueError where a value stands in a list more than once."""
    for value, times in Counter(listed).items():
        if times > 1:
            raise ValueError(f"{where}: {value!r} is listed {times} times: once is enough")


def extremes(choice: Choice) -> Sequence[Scalar]:
    """Return the values whose validity shows that of the whole choice."""
    if isinstance(choice, Range):
        return [choice.low, choice.high]
    return choice if isinstance(choice, list) else [choice]


def _check_value(where: str, name: str, value: Any) -> None:
    if name == "loss":
        if not isinstance(value, str):
            raise ValueError(f"{where}.loss: {value!r} is not the name of a loss")
        return
    numeric = name not in ("optimizer", "schedule", "scale_by_t2", "class_weights", "group_weights")
    if numeric and (isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST):
        raise ValueError(f"{where}.{name}: {value!r} is not a number{_in_yaml(value)}")
    if name == "batch_size" and not (math.isfinite(value) and float(value).is_integer()):
        raise ValueError(f"{where}.{name}: {value!r} is not a whole number")
    if name not in SEARCHABLE:  # a setting of a loss's own: see `check_settings`
        return
    try:
        if name in ("temperature", "alpha", "scale_by_t2"):
            Distillation(**{"teacher": "", "temperature": 1.0, "alpha": 0.5, name: value})
        else:
            TrainConfig(epochs=1).with_options(**{name: int(value) if name == "batch_size" else value})
    except InputError as error:
        raise ValueError(f"{where}.{name}: {str(error).removeprefix('train.')}") from None


def _in_yaml(value: Any) -> str:
    plain = number_of(value)
    return f": YAML reads it as text, write {plain}" if plain else ""


def number_of(value: Any) -> str:
    """Return how YAML wants a number that it reads as text: `1e-3` wants a point and a sign, `1.0e-3`; else ""."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    short = f"{number:.1e}"
    if float(short) == number:
        return short
    digits, e, power = repr(number).partition("e")
    return f"{digits if '.' in digits else digits + '.0'}{e}{power}"
