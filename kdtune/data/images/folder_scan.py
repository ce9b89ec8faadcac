"""What is where in an image folder, without opening any image; and what a CSV says about each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kdtune.data.images.images import SUFFIXES
from kdtune.data.tables.reading import read_table, require_columns
from kdtune.errors import DataError, did_you_mean

_SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class Listing:
    """Images of one split: paths relative to the root, sorted, with forward slashes; the class of each."""

    files: tuple[str, ...]
    classes: tuple[str, ...]


def scan(root: Path) -> dict[str, Listing]:
    """List the images of `root`: `<split>/<class>/*` by split, or all of `<class>/*` under "all".

    Raises:
        DataError: the folder is not there, or its shape is neither of the two, or a class has no images.
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder")
    folders = _folders(root)
    splits = {_SPLIT_NAMES[name.lower()]: name for name in folders if name.lower() in _SPLIT_NAMES}
    if not splits:
        return {"all": list_classes(root, "")}
    for needed in ("train", "test"):
        if needed not in splits:
            raise DataError(
                f"{root}: there is a folder {next(iter(splits.values()))!r} but no {needed!r}: "
                "have both, or the class folders alone, to be cut by seed"
            )
    listings = {split: list_classes(root, f"{name}/") for split, name in splits.items()}
    known = sorted(set(listings["train"].classes))
    for split, listing in listings.items():
        for name in dict.fromkeys(listing.classes):
            if name not in known:
                raise DataError(
                    f"{root / splits[split] / name}: class {name!r} is not in train"
                    f"{did_you_mean(name, known)} (classes: {', '.join(known)})"
                )
    return listings


def _folders(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def list_classes(root: Path, prefix: str, *, inside: str = "") -> Listing:
    """List the images of the class folders under `prefix`, or of the folder `inside` each of those.

    Raises:
        DataError: there are no class folders, or one has no images.
    """
    names = _folders(root / prefix)
    if not names:
        raise DataError(f"{root / prefix}: there are no class folders in it")
    files, classes = [], []
    for name in names:
        images = sorted(
            entry.name
            for entry in _entries(root / prefix / name / inside)
            if entry.suffix.lower() in SUFFIXES and not entry.name.startswith(".")
        )
        if not images:
            raise DataError(f"{root / prefix / name}: there is no image in it ({', '.join(SUFFIXES)})")
        files += [
            f"{prefix}{name}/{inside}/{image}" if inside else f"{prefix}{name}/{image}" for image in images
        ]
        classes += [name] * len(images)
    return Listing(tuple(files), tuple(classes))


def read_attributes(
    path: str | Path, columns: Sequence[str], files: Sequence[str]
) -> dict[str, list[str | None]]:
    """Read a CSV (or Parquet file) of attributes by file name.

    Its column `file` holds a path relative to the image folder, or a bare name where that is unambiguous. An
    empty cell means that the attribute is not known; a file without a row is an error.

    Args:
        path: the table.
        columns: the attributes.
        files: images, as paths relative to the image folder.

    Returns:
        Attribute -> one value a file, in the order of `files`.

    Raises:
        DataError: a column or the row of an image is missing, a file is named twice, or a name is ambiguous.
    """
    frame = read_table(path)
    require_columns(frame, ["file", *columns], path=path, key="sensitive")
    rows: dict[str, int] = {}
    for row, name in enumerate(frame["file"].tolist()):
        if name is None:
            raise DataError(f"{path}, row {row + 1}: the column 'file' is empty")
        key = name.replace("\\", "/").removeprefix("./")
        if key in rows:
            raise DataError(f"{path}, row {row + 1}: {name!r} is named twice (first in row {rows[key] + 1})")
        rows[key] = row
    names = [file.rsplit("/", 1)[-1] for file in files]
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    found, absent = [], []
    for file, name in zip(files, names, strict=True):
        if file in rows:
            found.append(rows[file])
        elif name in rows:
            if counts[name] > 1:
                raise DataError(
                    f"{path}: {name!r} could be any of {counts[name]} images: "
                    "give paths relative to the image folder"
                )
            found.append(rows[name])
        else:
            absent.append(file)
    if absent:
        raise DataError(
            f"{path}: {len(absent)} of {len(files)} images have no row ({', '.join(absent[:3])}"
            f"{', …' if len(absent) > 3 else ''}): add rows, with empty cells where an attribute is not known"
        )
    return {column: frame[column].iloc[found].tolist() for column in columns}
