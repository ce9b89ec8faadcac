"""Pickles as Python 2 and its numpy wrote them: protocol 2, text as bytes, arrays by their old names."""

import struct
from typing import Any

import numpy as np


def as_python_2(content: Any) -> bytes:
    """Return the pickle of a dict of text, lists of whole numbers or text, and uint8 arrays."""
    return b"\x80\x02" + _value(content) + b"."


def _text(value: bytes) -> bytes:
    if len(value) < 256:
        return b"U" + bytes([len(value)]) + value + b"q\x01"
    return b"T" + struct.pack("<i", len(value)) + value + b"q\x01"


def _value(value: Any) -> bytes:
    if isinstance(value, dict):
        pairs = b"".join(_text(key.encode()) + _value(item) for key, item in value.items())
        return b"}q\x02(" + pairs + b"u"
    if isinstance(value, list):
        return b"]q\x03(" + b"".join(map(_value, value)) + b"e"
    if isinstance(value, int):
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)
    if isinstance(value, str):
        return _text(value.encode())
    assert isinstance(value, np.ndarray)
    assert value.dtype == np.uint8
    shape = b"".join(b"M" + struct.pack("<H", size) for size in value.shape)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05K\x00\x85U\x01b\x87R"
        + b"(K\x01"
        + shape
        + b"\x86"
        + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89"
        + _text(value.tobytes())
        + b"tb"
    )
