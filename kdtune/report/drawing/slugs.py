"""Unique parts of file names, made from names in the data."""

from collections.abc import Iterable

from kdtune.text import file_name

_LONGEST = 60


def slug(name: str) -> str:
    """Return a name as part of a file name, short enough to leave room for other parts."""
    return file_name(name)[:_LONGEST]


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return each name's slug; slugs that differ only in case, or not at all, get numbers."""
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
