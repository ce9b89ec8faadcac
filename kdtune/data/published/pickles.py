"""Reads pickles of published arrays without running anything in them.

A pickle is a program. This reader admits only the instructions that build numbers, text, bytes, lists, tuples, dicts
and numpy arrays. It builds the arrays itself from their bytes, type and shape. numpy's own functions for this are not
called, because a hostile type could make them read foreign memory.
"""

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**28
"""Most bytes of a pickle; the largest of CIFAR has 155 MB."""

_MOST_STEPS = 2_000_000
"""Most instructions of a pickle; CIFAR-100's training file has about 300,000."""

_MOST_TUPLES = 1000
"""Most tuples of a pickle, because hashing tuples that are nested too deeply exhausts the stack."""

_TUPLES = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3")
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_ADMITTED = frozenset((
    "PROTO", "FRAME", "STOP", "MARK", "POP",
    "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
    "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", *_TUPLES, "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS",
    "MEMOIZE", "GET", "BINGET", "LONG_BINGET", *_PUTS,
    "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
))  # fmt: skip
"""The instructions that are admitted. Those that make instances of classes (INST, OBJ, NEWOBJ) or refer to objects
elsewhere (PERSID, EXT, NEXT_BUFFER) are not among them, nor is DUP, which Python does not write."""

_NUMBERS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "b1")
"""Types of arrays that are admitted: numbers, but no objects or records."""


class PickleError(Exception):
    """A pickle is not admitted; the message says why in a few words."""


def read_published_pickle(content: bytes) -> Any:
    """Return the content of a pickle of any protocol. An array must be the content itself, or a value of its dict.

    Text of Python 2 is decoded as Latin-1, which keeps each byte.

    Raises:
        PickleError: it is damaged or too large, or holds anything else; nothing of it was run.
    """
    _check(content)
    try:
        found = _Reader(io.BytesIO(content), encoding="latin1").load()
    except PickleError:
        raise
    except Exception as error:  # a damaged pickle makes the reader stumble in every way
        raise PickleError(f"damaged ({type(error).__name__})") from None
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items()}
    return _plain(found)


def _plain(value: Any) -> Any:
    return getattr(value, "value", None) if isinstance(value, _Array) else value


def _check(content: bytes) -> None:
    """Check every instruction before any is carried out."""
    if len(content) > LARGEST:
        raise PickleError(f"larger than {LARGEST // 2**20} MB")
    steps = tuples = 0
    try:
        for code, argument, _ in pickletools.genops(content):
            steps += 1
            tuples += code.name in _TUPLES
            if code.name not in _ADMITTED:
                raise PickleError(f"it holds the instruction {code.name}")
            if steps > _MOST_STEPS or tuples > _MOST_TUPLES:
                raise PickleError("it has too many instructions")
            # The reader allocates memory by the highest of these numbers.
            if code.name in _PUTS and int(argument or 0) > steps:
                raise PickleError("it numbers its objects wildly")
    except PickleError:
        raise
    except Exception as error:
        raise PickleError(f"damaged ({type(error).__name__})") from None


class _Reader(pickle.Unpickler):
    """Carries out a pickle that was checked; the names in it stand for the functions below, and for no others."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the function of ours that stands for `module.name`."""
        function = _FUNCTIONS.get((module.replace("numpy._core.", "numpy.core."), name))
        if function is None:
            raise PickleError(f"it asks for {f'{module}.{name}'[:80]!r}")
        return function


class _Function:
    """A function that a pickle may call. A pickle can't set attributes on it, as it could on a plain function."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> None:
        raise PickleError("it sets the state of a function")


class _Type:
    """A numpy dtype: a pickle gives its name first, and its byte order after that."""

    __slots__ = ("_name", "_order")

    def __init__(self, name: str | bytes, *_: object) -> None:
        self._name = _text(name)
        self._order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, subtype, names, fields, *_ = state
        if not (subtype is names is fields is None):
            raise PickleError("it holds an array of records")
        self._order = _text(order)

    def array(self, raw: str | bytes | bytearray, shape: tuple[int, ...], order: str) -> NDArray[Any]:
        """Return the array whose bytes are `raw`."""
        if self._name not in _NUMBERS or self._order not in ("<", ">", "=", "|"):
            raise PickleError(f"it holds an array of type {self._name[:20]!r}")
        content = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
        kind: np.dtype[Any] = np.dtype(self._name if self._order == "|" else f"{self._order}{self._name}")
        flat: NDArray[Any] = np.frombuffer(content, kind)
        return flat.reshape(tuple(int(size) for size in shape), order="F" if order == "F" else "C")


class _Array:
    """A numpy array: a pickle makes it first, and fills it after that."""

    __slots__ = ("value",)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, is_fortran, raw = state
        self.value = kind.array(raw, shape, "F" if is_fortran else "C")


def _text(value: str | bytes) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _from_buffer(raw: bytes, kind: _Type, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", raw))
    return array


def _scalar(kind: _Type, raw: str | bytes) -> Any:
    return kind.array(raw, (), "C").item()


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise PickleError("it encodes text in another way than pickles do")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


_FUNCTIONS = {
    ("__builtin__", "bytes"): _Function(_no_bytes),
    ("numpy", "ndarray"): _Function(_Array),
    ("numpy", "dtype"): _Function(_Type),
    ("numpy.core.multiarray", "_reconstruct"): _Function(_reconstruct),
    ("numpy.core.multiarray", "scalar"): _Function(_scalar),
    ("numpy.core.numeric", "_frombuffer"): _Function(_from_buffer),
    ("_codecs", "encode"): _Function(_encode),
}
"""The names that a pickle may use, and the functions that stand for them."""
