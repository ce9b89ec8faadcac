"""Tables of models: a row each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kdtune.runs.state import ModelState

if TYPE_CHECKING:
    import pandas


def table_of(rows: Sequence[Mapping[str, Any]], measures: Sequence[str]) -> "pandas.DataFrame":
    """Return rows by id; the usual columns exist even while there is nothing to fill them."""
    import pandas

    table = pandas.DataFrame(list(rows), columns=None if rows else list(row_of(ModelState("", "", {}, 0))))
    for name in measures:
        if name not in table:
            table[name] = pandas.Series(float("nan"), index=table.index, dtype=float)
    return table.set_index("id")


def row_of(model: ModelState) -> dict[str, Any]:
    """Return a model's row: what was searched, what was measured, and how far it is."""
    return {
        "id": model.id,
        "model": model.kind,
        "state": model.state,
        "epoch": model.epoch,
        **{key: value for key, value in model.config.items() if not isinstance(value, dict)},
        **model.values,
        "seconds": model.seconds,
        "message": model.message,
    }
