"""Whether a text file is in the encoding that is said, and what to say if it is not."""

import codecs
from pathlib import Path

from kdtune.data.tables.form import UTF_8
from kdtune.errors import DataError

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 1000


def check_encoding(file: Path, encoding: str) -> None:
    """Refuse a file whose first bytes say that it is UTF-16 or UTF-32, where UTF-8 is read.

    Raises:
        DataError: naming the encoding to set.
    """
    with open(file, "rb") as binary:
        sample = binary.read(_SAMPLE_BYTES)
    if encoding.lower() not in UTF_8:
        return
    found = next((name for mark, name in _MARKS if sample.startswith(mark)), None)
    if found is None and b"\0" in sample:
        # Of Western text in UTF-16 every other byte is zero.
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if max(even, odd) < len(sample) / 5:
            raise DataError(f"{file}: cannot be read as a table: it holds bytes of zero, and is no text")
        found = "utf-16-le" if odd > even else "utf-16-be"
    if found is not None:
        raise DataError(
            f"{file}: cannot be read as a table: it is not UTF-8, but seems to be {found.upper()}: set "
            f"`encoding: {found}`, or save it as UTF-8"
        )


def undecodable(file: Path, encoding: str) -> str:
    """Return what to say of a file with bytes that are no text in an encoding: the line, the byte, the remedy."""
    place = "it "
    with open(file, "rb") as binary:
        for line, content in enumerate(binary, start=1):
            try:
                content.decode(encoding)
            except UnicodeDecodeError as error:
                place = f"line {line}: the byte 0x{content[error.start]:02x} "
                break
    # Windows has letters where Latin-1 has control characters.
    guess = "cp1252" if encoding.lower() in UTF_8 else "utf-8"
    other = " (or latin-1)" if guess == "cp1252" else ""
    return (
        f"{file}: cannot be read as a table: {place}is not {encoding}: set `encoding: {guess}`{other} if it was "
        "written so, or save it as UTF-8"
    )
