"""Measures of the user's own, by name."""

import hashlib
import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar

from kdtune.errors import InputError
from kdtune.registry import Registry, parameters_of
from kdtune.runs.measures.known import MEASURES
from kdtune.runs.measures.measure import ANSWERS, Direction, Measure, Need, scale_of

F = TypeVar("F", bound=Callable[..., float])

measures: Registry[Measure] = Registry(
    "measure", group="kdtune.measures", holds=Measure, code=lambda measure: measure.of_answers
)
"""Measures that users have registered, or that installed packages add through the entry points `kdtune.measures`."""

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def register_measure(
    name: str, *, direction: Direction, range: tuple[float, float] = (0.0, 1.0), meaning: str = ""
) -> Callable[[F], F]:
    """Return a decorator that registers a function of what a model answers as a measure.

    The function names what it takes, any of: `labels` and `predictions` (int [n]), `probabilities` (float [n,
    classes]), `groups` (int [n], those of one sensitive attribute; examples of an unknown one are left out),
    `attributes` (a mapping from each sensitive attribute to its groups, -1 for unknown). It returns a number in its
    range, NaN where it is undefined. One with `groups` is asked for as `name` or `name@attribute`, one with neither
    `groups` nor `attributes` also of a group: `name@attribute=group`.

    Args:
        direction: `max` if more is better, else `min`.
        range: the smallest and the largest value that there can be; ends may be infinite.
        meaning: one line for people; by default the first one of the docstring.

    Raises:
        InputError: the name is taken or no name, the range is empty, or the function takes something else.
    """
    file_under_name = measures.register(name)
    if not _NAME.fullmatch(name):
        raise InputError(
            f"measure {name!r}: a name has letters, digits and _, and begins with none of the digits"
        )
    if name in MEASURES:
        raise InputError(f"measure {name!r} is one of kdtune's own: choose another name")
    if direction not in ("max", "min"):
        raise InputError(f"measure {name!r}: direction is {direction!r}: it must be 'max' or 'min'")
    try:
        low, high = (float(end) for end in range)
    except (TypeError, ValueError):
        raise InputError(
            f"measure {name!r}: range is {range!r}: it must be two numbers, the smallest and the largest value"
        ) from None
    if math.isnan(low) or math.isnan(high) or low >= high:
        raise InputError(f"measure {name!r}: range is {range!r}: the first end must be below the second")

    def register(function: F) -> F:
        need = _need(name, function)
        told = meaning or (inspect.getdoc(function) or name.replace("_", " ")).partition("\n")[0]
        scale = scale_of(direction, low, high)
        file_under_name(
            Measure(name, direction, told, None, scale, need, (low, high), of_answers=function, routine=False)
        )
        return function

    return register


def _need(name: str, function: Callable[..., float]) -> Need | None:
    parameters = parameters_of("measure", name, function)
    for parameter in parameters:
        if parameter.name not in ANSWERS and parameter.default is parameter.empty:
            raise InputError(
                f"measure {name!r}: its function takes {parameter.name!r}, and can be given only {', '.join(ANSWERS)}"
            )
    taken = {parameter.name for parameter in parameters}
    if {"groups", "attributes"} <= taken:
        raise InputError(f"measure {name!r}: its function takes both groups and attributes: one is enough")
    return "groups" if "groups" in taken else "attributes" if "attributes" in taken else None


def code_digest(name: str) -> str:
    """Return a short digest of the code that a measure of the user's own comes from; empty for kdtune's own.

    A value that was kept is valid only for the code that it was computed with.
    """
    if name in MEASURES or name not in measures:
        return ""
    function = measures.get(name).of_answers
    try:
        code = Path(inspect.getsourcefile(function) or "").read_bytes()  # type: ignore[arg-type]
    except (OSError, TypeError):  # typed at a prompt, or no function
        code = _typed(function).encode()
    return hashlib.sha256(code).hexdigest()[:16]


def _typed(function: Any) -> str:
    """Return what tells a function that is in no file from others: its code, and the values that it finds around it.

    Where one of these is shown by its address in memory, no other process has the same.
    """
    if not inspect.isfunction(function):
        return repr(function)
    around = inspect.getclosurevars(function)
    defaults = function.__defaults__, function.__kwdefaults__
    return repr((_content(function.__code__), defaults, around.nonlocals, around.globals))


def _content(code: CodeType) -> Any:
    """Return what compiled code does, without where it stands."""
    constants = [_content(value) if inspect.iscode(value) else value for value in code.co_consts]
    return code.co_code, code.co_names, constants
