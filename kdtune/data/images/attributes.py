"""Sensitive attributes of image files, from tables that name the files: in kdtune's form and in Hugging Face's."""

import json
import os
import posixpath
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.cells import Cells, Missing
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.files.frames import table_of_frame
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.files.reading import LINES_OF_JSON, open_table
from kdtune.errors import DataError, did_you_mean
from kdtune.files import read_text

NAME_COLUMNS = ("file", "file_name")
"""The column that names an image: kdtune's name for it, and Hugging Face's."""

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""What Hugging Face calls such tables; they are in the image folder, or in the folder of each split."""

_COMPARED = 10_000
"""At most this many names of a table are compared with a missing one, because comparing all takes seconds."""


@dataclass(frozen=True, eq=False)
class ImageTable(RawTable):
    """A table with a row for each image, taken from several tables.

    Attributes:
        sources: those tables.
        places: of each image, int64 [n, 2]: its table, and its row there.
        unused: number of rows that name no image.
    """

    sources: tuple[RawTable, ...] = ()
    places: NDArray[np.int64] | None = None
    unused: int = 0

    def at(self, row: int) -> str:
        """Return where an image's row stands in its table."""
        assert self.places is not None
        return self.sources[int(self.places[row, 0])].at(int(self.places[row, 1]))


def find_metadata(root: Path) -> list[Path]:
    """Return the tables with Hugging Face's names in an image folder, or in the folders inside it."""
    folders = [root, *sorted(item for item in root.iterdir() if item.is_dir())]
    return [folder / name for folder in folders for name in METADATA if (folder / name).is_file()]


def read_attributes(
    paths: Sequence[Path], columns: Sequence[str], files: Sequence[str], root: Path, form: Form
) -> ImageTable:
    """Read the attributes of images from tables, by file name.

    A row names its image by a path relative to `root` or to the folder of its table, by a longer path that ends
    with it (an absolute one), or by as much of the path's end as is unambiguous. The suffix may be left out.
    Names are compared in Unicode's composed form. An empty cell means that the attribute is not known.

    Args:
        paths: tables, each with a column `file` or `file_name`.
        columns: the attributes.
        files: images, as paths relative to `root`.
        root: the image folder.
        form: how the tables are written.

    Returns:
        The columns, with a row for each image in the order of `files`.

    Raises:
        DataError: a column or the row of an image is missing, an image is named twice, or a name is ambiguous.
    """
    names = _Names(files)
    tables = tuple(_read(path, form) for path in paths)
    places = np.full((len(files), 2), -1, dtype=np.int64)
    strangers: list[str] = []
    for k, (path, table) in enumerate(zip(paths, tables, strict=True)):
        key = next((name for name in NAME_COLUMNS if name in table.order), NAME_COLUMNS[0])
        table.require([key], " or ".join(NAME_COLUMNS))
        table.require(columns, "sensitive")
        base = _base(path, root)
        for row, name in enumerate(table[key].texts()):
            if name is None:
                raise DataError(f"{table.at(row)}: the column {key!r} is empty")
            found = names.find(name, base)
            if len(found) > 1:
                raise DataError(
                    f"{table.at(row)}: {name!r} could be any of {len(found)} images ({names.shown(found)}): give "
                    "paths relative to the image folder"
                )
            if not found:
                strangers.append(name)
                continue
            (image,) = found
            if places[image, 0] >= 0:
                first = tables[places[image, 0]].at(int(places[image, 1]))
                raise DataError(f"{table.at(row)}: {files[image]} is named twice (first in {first})")
            places[image] = k, row
    _check_complete(paths, files, places, strangers)
    cells = [_gathered([table[column] for table in tables], places) for column in columns]
    return ImageTable(
        path=", ".join(map(str, paths)),
        columns=dict(zip(columns, cells, strict=True)),
        order=tuple(columns),
        sources=tables,
        places=places,
        unused=len(strangers),
    )


def _gathered(parts: Sequence[Cells], places: NDArray[np.int64]) -> Cells:
    texts = [part.texts() for part in parts]
    # What is missing is so already; no mark may turn another value into one.
    return Cells.of_texts([texts[table][row] for table, row in places.tolist()], Missing(()))


def _check_complete(
    paths: Sequence[Path], files: Sequence[str], places: NDArray[np.int64], strangers: Sequence[str]
) -> None:
    absent = [file for file, is_absent in zip(files, places[:, 0] < 0, strict=True) if is_absent]
    if not absent:
        return
    known = strangers[:_COMPARED]
    near = did_you_mean(absent[0], known) or did_you_mean(_last(absent[0]), known)
    raise DataError(
        f"{', '.join(map(str, paths))}: {len(absent)} of {len(files)} images have no row "
        f"({', '.join(absent[:3])}{', …' if len(absent) > 3 else ''}): add rows, with empty cells where an "
        f"attribute is not known{near}"
    )


class _Names:
    """Finds images by the names that a table gives them: first by the whole name, then by the one without suffix."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = [_composed(file) for file in files]
        self._indices = (
            _Index(self._files),
            _Index([os.path.splitext(file)[0] for file in self._files]),
        )

    def find(self, name: str, base: str) -> list[int]:
        """Return the numbers of the images that `name` may mean; `base` is the folder of its table, or empty."""
        path = posixpath.normpath(_composed(name).replace("\\", "/"))
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
    """Return the folder of a table below `root`, with a slash at its end; empty for a table elsewhere."""
    try:
        inside = path.resolve().parent.relative_to(root.resolve()).as_posix()
    except ValueError:
        return ""
    return "" if inside == "." else f"{inside}/"


def _read(path: Path, form: Form) -> RawTable:
    if path.suffix.lower() != LINES_OF_JSON:
        return open_table(path, form)
    import pandas as pd

    rows, lines = [], []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_each_once)
        except _TwiceError as error:
            raise DataError(
                f"{path}, line {number}: the key {error.args[0]!r} is written twice: keep one"
            ) from None
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: is no JSON object: one object a line is needed")
        rows.append(row)
        lines.append(number)
    if not rows:
        raise DataError(f"{path}: the table has no rows")
    table = table_of_frame(pd.DataFrame(rows, dtype=object), form)
    return replace(table, path=str(path), lines=np.array(lines))


class _TwiceError(Exception):
    """A key is written twice in one object, of which Python's reader takes the second without a word."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in pairs:
        if key in row:
            raise _TwiceError(key)
        row[key] = value
    return row


def _lines(path: Path) -> list[str]:
    try:
        # JSON ends a line so alone: a text in it may hold what Python takes for further line ends, such as U+2028.
        return read_text(path.expanduser(), encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read as text ({type(error).__name__})") from None
