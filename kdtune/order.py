"""Whether values that belong together by position are in one order."""

from collections.abc import Mapping
from typing import Any

from kdtune.errors import DataError


def check_same_order(source: str, values: Mapping[str, Any]) -> None:
    """Check that what pandas would match by its index is in one order, because here positions count.

    Args:
        source: name for messages.
        values: what they are -> Series, DataFrames, or anything else, which is not looked at.

    Raises:
        DataError: two have as many rows, and not the same index.
    """
    indices = {what: column.index for what, column in values.items() if hasattr(column, "iloc")}
    for what, index in indices.items():
        first = next(iter(indices))
        if len(index) == len(indices[first]) and not index.equals(indices[first]):
            raise DataError(
                f"{source}: {what} has another index than {first}, so it is not clear which values belong together: "
                "bring them into one order, as by .loc[y.index], and give .to_numpy() of each"
            )
