"""Pages from templates; all text is escaped there."""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jinja2 import Environment

Cell = str | tuple[str, str]
"""A value, or a value and what stands below it, smaller."""


_LETTER = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"  # of a script that is read from right to left
_RIGHT_TO_LEFT = re.compile(rf"{_LETTER}(?:[{_LETTER[1:-1]}\W]*{_LETTER})?")


class Rows(NamedTuple):
    """A table of a page: its head, its rows, and what is said of it."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""


def render(template: str, **values: object) -> str:
    """Return a page that stands alone.

    Args:
        template: its file name in `templates`.
        values: what the template shows; one that is missing is an error.
    """
    return _environment().get_template(template).render(values)


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], *, text: int = 1) -> str:
    """Return a table as it stands in a page; the first `text` columns hold words."""
    pieces = _environment().get_template("pieces.html").module
    return str(pieces.table(head, rows, text=text))  # type: ignore[attr-defined]


def _isolated(value: object) -> object:
    """Keep names that are read from right to left from turning round the numbers beside them."""
    if type(value) is not str:  # what is HTML already
        return value
    return _RIGHT_TO_LEFT.sub("\N{FIRST STRONG ISOLATE}\\g<0>\N{POP DIRECTIONAL ISOLATE}", value)


@cache
def _environment() -> "Environment":
    # Imported when a page is written: it takes a tenth of a second, and most commands write none.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("kdtune.report.drawing"),
        autoescape=True,
        finalize=_isolated,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
