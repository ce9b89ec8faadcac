"""Lists all images below a folder, and all other files there, so that what is left out can be counted."""

import os
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from kdtune.data.images.pixels import FORMATS, SUFFIXES
from kdtune.errors import DataError

_SYSTEM_FOLDERS = ("__macosx", "@eadir", "$recycle.bin")
_SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini")


@dataclass
class Tree:
    """What is below a folder; paths are relative to it, sorted, with forward slashes.

    Attributes:
        images: of any depth.
        folders: of any depth, empty ones too, but no hidden or system folders.
        system: kind of hidden or system file ("._*", "in __MACOSX") -> number of them.
        others: kind of other file that is no image (".txt") -> paths.
    """

    images: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    system: Counter[str] = field(default_factory=Counter)
    others: dict[str, list[str]] = field(default_factory=dict)

    def below(self, prefix: str) -> list[str]:
        """Return the images below a folder, as paths relative to it; `prefix` ends with a slash, or is empty."""
        return [path.removeprefix(prefix) for path in _inside(self.images, prefix)]

    def top_folders(self, prefix: str = "") -> list[str]:
        """Return the names of the folders directly in a folder."""
        inside = (path.removeprefix(prefix) for path in _inside(self.folders, prefix))
        return [name for name in inside if "/" not in name]

    def what_is_in(self, prefix: str) -> str:
        """Return which files a folder without images holds, for a message."""
        kinds = {kind: sum(path.startswith(prefix) for path in paths) for kind, paths in self.others.items()}
        found = ", ".join(f"{n} {kind}" for kind, n in kinds.items() if n)
        return f"it holds {found}" if found else "it is empty"


def walk(root: Path) -> Tree:
    """List what is below `root`.

    An image is recognised by its suffix, in any case; a file without a suffix is opened.

    Raises:
        DataError: a folder can't be listed, or a folder's name is not UTF-8.
    """
    tree = Tree()
    _walk(root, "", tree, (_identity(root),))
    tree.images.sort()
    tree.folders.sort()
    return tree


def _inside(paths: list[str], prefix: str) -> list[str]:
    if not prefix:
        return paths
    first = bisect_left(paths, prefix)
    return paths[first : bisect_left(paths, f"{prefix[:-1]}0", first)]  # "0" is what comes after "/"


def _walk(root: Path, prefix: str, tree: Tree, above: tuple[tuple[int, int], ...]) -> None:
    for entry in _entries(root / prefix):
        path = f"{prefix}{entry.name}"
        hidden = _hidden(entry.name)
        if entry.is_dir():
            here = _identity(entry.path)
            if hidden is not None:
                tree.system[f"in {entry.name}"] += _count(entry.path)
            elif here not in above:  # a link to a folder above would never end
                _check_name(root, path)
                tree.folders.append(path)
                _walk(root, f"{path}/", tree, (*above, here))
        elif hidden is not None:
            tree.system[hidden] += 1
        elif not entry.is_file() and os.path.exists(entry.path):
            tree.others.setdefault("no regular file", []).append(path)
        elif _is_image(entry):
            tree.images.append(path)
        else:
            kind = Path(entry.name).suffix.lower() or "without a suffix"
            tree.others.setdefault(kind, []).append(path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise DataError(f"{folder}: can't be listed: {error.strerror}") from None


def _identity(folder: str | Path) -> tuple[int, int]:
    facts = os.stat(folder)
    return facts.st_dev, facts.st_ino


def _hidden(name: str) -> str | None:
    """Return the kind of a hidden or system file or folder; None for all others."""
    if name.startswith("._"):
        return "._*"
    if name.startswith(".") or name.lower() in (*_SYSTEM_FOLDERS, *_SYSTEM_FILES):
        return name
    return None


def _count(folder: str) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def _check_name(root: Path, path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode(errors="backslashreplace").decode()
        raise DataError(f"{root}: the name of the folder {shown} is not UTF-8: rename it") from None


def _is_image(entry: os.DirEntry[str]) -> bool:
    suffix = os.path.splitext(entry.name)[1].lower()
    if suffix:
        return suffix in SUFFIXES
    from PIL import Image

    try:
        with Image.open(entry.path, formats=FORMATS):
            return True
    except Exception:  # Pillow raises many errors for files that are no images
        return False
