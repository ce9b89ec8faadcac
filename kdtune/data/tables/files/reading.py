"""Reads a table from a file of any supported kind into columns of text."""

import os
from collections.abc import Iterable
from pathlib import Path

from kdtune.data.tables.files.delimited import read_delimited
from kdtune.data.tables.files.foreign import SAMPLE_BYTES, foreign_format
from kdtune.data.tables.files.form import OF_TEXT, Form
from kdtune.data.tables.files.parquet import MAGIC, read_parquet
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.errors import DataError, did_you_mean
from kdtune.files import open_regular, sha256_of

LINES_OF_JSON = ".jsonl"
"""Suffix of a table with a JSON object in each line, which is read for the attributes of images."""

_PARQUET = (".parquet", ".pq")


def open_table(path: str | os.PathLike[str], form: Form) -> RawTable:
    """Read a Parquet file, or delimited text in this form.

    Returns:
        Each column as text. Cells are stripped; empty cells and marks of missing values are missing. A Parquet number
        becomes the shortest text that reads back as the same number.

    Raises:
        DataError: the file doesn't exist, is of another kind, is empty, or can't be read for certain.
    """
    file = Path(path).expanduser()
    try:
        with open_regular(file) as binary:
            sample = binary.read(SAMPLE_BYTES)
    except FileNotFoundError:
        raise DataError(f"{file}: there is no such file{_nearest(file)}") from None
    except IsADirectoryError:
        raise DataError(f"{file}: is a folder: name a file in it") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None
    if _is_parquet(file, sample):
        return read_parquet(file, form)
    foreign = foreign_format(sample)
    if foreign is not None:
        raise DataError(f"{file}: cannot be read as a table: it is {foreign}")
    return read_delimited(file, form)


def check_form(form: Form, files: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse what is said of delimited text where none of the tables is that: nobody may think that it was heeded.

    It is for a loader's options. A student's later data may be of another kind than what it was trained on.

    Raises:
        DataError: the message names the option.
    """
    paths, usual = [Path(file).expanduser() for file in files], Form()
    said = next((option for option in OF_TEXT if getattr(form, option) != getattr(usual, option)), None)
    if said is not None and not any(map(_is_text, paths)):
        named = ", ".join(map(str, paths))
        raise DataError(
            f"{named}: {said} is for delimited text, and {'this is' if len(paths) == 1 else 'these are'} none: leave "
            "it out"
        )


def _is_text(file: Path) -> bool:
    """Tell whether a table is delimited text; what can't be read may be, because reading it says what is wrong."""
    try:
        with open_regular(file) as binary:
            return file.suffix.lower() != LINES_OF_JSON and not _is_parquet(file, binary.read(len(MAGIC)))
    except OSError:
        return True


def _is_parquet(file: Path, start: bytes) -> bool:
    return start.startswith(MAGIC) or file.suffix.lower() in _PARQUET


def _nearest(file: Path) -> str:
    folder = file.parent
    if not folder.is_dir():
        return f": there is no folder {str(folder)!r}"
    return did_you_mean(file.name, [entry.name for entry in folder.iterdir() if entry.is_file()])


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    return sha256_of(Path(path).expanduser())
