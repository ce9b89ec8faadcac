"""Numbers in the cells of a table, and texts that only look like numbers."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LEADING_ZERO = re.compile(r"[+-]?0\d")
_AROUND = re.compile(r"^[^\w]+|[^\w]+$")
_BOUND = re.compile(r"[<>≤≥~≈].*|.*\d\s*\+")
_DIGITS = re.compile(r"\d[\d.,'’_\s]*(?:[eE][+-]?\d+)?")

_SIGNS = frozenset("0123456789.+-eE")
"""On texts of these characters, `float` and `number` agree, except for numbers that are not finite."""

_MOST_DIGITS = 30
"""A number that needs more digits than this when written out keeps its spelling."""


def number(text: str, decimal: str = ".") -> float | None:
    """Return the number that a cell holds, or None if it holds none.

    A number consists of ASCII digits with at most one decimal sign, and perhaps a sign and an exponent. What Python's
    `float` reads besides (`1_000`, `inf`, `nan`, digits of other scripts) is not a number here.
    """
    if decimal != ".":
        if "." in text:
            return None
        text = text.replace(decimal, ".")
    if not _PLAIN.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def numbers(texts: Sequence[str], decimal: str = ".") -> NDArray[np.float64]:
    """Return the number of each text, float64 [n], NaN if it is none; see `number`."""
    if decimal == "." and _SIGNS.issuperset("".join(texts)):
        try:
            found = np.array(list(map(float, texts)), dtype=np.float64)
        except ValueError:
            pass
        else:
            if np.isfinite(found).all():
                return found
    each = (number(text, decimal) for text in texts)
    return np.array([math.nan if value is None else value for value in each], dtype=np.float64)


def canonical(text: str, decimal: str = ".") -> str | None:
    """Return the same text for equal numbers, as for `1`, `1.0` and `1e0`; None for a text that is not a number.

    It is exact for any number of digits. A text with a leading zero (`007`) is a code, not a number.
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

    Bounds and ranges (`<25`, `25-45`, `3+`) don't count, because they often name groups.
    """
    return _BOUND.fullmatch(text) is None and _DIGITS.fullmatch(_AROUND.sub("", text)) is not None
