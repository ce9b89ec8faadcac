"""Checks whether a text file is in the encoding that it should have, and guesses another one if not."""

import codecs
from pathlib import Path

from kdtune.data.tables.files.form import UTF_8
from kdtune.errors import DataError
from kdtune.files import open_regular

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 1000


def check_encoding(file: Path, encoding: str) -> None:
    """Refuse a file that should be UTF-8, if its first bytes show that it is UTF-16, UTF-32 or no text.

    Raises:
        DataError: naming the encoding to set.
    """
    with open_regular(file) as binary:
        sample = binary.read(_SAMPLE_BYTES)
    if encoding.lower() not in UTF_8:
        return
    found = next((name for mark, name in _MARKS if sample.startswith(mark)), None)
    if found is None and b"\0" in sample:
        # In UTF-16, every other byte of Western text is zero.
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if max(even, odd) < len(sample) / 5:
            raise DataError(f"{file}: cannot be read as a table: it holds zero bytes, so it is not text")
        found = "utf-16-le" if odd > even else "utf-16-be"
    if found is not None:
        raise DataError(
            f"{file}: cannot be read as a table: it seems to be {found.upper()}, not UTF-8: set "
            f"`encoding: {found}`, or save it as UTF-8"
        )


def undecodable(file: Path, encoding: str) -> str:
    """Return the message for a file with bytes that the encoding does not have: the line, the byte, the remedy."""
    place = "it "
    with open_regular(file) as binary:
        for line, content in enumerate(binary, start=1):
            try:
                content.decode(encoding)
            except UnicodeDecodeError as error:
                place = f"line {line}: the byte 0x{content[error.start]:02x} "
                break
    # cp1252 is a superset of Latin-1's letters.
    guess = "cp1252" if encoding.lower() in UTF_8 else "utf-8"
    other = " (or latin-1)" if guess == "cp1252" else ""
    return (
        f"{file}: cannot be read as a table: {place}is not {encoding}: set `encoding: {guess}`{other} if the file "
        "was written so, or save it as UTF-8"
    )
