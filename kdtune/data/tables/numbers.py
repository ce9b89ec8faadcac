"""What is a number in a cell of a table, and what only looks like one."""

import math
import re
from decimal import Decimal

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LEADING_ZERO = re.compile(r"[+-]?0\d")
_AROUND = re.compile(r"^[^\w]+|[^\w]+$")
_BOUND = re.compile(r"[<>≤≥~≈].*|.*\d\s*\+")
_DIGITS = re.compile(r"\d[\d.,'’_\s]*(?:[eE][+-]?\d+)?")

_MOST_DIGITS = 30
"""A number that takes more digits than this, written out, is kept as it is written."""


def number(text: str, decimal: str = ".") -> float | None:
    """Return the number that a cell holds, or None where it holds none.

    A number is ASCII digits with at most one decimal sign, and perhaps a sign and an exponent: what Python's
    `float` takes beside these (`1_000`, `inf`, `nan`, other scripts' digits) is none.
    """
    if decimal != ".":
        if "." in text:
            return None
        text = text.replace(decimal, ".")
    if not _PLAIN.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def canonical(text: str, decimal: str = ".") -> str | None:
    """Return the one spelling of a number by which `1`, `1.0` and `1e0` are the same; None where it is none.

    It is exact, however many digits there are. A number with a leading zero (`007`) is a code.
    """
    if number(text, decimal) is None or _LEADING_ZERO.match(text):
        return None
    value = Decimal(text.replace(decimal, "."))
    if value == 0:
        return "0"
    if abs(value.adjusted()) > _MOST_DIGITS:
        return None
    shown = f"{value:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def seems_a_number(text: str) -> bool:
    """Tell whether a cell is a number in another notation: `$5`, `38%`, `1,234`, `38,5`, `(5)`, `1 234`.

    Bounds and ranges (`<25`, `25-45`, `3+`) are names of groups as often as not.
    """
    return _BOUND.fullmatch(text) is None and _DIGITS.fullmatch(_AROUND.sub("", text)) is not None
