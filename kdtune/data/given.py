"""What a program hands in, read in one way for data sets and for students."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kdtune.errors import DataError
from kdtune.user_code import kind_of


def tensor_of(x: Any, wanted: str) -> Tensor:
    """Return numbers (an array, a tensor, a DataFrame, or lists of them) as a tensor on the CPU.

    Args:
        x: the inputs.
        wanted: what to give instead, for the message about something that holds no numbers.

    Raises:
        DataError: they are sparse, masked or without values, or no numbers; the message begins with `x`.
    """
    if isinstance(x, Tensor):
        if x.layout != torch.strided:
            raise DataError("x is sparse: give x.to_dense()")
        if x.is_meta:
            raise DataError("x is a tensor on the device 'meta', which has no values: give one with values")
        return x.detach().cpu()
    if hasattr(x, "toarray"):
        raise DataError("x is sparse: give x.toarray()")
    if _is_masked(x):
        raise DataError("x has masked values: fill them in, or leave the rows out")
    try:
        array = np.asarray(x)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"x is no array of numbers ({error}): {wanted}") from None
    if not array.ndim:
        raise DataError(f"x is {kind_of(x)}, no array of numbers: {wanted}")
    if array.dtype.kind == "O":
        array = _numbers(array, wanted)
    if array.dtype.kind not in "biufc":
        raise DataError(f"x is no array of numbers, but of {array.dtype}: {wanted}")
    if array.dtype == np.longdouble:
        array = array.astype(np.float64)  # torch has no wider one
    elif array.dtype == np.clongdouble:
        array = array.astype(np.complex128)
    # torch reads numbers in the machine's own order of bytes, and forwards only.
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    # pandas hands out arrays that must not be written
    return torch.as_tensor(array if array.flags.writeable else array.copy())


def check_finite(rows: Tensor) -> Tensor:
    """Return numbers [n, features] as they are.

    Raises:
        DataError: one is not finite as a 32-bit number; the message begins with `x` and names row and column.
    """
    if rows.is_complex():
        raise DataError("x are complex numbers")
    bad = (~torch.isfinite(rows.float())).nonzero()
    if len(bad):
        row, column = bad[0].tolist()
        raise DataError(f"x[{row}, {column}] is {rows[row, column].item()}: fill it in, or leave the row out")
    return rows


def pixels_wanted(images: Tensor, name: str, cast: str) -> str:
    """Return what images that are no bytes hold, and how they become uint8 from 0 to 255; nothing of them may wrap.

    Args:
        images: of any type but complex, with at least one value.
        name: of the variable that holds them, for the remedy.
        cast: what turns it into uint8 there, such as `.astype('uint8')`.
    """
    values = images.detach().double() if images.is_floating_point() else images.numpy()
    low, high = float(values.min()), float(values.max())
    rounded = ".round()" if images.is_floating_point() else ""
    if low >= 0 and high <= 1:
        remedy = f"(255 * {name}).round(){cast}"
    elif low >= 0 and high <= 255:
        remedy = f"{name}{rounded}{cast}"
    elif low >= 0 and math.isfinite(high):
        white = 2 ** math.ceil(high).bit_length() - 1
        remedy = f"(255 / {white} * {name}).round(){cast}, if {white} is white"
    else:
        remedy = "undo their normalisation first"
    return f"from {low:g} to {high:g}, but must be uint8 from 0 to 255: {remedy}"


def listed_texts(x: Any) -> list[str] | None:
    """Return texts (a list, a tuple, an array or a Series of them) as a list, and None where nothing is a text.

    Raises:
        DataError: some are texts, and one is not; the message names its position, and not the texts.
    """
    if hasattr(x, "tolist") and getattr(x, "ndim", None) == 1 and not isinstance(x, Tensor):
        x = x.tolist()
    if not isinstance(x, list | tuple) or not any(isinstance(text, str) for text in x):
        return None
    wrong = next((k for k, text in enumerate(x) if not isinstance(text, str)), None)
    if wrong is not None:
        raise DataError(f"x[{wrong}] is {kind_of(x[wrong])}, not a text: leave the example out")
    return [str(text) for text in x]


def values_of(what: str, values: Any) -> list[Any]:
    """Return labels or groups (a list, an array, a tensor or a Series, a value an example) as Python objects.

    Raises:
        DataError: they are nothing of the kind; `what` is their name in the message.
    """
    wanted = "give a list, an array or a Series with a value for each example"
    if isinstance(values, Tensor) and (values.is_meta or values.layout != torch.strided):
        raise DataError(f"{what} is a tensor without plain values (sparse, or on 'meta'): {wanted}")
    if hasattr(values, "columns"):
        raise DataError(f"{what} is {kind_of(values)}: give one column of it")
    if getattr(values, "ndim", 1) != 1 and hasattr(values, "shape"):
        raise DataError(f"{what} has the shape {list(values.shape)}: {wanted}")
    if hasattr(values, "tolist"):
        return _single(what, list(values.tolist()))
    ordered = isinstance(values, Iterable) and hasattr(values, "__len__") and hasattr(values, "__getitem__")
    if not ordered or hasattr(values, "toarray") or isinstance(values, str | bytes | Mapping | Set):
        raise DataError(f"{what} is {kind_of(values)}: {wanted}")
    return _single(what, [plain_value(value) for value in values])


def _single(what: str, values: list[Any]) -> list[Any]:
    """Return values of which none is several, as a label in a tensor [1] or a one-hot vector is.

    To look at each of a million values takes a second, so their types are looked at first.
    """
    several = (list, tuple, Mapping, Set)
    if not any(issubclass(kind, several) or hasattr(kind, "ndim") for kind in set(map(type, values))):
        return values
    for k, value in enumerate(values):
        if isinstance(value, several) or getattr(value, "ndim", None):
            raise DataError(f"{what}[{k}] is {kind_of(value)}: give one number or text for each example")
    return values


def class_names(y: Sequence[Any], classes: Sequence[str] | None) -> list[Any]:
    """Return labels with positions replaced by names.

    Args:
        y: Python objects; what is no number is a name already.
        classes: their names in order; None where numbers are names too.

    Raises:
        DataError: a label is missing, or no position; the message begins with `y` and its position.
    """
    missing = next((k for k, value in enumerate(y) if is_missing(value)), None)
    if missing is not None:
        raise DataError(f"y[{missing}] is {y[missing]!r}: leave the example out")
    if classes is None:
        return list(y)
    return [_class_name(k, value, classes) for k, value in enumerate(y)]


def _class_name(k: int, value: Any, classes: Sequence[str]) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not isinstance(value, int) or not 0 <= value < len(classes):
        raise DataError(f"y[{k}] is {value!r}, and there are {len(classes)} classes, 0 to {len(classes) - 1}")
    return str(classes[value])


def is_missing(value: Any) -> bool:
    """Return whether a Python object stands for nothing: None, NaN, or what pandas has for them."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def plain_value(value: Any) -> Any:
    """Return a single number or text of numpy or torch as a Python object, and anything else as it is."""
    single = isinstance(value, np.generic) or (isinstance(value, Tensor | np.ndarray) and not value.ndim)
    return value.item() if single else value


def _is_masked(x: Any) -> bool:
    rows: Sequence[Any] = x if isinstance(x, list | tuple) else ()
    return bool(np.ma.is_masked(x)) or any(np.ma.is_masked(row) for row in rows)


def _numbers(array: "np.ndarray[Any, Any]", wanted: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return an array of objects, as a DataFrame of mixed columns holds them, as floats; what is missing is NaN."""
    numbers = np.empty(array.size)
    for position, value in enumerate(array.ravel().tolist()):
        plain = plain_value(value)
        if is_missing(plain):
            plain = np.nan
        if not isinstance(plain, Real):
            place = ", ".join(str(k) for k in np.unravel_index(position, array.shape))
            raise DataError(f"x is no array of numbers: x[{place}] is {kind_of(value)}: {wanted}")
        numbers[position] = float(plain)
    return numbers.reshape(array.shape)
