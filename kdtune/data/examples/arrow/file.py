"""One Parquet or Arrow file, read as a table with pyarrow alone."""

from pathlib import Path
from typing import Any

from kdtune.data.tables.files.foreign import SAMPLE_BYTES, foreign_format
from kdtune.data.tables.files.parquet import MAGIC
from kdtune.errors import DataError
from kdtune.files import open_regular

ARROW_SUFFIXES = (".parquet", ".arrow")
_ARROW_FILE = b"ARROW1"


def read_file(file: Path) -> Any:
    """Return the pyarrow.Table of a file.

    Raises:
        DataError: it is neither Parquet nor Arrow, or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    head = sample = b""
    try:
        with open_regular(file) as stream:
            sample = stream.read(SAMPLE_BYTES)
            head = sample[: len(_ARROW_FILE)]
            stream.seek(0)
            if head.startswith(MAGIC):
                table = pq.ParquetFile(stream).read()
            elif head == _ARROW_FILE:
                table = pa.ipc.open_file(stream).read_all()
            else:
                table = pa.ipc.open_stream(stream).read_all()
        table.validate(full=True)  # otherwise a wrong offset is met where a value is used, or never
        return table
    except Exception as error:  # a damaged file makes pyarrow stumble in every way, and at every step
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if not head.startswith((MAGIC, _ARROW_FILE)) and b"\0" not in sample:
            reason = (
                f"it is {foreign_format(sample) or 'text: the data sets `table` and `text` read CSV and TSV'}"
            )
        raise DataError(f"{file}: cannot be read as Parquet or Arrow: {reason}") from None
