"""Reads arrays of numbers from MATLAB's files, version 5, in which SVHN is published.

scipy reads these files too, but damaged ones end its process: it trusts the types and sizes that a file states. Here,
each must fit the others. The form is that of "MAT-File Format" (MathWorks), chapter 1.
"""

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**30
"""Most bytes of a variable; the images of SVHN's training file have 225 MB."""

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_FLAGS, _DIMENSIONS, _NAME = 6, 5, 1
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Types in which numbers are stored, by their number in a file."""

_MEANT = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
"""Types that arrays had in MATLAB, which may be stored in smaller ones."""

_IS_COMPLEX = 0x0800


class MatlabFileError(Exception):
    """A file is damaged or of another form; the message says why in a few words."""


def read_matlab(content: bytes, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays of these names, of those that a file holds.

    Raises:
        MatlabFileError: the file is damaged, or something of these names is no array of numbers.
    """
    view = memoryview(content)
    order = {b"IM": "<", b"MI": ">"}.get(bytes(view[_HEADER - 2 : _HEADER]))
    if order is None:
        raise MatlabFileError("no MATLAB file of version 5")
    found: dict[str, NDArray[Any]] = {}
    for kind, value in _elements(view[_HEADER:], order, are_padded=False):
        if kind == _COMPRESSED:
            parts = list(_elements(memoryview(_inflated(value)), order, are_padded=False))
        else:
            parts = [(kind, value)]
        for inner_kind, matrix in parts:
            if inner_kind != _MATRIX:
                raise MatlabFileError(f"an element of type {inner_kind}")
            name, array = _array(matrix, order, names)
            if array is not None:
                found[name] = array
    return found


def _inflated(value: memoryview) -> bytes:
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(value, LARGEST)
    except zlib.error as error:
        raise MatlabFileError(str(error)) from None
    if not reader.eof:
        raise MatlabFileError("a compressed part without an end")
    return content


def _elements(data: memoryview, order: str, *, are_padded: bool) -> Iterator[tuple[int, memoryview]]:
    """Yield type and value of each element; those within a matrix are padded to eight bytes."""
    while data:
        if len(data) < 8:
            raise MatlabFileError("an element without its size")
        kind, size = struct.unpack(f"{order}II", data[:8])
        start = 8
        if kind >> 16:  # both in four bytes, and the value in the next four
            kind, size, start = kind & 0xFFFF, kind >> 16, 4
            if size > 4:
                raise MatlabFileError("a small element that is not small")
        if start + size > len(data):
            raise MatlabFileError("an element that is longer than the file")
        yield kind, data[start : start + size]
        whole = start + size
        data = data[-(-whole // 8) * 8 if are_padded else whole :]


def _array(matrix: memoryview, order: str, names: Collection[str]) -> tuple[str, NDArray[Any] | None]:
    """Return the name of a variable, and its array if it is one of `names`."""
    parts = _elements(matrix, order, are_padded=True)
    (flags_kind, flags), (shape_kind, shape), (name_kind, text) = (_next(parts) for _ in range(3))
    if (
        (flags_kind, shape_kind, name_kind) != (_FLAGS, _DIMENSIONS, _NAME)
        or len(flags) != 8
        or len(shape) % 4
    ):
        raise MatlabFileError("a variable without flags, dimensions and name")
    name = bytes(text).decode("latin1")
    if name not in names:
        return name, None
    said = struct.unpack(f"{order}I", flags[:4])[0]
    meant = _MEANT.get(said & 0xFF)
    if meant is None or said & _IS_COMPLEX:
        raise MatlabFileError(f"{name!r} holds no real numbers")
    dimensions = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    stored_kind, values = _next(parts)
    stored = _STORED.get(stored_kind)
    if stored is None or min(dimensions, default=0) < 0:
        raise MatlabFileError(f"{name!r} is stored in no known way")
    dtype = np.dtype(order + stored)
    if len(values) != math.prod(dimensions) * dtype.itemsize:
        raise MatlabFileError(f"{name!r} does not have as many numbers as its dimensions say")
    array = np.frombuffer(values, dtype).reshape(dimensions, order="F")
    return name, array.astype(meant, copy=False)


def _next(parts: Iterator[tuple[int, memoryview]]) -> tuple[int, memoryview]:
    try:
        return next(parts)
    except StopIteration:
        raise MatlabFileError("a variable without all of its parts") from None
