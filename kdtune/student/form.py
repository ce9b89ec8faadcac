"""The form of an exported student's files: what is read of them is checked when they are opened, key by key."""

import codecs
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator


class _Part(BaseModel):
    """A part of a file; keys that nobody reads may be there too."""

    model_config = ConfigDict(strict=True, extra="allow")


def _known(encoding: str) -> str:
    try:
        codecs.lookup(encoding)
    except (LookupError, ValueError):
        raise ValueError(f"there is no encoding {encoding!r}") from None
    return encoding


class _Reading(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: Annotated[str, AfterValidator(_known)] = "utf-8"
    decimal: Literal[".", ","] = "."
    header: bool = True
    columns: list[str] | None = None
    comment: Annotated[str, Field(min_length=1)] | None = None


class _Number(_Part):
    kind: Literal["number"]
    name: str
    median: float
    mean: float
    scale: float
    blank: bool = True


class _Category(_Part):
    kind: Literal["category"]
    name: str
    categories: list[str]
    rest: bool


class _Preprocessing(_Part):
    length: Annotated[int, Field(ge=1)] | None = None
    pad: Annotated[int, Field(ge=0)] | None = None
    value_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None


class _TablePreprocessing(_Part):
    columns: list[Annotated[_Number | _Category, Field(discriminator="kind")]]
    missing: list[str]
    reading: _Reading | None = None


class _Targets(_Part):
    label: str
    sensitive: list[str]
    groups: dict[str, list[str]]
    bins: dict[str, list[float]]
    rare: Literal["error", "missing", "other"]
    settled: dict[str, list[int]]
    column: str | None
    missing: list[str]
    reading: _Reading


class _Normalisation(_Part):
    mean: list[float] | float | None = None
    std: list[float] | float | None = None


class _Config(_Part):
    id: str
    run: str | None = None
    parameters: int = 0
    input_shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=3)]
    classes: Annotated[list[str], Field(min_length=2)]
    attributes: dict[str, Annotated[list[str], Field(min_length=1)]] | None = None
    normalisation: _Normalisation | None = None
    preprocessing: _Preprocessing
    targets: _Targets | None = None
    own_input: dict[str, Any] | None = None
    library: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _of_one_piece(self) -> Self:
        attributes = self.attributes or {}
        targets = self.targets
        for name in () if targets is None else dict.fromkeys([*targets.sensitive, *targets.settled]):
            if name not in attributes:
                raise ValueError(f"attributes.{name}: missing, and targets names it")
        for name, codes in {} if targets is None else targets.settled.items():
            if not all(-1 <= code < len(attributes[name]) for code in codes):
                raise ValueError(
                    f"targets.settled.{name}: a number is none of the {len(attributes[name])} groups"
                )
        return self


class _Share(_Part):
    value: float | None
    interval: Annotated[list[float | None], Field(min_length=2, max_length=2)]

    @model_validator(mode="after")
    def _with_an_interval(self) -> Self:
        if self.value is not None and None in self.interval:
            raise ValueError("interval: a value that is defined has one")
        return self


class _OfClass(_Share):
    name: str = Field(alias="class")
    n: int


class _OfGroup(_Part):
    group: str
    n: int
    accuracy: _Share


class _Attribute(_Part):
    groups: list[_OfGroup]


class _Tested(_Part):
    n: int
    values: dict[str, float | None]
    accuracy: _Share
    by_class: list[_OfClass]
    attributes: dict[str, _Attribute]


def config_fault(config: Mapping[str, Any]) -> str | None:
    """Return the first key of a student's `config.json` that can't be read, and why; None where all can."""
    preprocessing = config.get("preprocessing")
    is_of_table = isinstance(preprocessing, Mapping) and preprocessing.get("kind") == "table"
    return _fault(_Config, config) or (
        _fault(_TablePreprocessing, preprocessing, "preprocessing") if is_of_table else None
    )


def metrics_fault(metrics: Mapping[str, Any]) -> str | None:
    """Return the same of `metrics.json`; a student that nobody tested has no `test` there."""
    tested = metrics.get("test")
    return None if tested is None or tested == {} else _fault(_Tested, tested, "test")


def _fault(form: type[BaseModel], content: Any, *above: str) -> str | None:
    try:
        form.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, (*above, *first["loc"])))
        reason = "missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        return f"{key}: {reason.removeprefix('Input ')}" if key else reason
    return None
