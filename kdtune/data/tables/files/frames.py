"""Reads DataFrames as text, exactly as a file with the same content is read."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from kdtune.data.tables.cells import Cells
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.files.parquet import float_text, time_text
from kdtune.data.tables.files.raw_table import RawTable

if TYPE_CHECKING:
    import pandas as pd


def table_of_frame(frame: "pd.DataFrame", form: Form) -> RawTable:
    """Return a DataFrame's columns as text, written as in a file of this form; the index is left out."""
    names = [str(name) for name in frame.columns]
    cells = [_cells(frame.iloc[:, k], form) for k in range(len(names))]
    return RawTable.named_columns("", names, cells)


def _cells(column: "pd.Series[Any]", form: Form) -> Cells | str:
    kind, missing = column.dtype, form.is_missing()
    if isinstance(kind, np.dtype) and kind.kind in "iuf":
        values, codes = np.unique(column.to_numpy(), return_inverse=True)
        texts = [float_text(value, form.decimal) if kind.kind == "f" else str(value) for value in values]
        return Cells.of(codes.astype(np.int64), texts, missing)
    try:
        return Cells.of_texts([_text(value, form.decimal) for value in column.tolist()], missing)
    except (TypeError, UnicodeDecodeError):
        return _held(column.tolist())


def _text(value: Any, decimal: str) -> str | None:
    """Return the text of a cell, None if it is missing.

    Raises:
        TypeError: it is not a plain value.
    """
    import pandas as pd

    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list | tuple | dict | set | np.ndarray):
        raise TypeError
    if value is None or pd.isna(value):
        return None
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, float | np.floating | Decimal):
        return float_text(value, decimal)
    if isinstance(value, datetime.datetime | datetime.time):
        return time_text(str(value))
    return str(value)


def _held(values: Sequence[Any]) -> str:
    kinds = {type(value).__name__ for value in values if not isinstance(value, str)}
    return f"values of type {', '.join(sorted(kinds))}"
