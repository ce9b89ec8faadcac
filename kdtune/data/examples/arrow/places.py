"""The tables at a place: a file, a folder of files, or a name on the hub."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kdtune.data.examples.arrow.file import ARROW_SUFFIXES, read_file
from kdtune.data.examples.arrow.hub import may_be_on_the_hub, of_hub
from kdtune.data.examples.arrow.part import Part
from kdtune.data.examples.assemble import split_name
from kdtune.data.images.pixels import SUFFIXES
from kdtune.errors import DataError, did_you_mean

_SHARD = re.compile(r"(.*)-(\d+)-of-(\d+)")
"""The name of one of several files, without its suffix."""

_BESIDE = (
    "dataset_info.json",
    "dataset_dict.json",
    "dataset_infos.json",
    "state.json",
    "README.md",
    "LICENSE",
)


def parts_at(path: str | Path, config: str | None) -> tuple[list[Part], list[str]]:
    """Return the tables, and notes on files: how many of each split were read, and what was left out."""
    root = Path(path).expanduser()
    if config is not None and root.exists():
        raise DataError(f"{path}: 'config' is for a name on the hub, and this is on the disk: leave it out")
    if root.is_file():
        return [Part(None, read_file(root), str(root))], []
    if not root.is_dir():
        if not may_be_on_the_hub(str(path)):
            raise DataError(
                f"{path}: there is no such file or folder{_near(root)}; a name on the hub is NAME or OWNER/NAME"
            )
        return of_hub(str(path), config), []
    found = sorted(file for file in root.rglob("*") if file.is_file() and not _is_beside(file, root))
    files = [file for file in found if file.suffix.lower() in ARROW_SUFFIXES]
    if not files:
        raise DataError(f"{path}: there is no .parquet and no .arrow file in it")
    parts = [Part(_split_of(file, root), read_file(file), str(file)) for file in files]
    named = [part for part in parts if part.split is not None]
    if named and len(named) < len(parts):
        other = next(part.source for part in parts if part.split is None)
        raise DataError(
            f"{path}: {named[0].source} is {named[0].split}, but nothing says what {other} is: name folders or files "
            "train, validation and test"
        )
    notes = []
    counted = Counter(part.split for part in parts)
    if any(n > 1 for n in counted.values()):
        notes.append("files: " + ", ".join(f"{n} of {split or 'no split'}" for split, n in counted.items()))
    notes += _absent(files)
    known = {*ARROW_SUFFIXES, *SUFFIXES}  # images, because a column may hold their paths
    others = Counter(file.suffix.lower() or file.name for file in found if file.suffix.lower() not in known)
    if others:
        notes.append("left out: " + ", ".join(f"{n} {kind}" for kind, n in sorted(others.items())))
    return parts, notes


def _absent(files: Sequence[Path]) -> list[str]:
    """Return a line for each set of files, called `…-00000-of-00002`, of which some are missing."""
    numbers: dict[tuple[Path, str, str, str], set[int]] = {}
    for file in files:
        if found := _SHARD.fullmatch(file.stem):
            numbers.setdefault((file.parent, found[1], found[3], file.suffix), set()).add(int(found[2]))
    lines = []
    for (folder, name, n, suffix), here in numbers.items():
        first = next((k for k in range(int(n)) if k not in here), None)
        if first is not None:
            missing = folder / f"{name}-{first:0{len(n)}}-of-{n}{suffix}"
            lines.append(
                f"only {sum(k < int(n) for k in here):,} of {int(n):,} files {name!r} are there, and {missing} is "
                "not: was the download complete?"
            )
    return lines


def _near(path: Path) -> str:
    try:
        return did_you_mean(path.name, os.listdir(path.parent))
    except OSError:
        return ""


def _is_beside(file: Path, root: Path) -> bool:
    """Tell whether a file is hidden, or one of those that `datasets` and its hub write beside the data."""
    names = file.relative_to(root).parts
    return (
        any(name.startswith(".") for name in names) or file.name in _BESIDE or file.name.startswith("cache-")
    )


def _split_of(file: Path, root: Path) -> str | None:
    """Return the split that a file, or the nearest folder above it, is named after."""
    inside = file.relative_to(root)
    for name in (inside.stem, *reversed(inside.parts[:-1])):
        if (split := split_name(re.split(r"[-_.\d]", name)[0])) is not None:
            return split
    return None
