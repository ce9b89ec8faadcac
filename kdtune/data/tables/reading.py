"""Reading CSV and Parquet files into columns of text, with one notion of what is missing."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kdtune.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

MISSING_MARKERS = ("?", "NA", "N/A", "NaN", "nan", "null", "NULL", "MissingValue")
"""What stands for "not known" in many tables, beside the empty cell."""


def read_table(path: str | os.PathLike[str], missing: Iterable[str] = MISSING_MARKERS) -> "pd.DataFrame":
    """Read a CSV (.csv, or .tsv) or Parquet file, every column as text.

    Returns:
        One row an example; cells are stripped `str`, or `None` where empty or one of the markers `missing`. A
        Parquet number becomes the shortest text that reads back as the same number.

    Raises:
        DataError: the file is not there, of another kind, empty, or not readable.
    """
    import pandas as pd

    file = Path(path).expanduser()
    try:
        if file.suffix.lower() in (".csv", ".tsv"):
            separator = "\t" if file.suffix.lower() == ".tsv" else ","
            frame = pd.read_csv(
                file, sep=separator, dtype=object, keep_default_na=False, encoding="utf-8-sig"
            )
        elif file.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(file)
        else:
            raise DataError(f"{file}: a table must be a .csv, .tsv or .parquet file")
    except FileNotFoundError:
        raise DataError(f"{file}: there is no such file") from None
    except DataError:
        raise
    except Exception as error:  # a damaged file makes the readers stumble in every way
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{file}: cannot be read as a table: {reason[0]}") from None
    if frame.empty:
        raise DataError(f"{file}: the table has no rows")
    frame.columns = frame.columns.map(lambda name: str(name).strip())
    return pd.DataFrame(
        {name: pd.Series(as_text(frame[name], missing), dtype=object) for name in frame.columns}
    )


def as_text(column: "pd.Series", missing: Iterable[str] = MISSING_MARKERS) -> list[str | None]:
    """Return a column's cells as stripped text, None where not known; whole numbers have no decimal point."""
    import pandas as pd

    markers = {"", *missing}

    def text(value: object) -> str | None:
        if not isinstance(value, str):
            if value is None or pd.isna(value):  # type: ignore[call-overload]
                return None
            value = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        value = value.strip()
        return None if value in markers else value

    return [text(value) for value in column.tolist()]


def require_columns(frame: "pd.DataFrame", columns: Sequence[str], *, path: object, key: str) -> None:
    """Require that the columns that an option names are there.

    Raises:
        DataError: one is not; the message offers the nearest name.
    """
    for column in columns:
        if column not in frame.columns:
            known = [str(name) for name in frame.columns]
            raise DataError(
                f"{path}: there is no column {column!r}, named by {key!r}{did_you_mean(column, known)} "
                f"(columns: {', '.join(known)})"
            )


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with open(Path(path).expanduser(), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
