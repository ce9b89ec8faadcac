"""Sensitive attributes of image files, from tables that name them: kdtune's own form, and Hugging Face's."""

import json
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kdtune.data.tables.form import Form
from kdtune.data.tables.frames import table_of_frame
from kdtune.data.tables.reading import read_table, require_columns
from kdtune.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

NAME_COLUMNS = ("file", "file_name")
"""The column that names an image: kdtune's name for it, and Hugging Face's."""

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""What Hugging Face calls such tables; one may lie in the folder, or in each folder of a split."""

_COMPARED = 10_000
"""So many of a table's names are searched for one that is near, because comparing them all takes seconds."""


@dataclass(frozen=True)
class Attributes:
    """What tables say of images: attribute -> a value for each image, None where it is not known.

    `unused` is how many rows name no image.
    """

    values: dict[str, list[str | None]]
    unused: int


def find_metadata(root: Path) -> list[Path]:
    """Return the tables that lie in an image folder, or in the folders of it, by Hugging Face's names."""
    folders = [root, *sorted(item for item in root.iterdir() if item.is_dir())]
    return [folder / name for folder in folders for name in METADATA if (folder / name).is_file()]


def read_attributes(
    paths: Sequence[Path], columns: Sequence[str], files: Sequence[str], root: Path
) -> Attributes:
    """Read attributes by file name.

    A row names its image by a path, relative to `root` or to the folder of its table, by a longer path that
    ends so (an absolute one), or by so much of the path's end as is unambiguous; its suffix may be left out.
    Names are compared in Unicode's composed form. An empty cell means that the attribute is not known.

    Args:
        paths: tables, each with a column `file` or `file_name`.
        columns: the attributes.
        files: images, as paths relative to `root`.
        root: the image folder.

    Raises:
        DataError: a column or the row of an image is missing, an image is named twice, or a name is ambiguous.
    """
    names = _Names(files)
    values: dict[str, list[str | None]] = {column: [None] * len(files) for column in columns}
    row_of: dict[int, str] = {}
    strangers: list[str] = []
    unused = 0
    for path in paths:
        frame = _read(path)
        key = next((name for name in NAME_COLUMNS if name in frame.columns), NAME_COLUMNS[0])
        require_columns(frame, [key], path=path, key=f"{NAME_COLUMNS[0]} or {NAME_COLUMNS[1]}")
        require_columns(frame, columns, path=path, key="sensitive")
        cells = [frame[column].tolist() for column in columns]
        base = _base(path, root)
        for row, name in enumerate(frame[key].tolist()):
            where = f"{path}, row {row + 1}"
            if name is None:
                raise DataError(f"{where}: the column {key!r} is empty")
            found = names.find(name, base)
            if len(found) > 1:
                raise DataError(
                    f"{where}: {name!r} could be any of {len(found)} images ({names.shown(found)}): give paths "
                    "relative to the image folder"
                )
            if not found:
                unused += 1
                strangers += [name] * (len(strangers) < _COMPARED)
                continue
            if found[0] in row_of:
                raise DataError(f"{where}: {name!r} is named twice (first in {row_of[found[0]]})")
            row_of[found[0]] = f"row {row + 1}" if len(paths) == 1 else where
            for column, content in zip(columns, cells, strict=True):
                values[column][found[0]] = content[row]
    absent = [file for number, file in enumerate(files) if number not in row_of]
    if absent:
        near = did_you_mean(absent[0], strangers) or did_you_mean(_last(absent[0]), strangers)
        raise DataError(
            f"{', '.join(map(str, paths))}: {len(absent)} of {len(files)} images have no row "
            f"({', '.join(absent[:3])}{', …' if len(absent) > 3 else ''}): add rows, with empty cells where an "
            f"attribute is not known{near}"
        )
    return Attributes(values, unused)


class _Names:
    """Finds images by what a table calls them: by their whole name first, then by the one without its suffix."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = [_composed(file) for file in files]
        self._indices = (
            _Index(self._files),
            _Index([os.path.splitext(file)[0] for file in self._files]),
        )

    def find(self, name: str, base: str) -> list[int]:
        """Return the numbers of the images that `name` may mean; `base` is the folder of its table, or ""."""
        path = re.sub(r"^(\./)+", "", _composed(name).replace("\\", "/"))
        return next((found for index in self._indices if (found := index.find(path, base))), [])

    def shown(self, numbers: Sequence[int]) -> str:
        """Return the first of some images, for a message."""
        return ", ".join(self._files[number] for number in numbers[:3]) + (", …" if len(numbers) > 3 else "")


class _Index:
    """Finds paths by another spelling of them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._by_path: dict[str, list[int]] = {}
        self._by_name: dict[str, list[int]] = {}
        for number, path in enumerate(paths):
            self._by_path.setdefault(path, []).append(number)
            self._by_name.setdefault(_last(path), []).append(number)

    def find(self, path: str, base: str) -> list[int]:
        """Return the numbers of the paths below `base` that `path` is, is relative to `base`, ends with or ends."""
        parts = path.split("/")
        for spelling in (f"{base}{path}", *("/".join(parts[start:]) for start in range(len(parts)))):
            found = [n for n in self._by_path.get(spelling, []) if self._paths[n].startswith(base)]
            if found:
                return found
        return [
            number
            for number in self._by_name.get(parts[-1], [])
            if self._paths[number].startswith(base) and self._paths[number].endswith(f"/{path}")
        ]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _base(path: Path, root: Path) -> str:
    """Return the folder of a table that lies below `root`, with a slash at its end; "" for all others."""
    try:
        inside = path.resolve().parent.relative_to(root.resolve()).as_posix()
    except ValueError:
        return ""
    return "" if inside == "." else f"{inside}/"


def _read(path: Path) -> "pd.DataFrame":
    if path.suffix.lower() != ".jsonl":
        return read_table(path)
    import pandas as pd

    rows = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read as text ({type(error).__name__})") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: is no JSON object: one object a line is needed")
        rows.append(row)
    if not rows:
        raise DataError(f"{path}: the table has no rows")
    frame = pd.DataFrame(rows, dtype=object)
    frame.columns = [str(name).strip() for name in frame.columns]
    return table_of_frame(frame, Form()).to_frame()
