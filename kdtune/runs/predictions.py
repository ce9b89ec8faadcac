"""What models answer on validation, one small integer an example: with it, any two are compared on the same examples.

A run keeps the labels and groups of its validation examples once, and the answers of each model that was trained to the
end beside its reports. All of these are safetensors files of integers, whose SHA-256 the run records.
"""

import base64
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kdtune.errors import RunError
from kdtune.files import read_regular

Ints = npt.NDArray[np.int64]

LARGEST = 1 << 30
"""Bytes of a file of answers; a million examples of up to 256 classes have one MB."""

_LABELS, _GROUPS = "labels", "groups/"
_ANSWERS, _EPOCH = "predictions", "epoch"


@dataclass(frozen=True, eq=False)
class Validation:
    """The validation examples of a run.

    Attributes:
        labels: class of each example, int64 [n].
        groups: sensitive attribute -> group of each example, int64 [n], -1 where unknown.
    """

    labels: Ints
    groups: Mapping[str, Ints]


def pack(answers: npt.ArrayLike) -> dict[str, Any]:
    """Return classes, int [n], as plain JSON that is small: for a report on its way to the driver."""
    array = _small(np.asarray(answers))
    content = zlib.compress(array.tobytes(), 6)
    return {"width": array.itemsize, "zlib": base64.b64encode(content).decode("ascii")}


def unpack(packed: Mapping[str, Any]) -> Ints:
    """Return the classes, int64 [n], that `pack` packed.

    Raises:
        ValueError: this is not what `pack` returns.
    """
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(base64.b64decode(packed["zlib"], validate=True), LARGEST)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise ValueError("it is cut short, or too long")
        return np.frombuffer(content, dtype=f"<u{int(packed['width'])}").astype(np.int64)
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise ValueError(f"predictions are damaged ({error})") from None


def answers_file(answers: npt.ArrayLike, epoch: int) -> bytes:
    """Return the file that keeps a model's answers, int [n], after its epoch `epoch`."""
    from safetensors.numpy import save

    return bytes(save({_ANSWERS: _small(np.asarray(answers)), _EPOCH: np.array([epoch])}))


def read_answers(path: Path, digest: str, epoch: int) -> Ints:
    """Return a model's answers, int64 [n].

    Args:
        digest: SHA-256 (hex) that the run recorded.
        epoch: the epoch of the report to which they belong.

    Raises:
        RunError: they are missing, damaged, not what the run recorded, or of another epoch.
    """
    tensors = _read(path, digest)
    if set(tensors) != {_ANSWERS, _EPOCH} or tensors[_ANSWERS].ndim != 1 or tensors[_EPOCH].shape != (1,):
        raise RunError(f"{path}: damaged: it does not hold one answer an example")
    if (kept := int(tensors[_EPOCH][0])) != epoch:
        raise RunError(f"{path}: holds the answers of epoch {kept}, not those of epoch {epoch}")
    return tensors[_ANSWERS].astype(np.int64)


def validation_file(labels: npt.ArrayLike, groups: Mapping[str, npt.ArrayLike]) -> bytes:
    """Return the file that keeps the labels, int [n], and the groups of the validation examples."""
    from safetensors.numpy import save

    tensors = {_LABELS: _small(np.asarray(labels))}
    tensors |= {_GROUPS + name: np.asarray(codes).astype(np.int32) for name, codes in groups.items()}
    return bytes(save(tensors))


def read_validation(path: Path, digest: str) -> Validation:
    """Return the validation examples of a run.

    Raises:
        RunError: they are missing, damaged, or not what the run recorded.
    """
    tensors = _read(path, digest)
    groups = {
        name.removeprefix(_GROUPS): codes.astype(np.int64)
        for name, codes in tensors.items()
        if name.startswith(_GROUPS)
    }
    shapes = {codes.shape for codes in tensors.values()}
    if _LABELS not in tensors or len(shapes) != 1 or tensors[_LABELS].ndim != 1:
        raise RunError(
            f"{path}: damaged: it does not hold one label and one group of each attribute an example"
        )
    return Validation(tensors[_LABELS].astype(np.int64), groups)


def digest_of(content: bytes) -> str:
    """Return the SHA-256 (hex) of a file's content, as a run records it."""
    return hashlib.sha256(content).hexdigest()


def _small(classes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return classes in the smallest unsigned type that holds them, little-endian."""
    return np.ascontiguousarray(
        classes, dtype=np.min_scalar_type(int(classes.max(initial=0))).newbyteorder("<")
    )


def _read(path: Path, digest: str) -> dict[str, npt.NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = read_regular(path, limit=LARGEST)
    except OSError as error:
        raise RunError(f"{path}: not readable ({error.strerror})") from None
    if digest_of(content) != digest:
        raise RunError(f"{path}: damaged: not bit by bit what the run recorded (another SHA-256)")
    try:
        tensors: dict[str, npt.NDArray[Any]] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise RunError(f"{path}: damaged ({error})") from None
    if any(tensor.dtype.kind not in "iu" for tensor in tensors.values()):
        raise RunError(f"{path}: damaged: it holds other numbers than integers")
    return tensors
