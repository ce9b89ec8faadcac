"""Reading a table from a file, whatever its kind, into columns of text, with one notion of what is missing."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kdtune.data.tables.cells import MISSING_MARKERS
from kdtune.data.tables.delimited import read_delimited
from kdtune.data.tables.foreign import SAMPLE_BYTES, foreign_format
from kdtune.data.tables.form import Form
from kdtune.data.tables.parquet import MAGIC, read_parquet
from kdtune.data.tables.raw_table import RawTable
from kdtune.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

_PARQUET = (".parquet", ".pq")


def open_table(path: str | os.PathLike[str], form: Form) -> RawTable:
    """Read a Parquet file, or delimited text in this form.

    Returns:
        Each column as text: cells are stripped, and missing where empty or a mark of a missing value. A Parquet
        number becomes the shortest text that reads back as the same number.

    Raises:
        DataError: the file is not there, of another kind, empty, or not readable for sure.
    """
    file = Path(path).expanduser()
    try:
        with open(file, "rb") as binary:
            sample = binary.read(SAMPLE_BYTES)
    except FileNotFoundError:
        raise DataError(f"{file}: there is no such file{_nearest(file)}") from None
    except IsADirectoryError:
        raise DataError(f"{file}: is a folder: name a file in it") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None
    if sample.startswith(MAGIC) or file.suffix.lower() in _PARQUET:
        return read_parquet(file, form)
    foreign = foreign_format(sample)
    if foreign is not None:
        raise DataError(f"{file}: cannot be read as a table: it is {foreign}")
    return read_delimited(file, form)


def _nearest(file: Path) -> str:
    folder = file.parent
    if not folder.is_dir():
        return f": there is no folder {str(folder)!r}"
    return did_you_mean(file.name, [entry.name for entry in folder.iterdir() if entry.is_file()])


def read_table(path: str | os.PathLike[str], missing: Iterable[str] = MISSING_MARKERS) -> "pd.DataFrame":
    """Read a table in the usual form as a DataFrame of `str` and None; see `open_table`.

    Raises:
        DataError: as `open_table`; or two columns have the same name.
    """
    return open_table(path, Form(missing=tuple(missing))).to_frame()


def require_columns(frame: "pd.DataFrame", columns: Sequence[str], *, path: object, key: str) -> None:
    """Require that the columns that an option names are there.

    Raises:
        DataError: one is not; the message offers the nearest name.
    """
    RawTable(str(path), {}, order=tuple(map(str, frame.columns))).require(columns, key)


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with open(Path(path).expanduser(), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
