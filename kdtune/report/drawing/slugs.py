"""Names from data as parts of file names, each its own."""

from collections.abc import Iterable

from kdtune.text import file_name

_LONGEST = 60


def slug(name: str) -> str:
    """Return a name as a part of a file name that leaves room for others."""
    return file_name(name)[:_LONGEST]


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return each name's slug; those that would be the same, whatever the case, get numbers."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        first = candidate = slug(name)
        number = 2
        while candidate.lower() in taken:
            candidate, number = f"{first}-{number}", number + 1
        taken.add(candidate.lower())
        found[name] = candidate
    return found
