"""Reads Parquet files as text, column by column."""

import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from kdtune.data.tables.cells import Cells
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.errors import DataError

MAGIC = b"PAR1"

_MIDNIGHT = re.compile(r" 00:00:00$")
_FRACTION = re.compile(r"(?<=:\d\d)(?:\.0+|(\.\d*[1-9])0+)(?=$|[+-]|Z)")
"""A part of a second that ends in zeros: how many there are depends on the program, not on the moment."""

_ZONE = re.compile(r"(?<=[+-]\d\d)(\d\d)$")
"""The minutes of a time zone without a colon before them, as Arrow writes it."""

_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Arrow's units of time -> how many make a second."""


def read_parquet(file: Path, form: Form) -> RawTable:
    """Read a Parquet file; of a column of lists or records, only the kind is kept.

    Raises:
        DataError: the file is damaged, or has no rows.
    """
    try:
        return _read(file, form)
    except DataError:
        raise
    except Exception as error:  # a damaged file makes pyarrow stumble in every way, and at every step
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{file}: cannot be read as a table: {reason[0]}") from None


def _read(file: Path, form: Form) -> RawTable:
    import pyarrow.parquet as pq

    source = pq.ParquetFile(file)
    schema = source.schema_arrow
    content = source.read()
    if not content.num_rows:
        raise DataError(f"{file}: the table has no rows")
    cells = [_cells(column, form) for column in content.columns]
    indices = {
        name for name in (schema.pandas_metadata or {}).get("index_columns", ()) if isinstance(name, str)
    }
    names = ["" if re.fullmatch(r"__index_level_\d+__", name) else name for name in schema.names]
    index = {k: "index" for k, name in enumerate(schema.names) if name in indices}
    return RawTable.named_columns(str(file), names, cells, index=index)


def _cells(column: Any, form: Form) -> Cells | str:
    """Return a column's cells; or what the column holds, if that is not plain values."""
    import pyarrow as pa

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], type=kind.storage_type)
        kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_nested(kind):
        shown = str(kind)
        return (
            f"{'lists' if 'list' in shown else 'records'} ({shown if len(shown) < 60 else shown[:57] + '…'})"
        )
    if pa.types.is_null(kind):
        return Cells(np.full(len(column), -1), ())
    if pa.types.is_float16(kind):
        column = column.cast(pa.float32())  # because Arrow can't find the distinct values of the smaller type
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    texts = _texts(encoded.dictionary, kind, form.decimal)
    if texts is None:
        return "bytes"
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Cells.of(codes, texts, form.is_missing())


def _texts(values: Any, kind: Any, decimal: str) -> list[str] | None:
    """Return the text of each value; None if some bytes are not text."""
    import pyarrow as pa

    if pa.types.is_floating(kind):
        return [float_text(value, decimal) for value in values.to_numpy(zero_copy_only=False)]
    if pa.types.is_decimal(kind):
        return [float_text(value, decimal) for value in values.to_pylist()]
    if pa.types.is_duration(kind):
        seconds = values.cast(pa.int64()).to_numpy(zero_copy_only=False) / _A_SECOND[kind.unit]
        return [float_text(value, decimal) for value in seconds]
    if pa.types.is_temporal(kind):
        return [time_text(value) for value in values.cast(pa.string()).to_pylist()]
    try:
        return [value.decode() if isinstance(value, bytes) else str(value) for value in values.to_pylist()]
    except UnicodeDecodeError:
        return None


def float_text(value: Any, decimal: str = ".") -> str:
    """Return the shortest text that reads back as the same number of the same type; empty for NaN."""
    if math.isnan(value):
        return ""
    if isinstance(value, Decimal):
        text = f"{value:f}"
    else:
        text = str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else str(value)
    return text.replace(".", decimal)


def time_text(text: str) -> str:
    """Return the text of a moment as pandas writes it, without its time of day if that is midnight."""
    text = _ZONE.sub(r":\1", text) if ":" in text else text
    return _MIDNIGHT.sub("", _FRACTION.sub(r"\1", text))
