"""Directions of quantities; internally everything is minimised."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError

Floats = npt.NDArray[np.float64]


def minimised(values: npt.ArrayLike, directions: Sequence[str]) -> Floats:
    """Return values [n, d] as float64 with the columns to be maximised negated; [] becomes [0, d].

    Raises:
        InputError: a direction is unknown, or there are not as many columns as directions.
    """
    if isinstance(directions, str) or len(directions) == 0:
        raise InputError(f'directions must be a sequence of "max" or "min", got {directions!r}')
    for column, direction in enumerate(directions):
        if direction not in ("max", "min"):
            raise InputError(f'direction {column} is {direction!r}: it must be "max" or "min"')
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 and array.ndim <= 2:
        array = array.reshape(0, len(directions))
    if array.ndim != 2 or array.shape[1] != len(directions):
        raise InputError(
            f"values must be [n, {len(directions)}], a column for each direction, got the shape {array.shape}"
        )
    sign = np.where([direction == "max" for direction in directions], -1.0, 1.0)
    return array * sign
