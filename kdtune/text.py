"""How things are written for people: text from elsewhere made safe to show, numbers, settings, durations.

A name may hold what drives a terminal, turns its reading direction round, or starts a new line. Shown is the code of
such a character in its place (`\\x1b`), so that different names stay different.
"""

import math
import re
from collections.abc import Iterable

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b\][^\x07\x1b]*(\x07|\x1b\\)?|(\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[@-Z\\-_]?"
)


def plain(text: object) -> str:
    """Return one line in which every character that does not print is written as its code."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def plain_lines(text: object) -> str:
    """Return text line by line as `plain` does; line ends stay what they are."""
    return "\n".join(plain(line) for line in str(text).split("\n"))


def cell(text: object) -> str:
    """Return text as a cell of a CSV file that no spreadsheet takes for a formula; numbers stay what they are.

    An apostrophe in front, as OWASP recommends: https://owasp.org/www-community/attacks/CSV_Injection
    """
    shown = plain(text)
    if not shown.lstrip().startswith(("=", "+", "-", "@")):
        return shown
    try:
        float(shown)
    except ValueError:
        return f"'{shown}"
    return shown


def file_name(text: str) -> str:
    """Return text as the name of a file, without its ending, that leads to no other folder."""
    return "".join(c if (c.isalnum() and c.isprintable()) or c in "-_" else "-" for c in text)[:200]


def without_escapes(text: str) -> str:
    """Return text without the sequences that colour a terminal or move its cursor: what a program's log holds."""
    return _ESCAPE_SEQUENCE.sub("", text) if "\x1b" in text or "\x9b" in text else text


def number(value: float, digits: int = 3, *, undefined: str = "undefined") -> str:
    """Return a measure with fixed digits, and thousands separators from 1,000 on; `undefined` stands for NaN."""
    if math.isnan(value):
        return undefined
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    value = round(value, digits) + 0.0  # a small loss is 0.000, not -0.000
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}f}"


def digits_of(measure: str) -> int:
    """Return how many digits a measure has after the point: numbers of things have none."""
    return 0 if measure.partition("@")[0] in ("parameters", "answered_classes") else 3


def measured(name: str, value: float, *, undefined: str = "undefined") -> str:
    """Return a measure with the digits that it has."""
    return number(value, digits_of(name), undefined=undefined)


def counted(n: int, noun: str) -> str:
    """Return a number of things: `1 trial`, `2 trials`, `2 classes`."""
    return f"{n:,} {noun}{'' if n == 1 else 'es' if noun.endswith('s') else 's'}"


def rows_beside(n: int) -> str:
    """Return how many rows there are beside the one that a message names, of `n` in all; nothing if there are none."""
    return f", nor in {counted(n - 1, 'more row')}" if n > 1 else ""


def signed(value: float, digits: int = 3) -> str:
    """Return a difference with its sign, `–` where it is undefined."""
    if math.isnan(value):
        return "–"
    value = round(value, digits)
    return f"{value:+.{digits}f}".replace("-", "−") if value else f"{0:.{digits}f}"


def listed(items: Iterable[object], last: str = "and") -> str:
    """Return items as a list in a sentence: `a`, `a and b`, `a, b and c`."""
    words = [str(item) for item in items]
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def shortened(text: str, most: int) -> str:
    """Return a text of `most` characters at most; an ellipsis stands for what is left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def without_middle(name: str, most: int) -> str:
    """Return a name of `most` characters at most: an ellipsis stands for its middle, because names often end unlike."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[len(name) - (most - 1) // 2 :]}"


def setting(value: object) -> str:
    """Return a hyperparameter: three significant digits; nothing where it has no value."""
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else plain(value)


def duration(seconds: float) -> str:
    """Return a time: `8 s`, `1:20 min`, `2:05 h`; `–` where it is not known."""
    if not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def byte_size(n: float) -> str:
    """Return a number of bytes in a form for people."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while n >= 1000 and len(units) > 1:
        n /= 1000
        del units[0]
    return f"{n:.1f} {units[0]}" if n < 10 and units[0] != "B" else f"{n:.0f} {units[0]}"
