"""The packages of other libraries: imported when they are needed, with a message where they are missing."""

import difflib
import importlib
import importlib.metadata
from collections.abc import Iterable
from types import ModuleType

from kdtune.errors import InputError
from kdtune.models.families.library_model import Family

_MOST_NAMES = 5
"""Names that a message offers: a library has more than a thousand."""


def package_of(family: Family, name: str) -> ModuleType:
    """Import a family's package.

    Raises:
        InputError: it is not installed; the message has the line that installs it.
    """
    try:
        return importlib.import_module(family.package)
    except ImportError:
        raise InputError(
            f"model {family.prefix + ':' + name!r} needs the package {family.package}: pip install "
            f"'kdtune[{family.extra}]'"
        ) from None


def version_of(family: Family) -> str:
    """Return the version of a family's package."""
    return importlib.metadata.version(family.package)


def unknown(family: Family, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that a library does not know: it offers the nearest."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=_MOST_NAMES, cutoff=0.5)
    offer = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
    return InputError(
        f"{family.package} has no model {name!r}{offer} ('kdtune models {family.prefix}' lists all {len(names):,})"
    )


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(":.") if lines else type(error).__name__
