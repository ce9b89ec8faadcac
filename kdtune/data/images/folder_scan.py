"""Finds the split and the class of each image in a folder, without opening any."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kdtune.data.images.tree import Tree, walk
from kdtune.data.tables.doubts import alike
from kdtune.errors import DataError, did_you_mean

Splits = Literal["auto", "none"]
"""Whether folders called `train`, `test` and so on may be splits: where they look like them, or never."""

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
_SPLIT_WORD = re.compile(rf"({'|'.join(_SPLIT_NAMES)})(?:set|data|images|imgs|split|ing)?")
"""A word that stands for a split, as `trainset` does."""

_NOT_A_SPLIT = "set `splits: none` if these folders are classes"


@dataclass(frozen=True)
class Listing:
    """Images of one split: paths relative to the root, sorted, with forward slashes; the class of each."""

    files: tuple[str, ...]
    classes: tuple[str, ...]


def scan(root: Path, splits: Splits = "auto") -> tuple[dict[str, Listing], tuple[str, ...]]:
    """List the images of `root`: `<split>/<class>/…` by split, or all of `<class>/…` under "all".

    Images may be in folders below their class folder. A folder is a split if it has the name of one and holds
    class folders.

    Returns:
        Split -> its images; and notes: what was read, and what was left out.

    Raises:
        DataError: the folder is not there, its shape is not clear, or a class has no images.
    """
    if not root.is_dir():
        raise DataError(
            f"{root}: there is no such folder"
            if not root.exists()
            else f"{root}: is no folder: unpack it, and give the folder"
        )
    tree = walk(root)
    folders = _split_folders(root, tree) if splits == "auto" else {}
    if folders:
        listings = {split: _classes_in(root, tree, f"{name}/") for split, name in folders.items()}
        _check_known(root, folders, listings)
    else:
        listings = {"all": _classes_in(root, tree, "")}
    _check_one_folder(root, tree)
    return listings, _told(tree, listings, folders)


def list_classes(root: Path, prefix: str) -> Listing:
    """List the images of the class folders under `prefix`, a path relative to `root` that ends with a slash.

    Raises:
        DataError: there are no class folders, or one has no images.
    """
    found = _classes_in(root / prefix, walk(root / prefix), "")
    return Listing(tuple(f"{prefix}{file}" for file in found.files), found.classes)


def _split_folders(root: Path, tree: Tree) -> dict[str, str]:
    """Return split -> folder, empty where all folders are classes.

    Raises:
        DataError: it is not clear, or a split is missing.
    """
    names = tree.top_folders()
    images = {name: tree.below(f"{name}/") for name in names}
    holds_folders = {name for name in names if any("/" in path for path in images[name])}
    exact = {name: _SPLIT_NAMES[name.lower()] for name in names if name.lower() in _SPLIT_NAMES}
    alike = {name: split for name in names if images[name] and (split := _split_in(name)) is not None}
    if not holds_folders & exact.keys():
        if len(set(alike.values())) < 2:
            return {}  # `train` among `bus` and `car` is a class
        if exact or not holds_folders >= alike.keys():
            raise DataError(
                f"{root}: {_quoted(alike)} are called like splits, but don't hold a folder for each class: make "
                f"folders <split>/<class>, or {_NOT_A_SPLIT}"
            )
        exact = alike  # for example `training_set` and `test_set`
    return _one_each(root, exact, others=[name for name in names if name not in exact])


def _one_each(root: Path, found: Mapping[str, str], others: Sequence[str]) -> dict[str, str]:
    folders = {split: name for name, split in found.items()}
    for split in folders:
        twice = [name for name in found if found[name] == split]
        if len(twice) > 1:
            raise DataError(
                f"{root}: {_quoted(twice)} could each be {split}: take one out, or {_NOT_A_SPLIT}"
            )
    for needed in ("train", "test"):
        if needed not in folders:
            near = did_you_mean(needed, others)
            raise DataError(
                f"{root}: there is a folder {next(iter(folders.values()))!r} but no {needed!r}{near}: have both, or "
                f"the class folders alone, to be cut by seed; {_NOT_A_SPLIT}"
            )
    return folders


def _split_in(name: str) -> str | None:
    """Return the split that a word in a folder's name stands for, as in `seg_train` and `test1`."""
    words = map(_SPLIT_WORD.fullmatch, re.findall(r"[a-z]+", name.lower()))
    return next((_SPLIT_NAMES[word[1]] for word in words if word is not None), None)


def _classes_in(root: Path, tree: Tree, prefix: str) -> Listing:
    """List the images of the class folders under `prefix`, a path relative to `root`."""
    where = root / prefix
    names = tree.top_folders(prefix)
    if not names:
        n = len(tree.below(prefix))
        hint = f" (but {n} images: put those of each class into a folder of its own)" if n else ""
        raise DataError(f"{where}: there are no class folders in it{hint}")
    files: list[str] = []
    classes: list[str] = []
    folders: dict[str, str] = {}
    for name in names:
        images = tree.below(f"{prefix}{name}/")
        if not images:
            raise DataError(f"{where / name}: there is no image in it: {tree.what_is_in(f'{prefix}{name}/')}")
        shown = unicodedata.normalize("NFC", name).strip()
        if shown in folders:
            raise DataError(
                f"{where}: the folders {folders[shown]!r} and {name!r} differ only in blanks or in how Unicode "
                "spells them: merge them, or rename one"
            )
        folders[shown] = name
        files += [f"{prefix}{name}/{image}" for image in images]
        classes += [shown] * len(images)
    return Listing(tuple(files), tuple(classes))


def _check_known(root: Path, folders: Mapping[str, str], listings: Mapping[str, Listing]) -> None:
    known = sorted(set(listings["train"].classes))
    for split, listing in listings.items():
        for name in dict.fromkeys(listing.classes):
            if name not in known:
                raise DataError(
                    f"{root / folders[split] / name}: class {name!r} is not in train"
                    f"{did_you_mean(name, known)} (classes: {', '.join(known)})"
                )


def _check_one_folder(root: Path, tree: Tree) -> None:
    """Refuse a single class folder with folders in it: the data set is probably one level below."""
    names = tree.top_folders()
    if len(names) == 1 and (inner := tree.top_folders(f"{names[0]}/")):
        raise DataError(
            f"{root}: there must be at least two classes, and {names[0]!r} is the only folder; it holds "
            f"{_quoted(inner[:3])}: is `path` meant to be {root / names[0]}?"
        )


def _told(tree: Tree, listings: Mapping[str, Listing], folders: Mapping[str, str]) -> tuple[str, ...]:
    """Return one line on what was read, and one on what was left out."""
    files = [file for listing in listings.values() for file in listing.files]
    kinds = Counter(Path(file).suffix.lower() or "without a suffix" for file in files)
    said = f"images: {', '.join(f'{n:,} {kind}' for kind, n in sorted(kinds.items()))}"
    usual = 1 + bool(folders)
    if deeper := sum(file.count("/") > usual for file in files):
        said += f" ({deeper:,} of them in folders below their class folder)"
    if not folders and (classes := [name for name in tree.top_folders() if name.lower() in _SPLIT_NAMES]):
        said += f"; {_quoted(classes)} read as a class"
    inner = [frozenset(tree.top_folders(f"{name}/")) for name in tree.top_folders()]
    if not folders and len(inner) > 1 and len(set(inner)) == 1 and len(inner[0]) > 1:
        said += f"; each class folder holds folders called {_quoted(sorted(inner[0])[:3])}: are these the classes?"
    lines = [
        said,
        *alike(
            "the folder", [*dict.fromkeys(name for listing in listings.values() for name in listing.classes)]
        ),
    ]
    if "test" in listings and (absent := set(listings["train"].classes) - set(listings["test"].classes)):
        lines.append(f"test has no image of {_quoted(sorted(absent))}")
    left_out = Counter(tree.system)
    for kind, paths in tree.others.items():
        left_out[kind] += sum(path.count("/") >= usual for path in paths)
    read, misplaced = set(files), Counter[str]()
    for image in tree.images:
        if image not in read:
            folder, slash, _ = image.partition("/")
            misplaced[f"in {folder!r}" if slash else "in no folder"] += 1
    listed = ", ".join(
        [f"{n:,} {kind}" for kind, n in sorted(left_out.items()) if n]
        + [f"{n:,} {'image' if n == 1 else 'images'} {where}" for where, n in sorted(misplaced.items())]
    )
    return (*lines, f"left out: {listed}") if listed else tuple(lines)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
