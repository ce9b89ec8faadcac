"""A teacher that is known by its logits in a file, one row for each example that it was asked about."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from kdtune.data.ids import ids_of_tensor, tensor_of_ids
from kdtune.distill.arrays import DeviceData
from kdtune.distill.epoch import report_of
from kdtune.distill.evaluation.epoch_result import results_of
from kdtune.distill.evaluation.extras import measure_extras
from kdtune.distill.teachers.logits_file import LogitsFile
from kdtune.distill.teachers.signal import TeacherSignal
from kdtune.distill.weights.state import saved_state
from kdtune.errors import InputError
from kdtune.files import LARGEST_WEIGHTS, open_regular, read_text
from kdtune.runs.records import Report

_NEAR_ONE = 1e-3
"""How far sums of rows of probabilities, or of percentages, may be from each other: half precision rounds."""


_MOST_DECIMALS = 4
"""Numbers of so many decimals or fewer were rounded, or cut off, by whoever wrote them down."""


@dataclass(frozen=True, eq=False)
class KnownLogits:
    """What a teacher says of the examples of a data set: the state that a run keeps of it, in place of weights.

    Attributes:
        train, validation: float32 [n, classes] each, in the order of the data.
        others: of all other rows, by id: float32 [k, classes].
    """

    train: Tensor
    validation: Tensor
    others: Tensor
    other_ids: tuple[str, ...]

    def of_others(self, ids: Sequence[str] | None) -> Tensor | None:
        """Return the logits of examples that are neither train nor validation; None where one is not known."""
        place = {name: row for row, name in enumerate(self.other_ids)}
        rows = [place.get(name, -1) for name in ids or ()]
        return self.others[rows] if rows and min(rows) >= 0 else None

    def to_bytes(self) -> bytes:
        """Return it as safetensors."""
        return saved_state(
            {
                "train": self.train,
                "validation": self.validation,
                "others": self.others,
                "other_ids": tensor_of_ids(self.other_ids),
            }
        )

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Self:
        """Read back the tensors of `to_bytes`.

        Raises:
            KeyError, ValueError: they are others.
        """
        return cls(state["train"], state["validation"], state["others"], ids_of_tensor(state["other_ids"]))

    def signal(self) -> TeacherSignal:
        """Return what a student learns from: the same logits on every view, and no features."""
        return TeacherSignal(lambda _view: self.train, self.validation.argmax(dim=1).numpy())


def signal_of_logits(content: bytes) -> TeacherSignal:
    """Return the signal of a teacher whose state these bytes are."""
    return KnownLogits.from_state(safetensors.torch.load(content)).signal()


def report_of_logits(data: DeviceData, logits: Tensor, extras: tuple[str, ...]) -> Report:
    """Return the report of a teacher with these validation logits [m, classes]; measures of the model are NaN."""
    nothing = torch.full((1,), math.nan)
    [result] = results_of(nothing, 1, logits[None], data.validation_labels, keep_logits=True)
    report = report_of(data, result, None, epoch=1, seconds=0.0, learning_rate=math.nan, last=True)
    return replace(report, scalars=measure_extras(extras, None, data, logits))


def known_logits(
    file: LogitsFile, n_classes: int, train: Sequence[str] | None, validation: Sequence[str] | None
) -> KnownLogits:
    """Read a teacher's logits, and put them into the order of the data.

    Args:
        train, validation: the ids of the examples; None where the data have none.

    Raises:
        InputError: shape, numbers or order are not those of the data; the message names the first difference.
    """
    logits, ids = _read(file, n_classes)
    place: dict[str, int] = {}
    for row, name in enumerate(ids):
        if name in place:
            raise InputError(
                f"{file.order}: line {row + 1}: {name!r} is there twice (first in line {place[name] + 1})"
            )
        place[name] = row
    if train is None or validation is None:
        raise InputError(
            f"{file.order}: these data do not say which example is which: a data set of your own gives its splits `ids`"
        )
    rows = [
        _rows(file, split, names, place, ids)
        for split, names in (("train", train), ("validation", validation))
    ]
    rows.append(np.setdiff1d(np.arange(len(ids)), np.concatenate(rows)))
    parts = [torch.from_numpy(logits[chosen]) for chosen in rows]
    return KnownLogits(parts[0], parts[1], parts[2], tuple(ids[row] for row in rows[2].tolist()))


def _rows(
    file: LogitsFile, split: str, names: Sequence[str], place: Mapping[str, int], ids: Sequence[str]
) -> "np.ndarray[Any, np.dtype[np.int64]]":
    for number, name in enumerate(names):
        if _plain(name) not in place:
            absent = sum(_plain(other) not in place for other in names)
            raise InputError(
                f"{file.order}: {absent:,} of {len(names):,} {split} examples have no line; the first is example "
                f"{number + 1}, {name!r}. Line 1 of {len(ids):,} is {ids[0]!r}: write the ids as the data have them "
                "(kdtune.data.load(…).train.ids)"
            )
    return np.array([place[_plain(name)] for name in names], dtype=np.int64)


def _read(file: LogitsFile, n_classes: int) -> "tuple[np.ndarray[Any, np.dtype[np.float32]], list[str]]":
    now = LogitsFile.of(file.path, file.order, file.columns)
    if now != file:
        raise InputError(
            f"{file.path}: the logits or their order have changed since the run began: start a new run"
        )
    logits = _array(file.path, "logits")
    if logits.ndim != 2 or not (np.issubdtype(logits.dtype, np.floating)):
        raise InputError(
            f"{file.path}: holds {logits.dtype} {list(logits.shape)}, not logits: numbers with a point, "
            f"[examples, {n_classes} classes]"
        )
    if logits.shape[1] != n_classes:
        raise InputError(f"{file.path}: has {logits.shape[1]} columns, and the data have {n_classes} classes")
    if not len(logits):
        raise InputError(f"{file.path}: is empty")
    ids = _order(file.order)
    if len(ids) != len(logits):
        raise InputError(
            f"{file.path} has {len(logits):,} rows, and {file.order} names {len(ids):,} examples: one for each row"
        )
    with np.errstate(over="ignore"):  # infinity is refused next
        plain = logits.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(plain).all(axis=1))
    if len(bad):
        raise InputError(
            f"{file.path}: {len(bad):,} of {len(plain):,} rows hold NaN or infinity; the first is row {bad[0] + 1}, "
            f"{ids[bad[0]]!r}"
        )
    if _are_probabilities(plain):
        raise InputError(
            f"{file.path}: holds probabilities, not logits: save their logarithms, "
            + ("np.log(p)" if plain.all() else "np.log(np.maximum(p, 1e-6)), because some are 0")
        )
    if plain.min() >= 0 and 0 < plain.max() <= 1:
        raise InputError(
            f"{file.path}: holds numbers between 0 and 1 alone, not logits: if a sigmoid returned them, save "
            "np.log(p / (1 - p)), with p = np.clip(p, 1e-6, 1 - 1e-6)"
        )
    return (plain if file.columns is None else plain[:, list(file.columns)]), ids


def _are_probabilities(rows: "np.ndarray[Any, np.dtype[np.float32]]") -> bool:
    """Tell whether no number is negative, and all rows have one sum; or 1, or 100, as far as few decimals allow."""
    sums = rows.sum(axis=1)
    if (rows < 0).any() or sums[0] <= 0:
        return False
    if (np.abs(sums / sums[0] - 1) < _NEAR_ONE).all():
        return True
    for whole in (1, 100):
        for digits in range(1, _MOST_DECIMALS + 1):
            parts = rows.astype(np.float64) / whole * 10**digits
            if np.abs(parts - parts.round()).max() < _NEAR_ONE:
                return bool((np.abs(sums / whole - 1) < rows.shape[1] * 10.0**-digits + _NEAR_ONE).all())
    return False


def _array(path: str, what: str) -> "np.ndarray[Any, Any]":
    try:
        with open_regular(path, limit=LARGEST_WEIGHTS) as content:
            array = np.lib.format.read_array(content, allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"{path}: {what} can't be read as .npy ({reason[0]}): write it with np.save"
        ) from None
    return array


def _order(path: str) -> list[str]:
    if path.endswith(".npy"):
        array = _array(path, "ids")
        if array.ndim != 1 or array.dtype.kind not in "iuU":
            raise InputError(
                f"{path}: holds {array.dtype} {list(array.shape)}, not one text or whole number an example"
            )
        return [_plain(str(item)) for item in array.tolist()]
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: can't be read as text ({getattr(error, 'strerror', None) or error})"
        ) from None
    return [_plain(line) for line in lines]


def _plain(name: str) -> str:
    """Return an id without what Windows (a byte-order mark, too), `find .` and editors put around a path."""
    return name.removeprefix("\ufeff").strip().replace("\\", "/").removeprefix("./")
