"""Constraints: bounds on a quantity, as a person writes them."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kdtune.errors import SpaceError, did_you_mean

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_GRAMMAR = re.compile(
    rf"\s*(?P<operator>>=|<=)"
    rf"\s*(?:(?P<number>[+-]?{_NUMBER})|(?P<symbol>[A-Za-z_]\w*))"
    rf"(?:\s*\*\s*(?P<factor>{_NUMBER}))?"
    rf"(?:\s*(?P<sign>[+-])\s*(?P<term>{_NUMBER}))?\s*",
    re.ASCII,
)

_MOST_DIGITS = 18
"""So many digits after the point tell any two shares apart."""


@dataclass(frozen=True)
class Constraint:
    """A bound that the quantity `name` must meet for a trial to be feasible.

    Attributes:
        name: the quantity.
        direction: ">=" or "<=".
        bound: the number it is compared with, in the quantity's own unit.
    """

    name: str
    direction: Literal[">=", "<="]
    bound: float

    def violation(self, value: float) -> float:
        """Return by how much the value breaks the bound: <= 0 is feasible, NaN gives +inf."""
        if math.isnan(value):
            return math.inf
        return self.bound - value if self.direction == ">=" else value - self.bound

    def violation_in(self, values: Mapping[str, float]) -> float:
        """Return by how much the quantity breaks the bound among these values; one that is not there gives +inf."""
        return self.violation(values.get(self.name, math.nan))

    def beside(self, value: float) -> str:
        """Return a value with four digits, or with as many as show whether it meets the bound."""
        if math.isnan(value):
            return "no value"
        breaks = self.violation(value) > 0
        rounded = (f"{value:.{digits}f}" for digits in range(4, _MOST_DIGITS))
        return next(
            (text for text in rounded if (self.violation(float(text)) > 0) == breaks), repr(float(value))
        )

    def __str__(self) -> str:
        return f"{self.name} {self.direction} {self.bound:g}"


def violations(constraints: Sequence[Constraint], values: Mapping[str, float]) -> dict[str, float]:
    """Return by how much each bounded quantity breaks its bound: the larger violation where it has several bounds."""
    found: dict[str, float] = {}
    for constraint in constraints:
        violation = constraint.violation_in(values)
        found[constraint.name] = max(violation, found.get(constraint.name, violation))
    return found


def parse_constraint(name: str, text: str, symbols: Mapping[str, float] | None = None) -> Constraint:
    """Read a bound such as ">= majority + 0.05".

    Grammar: `>=` or `<=`; a number or a symbol; optionally `* number`; optionally `+ number` or `- number`.

    Args:
        name: the quantity that is constrained.
        text: the bound.
        symbols: values of the names that the bound may use.

    Raises:
        SpaceError: the text does not follow the grammar, or the symbol is unknown or without a value.
    """
    symbols = symbols or {}
    allowed = ", ".join(sorted(symbols)) or "none here"
    match = _GRAMMAR.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise SpaceError(
            f"constraints: {name}: cannot read {text!r}: write '>=' or '<=', then a number or a name "
            f"(known: {allowed}), then '* number' and '+ number' or '- number' if needed, "
            'such as ">= 0.8" or ">= majority + 0.05"'
        )
    symbol = match["symbol"]
    if symbol is None:
        bound = float(match["number"])
    elif symbol not in symbols:
        raise SpaceError(
            f"constraints: {name}: unknown name {symbol!r} in {text!r}"
            f"{did_you_mean(symbol, symbols)} (known: {allowed})"
        )
    else:
        bound = float(symbols[symbol])
    if match["factor"]:
        bound *= float(match["factor"])
    if match["term"]:
        bound += float(match["sign"] + match["term"])
    if not math.isfinite(bound):
        raise SpaceError(f"constraints: {name}: the bound {text!r} is not a finite number here ({bound})")
    return Constraint(name, ">=" if match["operator"] == ">=" else "<=", bound)
