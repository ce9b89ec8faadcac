"""Types of options that several loaders have: what a value may be, checked before anything is read."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from kdtune.data.groups import Rare
from kdtune.data.tables.files.form import OF_TEXT
from kdtune.errors import DataError, should_be

Share = Annotated[float, Field(gt=0, lt=1)]
"""A part of the examples."""

Count = Annotated[int, Field(ge=1)]
"""A number of examples."""

Seed = Annotated[int, Field(ge=0)]
"""Of whatever is drawn."""

Length = Annotated[int, Field(ge=2, le=8192)]
"""Tokens of a text."""

Vocabulary = Annotated[int, Field(ge=100)]
"""Ids to which words are hashed."""

ImageSize = Annotated[int, Field(ge=4)]
"""Pixels of an image's side."""

Crop = Annotated[int, Field(ge=0)]
"""Padding in pixels for random crops."""

Written = str | int | float | bool | datetime.date
"""A name or value of a file; YAML may read what a person wrote as a number, a truth value or a date."""

_OF_PROGRAMS: dict[str, Any] = {
    "bins": Mapping[Written, Sequence[int | float]] | None,
    "channels": Literal[1, 3],
    "classes": Sequence[Written] | None,
    "crop": Crop | None,
    "flip": bool,
    "groups": Mapping[Written, Sequence[Written]] | None,
    "image_size": ImageSize | None,
    "length": Length,
    "limit_per_class": Count | None,
    "min_group": Count,
    "n_train": Count | None,
    "n_validation": Count | None,
    "name": str,
    "rare": Rare,
    "seed": Seed,
    "sensitive": Written | Sequence[Written] | None,
    "test": Share,
    "tokenizer": str | Path | None,
    "validation": Share,
    "vocabulary": Vocabulary,
}
"""Options of data that a program holds: what the options of the same name may be in a space file."""


OPTIONS_OF_INPUTS: Mapping[str, Mapping[str, Any]] = {
    "texts": {"tokenizer": None, "length": 128, "vocabulary": 30522},
    "images": {"image_size": None, "channels": 3, "crop": None, "flip": True},
}
"""Kind of inputs -> the options that are for it alone, and what they are where they are left out."""


def check_options_of_inputs(
    source: str,
    kind: str,
    given: Mapping[str, Any],
    known: Mapping[str, Mapping[str, Any]] = OPTIONS_OF_INPUTS,
) -> None:
    """Refuse an option that means nothing for inputs of this kind: nobody may think that it was heeded.

    Args:
        source: name for messages.
        kind: `texts`, `images` or `numbers`.
        given: the options, complete.
        known: as `OPTIONS_OF_INPUTS`.

    Raises:
        DataError: it is another value than where it is left out; the message names it.
    """
    for of, options in known.items():
        for option, usual in options.items():
            if of != kind and given[option] != usual:
                raise DataError(f"{source}: {option} is for {of}, and the inputs are {kind}: leave it out")


_OF_GROUPS = ("attributes", "correlation", "rare", "use_sensitive")
"""Options that have an effect only where there are sensitive attributes."""

_OF_ATTRIBUTES = (*OF_TEXT, "decimal", "missing")
"""How a table is written: where it holds the attributes of images, it is read for the sensitive ones alone."""


def check_effect(source: str, given: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    """Refuse an option that has no effect because nothing is sensitive: nobody may think that it was heeded.

    Args:
        source: name for messages.
        given: the options that somebody gave.
        usual: the options that may be left out, and what they are then.

    Raises:
        DataError: there is one; the message names it.
    """
    if {"sensitive": True, **usual, **given}["sensitive"]:
        return
    for option in (*_OF_GROUPS, *(_OF_ATTRIBUTES if "attributes" in usual else ())):
        if option in given and given[option] != usual[option]:
            raise DataError(
                f"{source}: {option!r} has no effect without sensitive attributes: name some, or leave {option!r} out"
            )


def check_options_of_program(source: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a program gives with its data, arrays and numbers of numpy and pandas as Python's.

    Types are checked strictly: `"3"` is no number, and 1.5 no whole one. Sets are refused, because their order may
    differ from run to run, and a text or a dict where a list belongs.

    Args:
        source: name for messages.
        options: those that have no rule are returned as they are.

    Raises:
        DataError: one is of another type, or too small or large; the message names it and what is expected.
    """
    plain = {option: _plain(value) for option, value in options.items()}
    for option, value in plain.items():
        if option not in _OF_PROGRAMS:
            continue
        if reasons := against(value, _OF_PROGRAMS[option]):
            raise DataError(f"{source}: {option} is {repr(value)[:60]}: it {', or it '.join(reasons)}")
    return plain


def against(value: object, hint: Any) -> list[str]:
    """Return what speaks against a value of an annotated type, strictly: `should be greater than 0`; [] if nothing.

    Raises:
        PydanticUserError: a type of the user's own that pydantic can't check.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(
        hint, config=ConfigDict(strict=True, arbitrary_types_allowed=True)
    )
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return list(dict.fromkeys(_reason(detail) for detail in error.errors()))
    return []


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _reason(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "sequence_str" or detail.get("ctx", {}).get("class") == "Sequence":
        return "should be a list, as in [a, b]"
    return should_be(detail) or str(detail["msg"])
