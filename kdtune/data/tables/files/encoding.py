"""Checks whether a text file is in the encoding that it should have, and guesses another one if not."""

import codecs
from pathlib import Path
from typing import BinaryIO

from kdtune.errors import DataError
from kdtune.files import open_regular

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 1000
_BLOCK = 1 << 20


def check_encoding(file: Path, encoding: str) -> None:
    """Refuse a file whose bytes show that it is in another encoding, or no text.

    A file of letters beyond ASCII that is valid UTF-8 is UTF-8: in an encoding of one byte a letter, each such letter
    would have to stand beside the one character that completes it.

    Raises:
        DataError: naming the encoding to set.
    """
    with open_regular(file) as binary:
        sample = binary.read(_SAMPLE_BYTES)
        mark, found = next((item for item in _MARKS if sample.startswith(item[0])), (b"", None))
        if found is None and is_utf_8(encoding) and b"\0" in sample:
            found = _without_mark(file, sample)
        if found is None and _is_single_byte(encoding) and _is_utf_8(sample, binary):
            found = "utf-8"
    # In the other order of its bytes, a mark is no mark, and whatever follows reads as Chinese.
    if found is not None and (_family(found) != _family(encoding) or _of_other_order(mark, encoding)):
        remedy = (
            "leave `encoding` out" if found == "utf-8" else f"set `encoding: {found}`, or save it as UTF-8"
        )
        raise DataError(
            f"{file}: cannot be read as a table: it seems to be {found.upper()}, not {encoding.upper()}: {remedy}"
        )


def is_utf_8(encoding: str) -> bool:
    """Tell whether this is one of Python's names of UTF-8."""
    return _family(encoding) == "utf-8"


def _family(encoding: str) -> str:
    """Return the encoding without the order of its bytes: `utf-16` for `UTF_16_LE`."""
    name = codecs.lookup(encoding).name
    return name[:6] if name.startswith(("utf-16", "utf-32")) else name.removesuffix("-sig")


def _of_other_order(mark: bytes, encoding: str) -> bool:
    """Tell whether a mark is that of the other order of bytes than an encoding of its family has."""
    return mark.decode(encoding, "replace") not in ("", "\ufeff")


def _is_single_byte(encoding: str) -> bool:
    """Tell whether every byte is a letter in this encoding, and the first 128 are ASCII."""
    try:
        ascii_ = bytes(range(128)).decode(encoding) == bytes(range(128)).decode("ascii")
        return ascii_ and len(bytes(range(128, 256)).decode(encoding, "replace")) == 128
    except (UnicodeError, LookupError):
        return False


def _is_utf_8(sample: bytes, rest: BinaryIO) -> bool:
    """Tell whether bytes hold letters beyond ASCII and are valid UTF-8."""
    decoder, is_ascii, block = codecs.getincrementaldecoder("utf-8")(), True, sample
    try:
        while block:
            is_ascii = is_ascii and block.isascii()
            decoder.decode(block)
            block = rest.read(_BLOCK)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return not is_ascii


def _without_mark(file: Path, sample: bytes) -> str:
    """Return the encoding of a text with zero bytes: in UTF-16, every other byte of Western text is zero."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < len(sample) / 5:
        raise DataError(f"{file}: cannot be read as a table: it holds zero bytes, so it is not text")
    return "utf-16-le" if odd > even else "utf-16-be"


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
    guess, other = _other_encoding(file, encoding), ""
    if guess == "cp1252":  # a superset of Latin-1's letters
        other = " (or latin-1)"
    remedy = (
        f"set `encoding: {guess}`{other} if the file was written so" if guess else "set its own `encoding`"
    )
    return f"{file}: cannot be read as a table: {place}is not {encoding}: {remedy}, or save it as UTF-8"


def _other_encoding(file: Path, encoding: str) -> str | None:
    """Return a usual encoding in which all of a file's bytes are letters; None if it is none of those."""
    with open_regular(file) as binary:
        sample = binary.read(_SAMPLE_BYTES)
    if b"\0" in sample:
        return _without_mark(file, sample)
    usual = [name for name in ("utf-8", "cp1252", "latin-1") if _family(name) != _family(encoding)]
    return next((name for name in usual if _decodes(file, name)), None)


def _decodes(file: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with open_regular(file) as binary:
        try:
            while block := binary.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
