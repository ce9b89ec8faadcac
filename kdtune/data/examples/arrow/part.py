"""A table of one split, as `datasets` keeps it."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """A table of one split.

    Attributes:
        split: its name, or None where nothing says it.
        table: a pyarrow.Table.
        source: name for messages.
    """

    split: str | None
    table: Any
    source: str

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return the names of a `ClassLabel`, which `datasets` writes beside the schema; None where there are none."""
        try:
            features = json.loads((self.table.schema.metadata or {})[b"huggingface"])["info"]["features"]
            names = features[column]["names"]
        except (KeyError, TypeError, ValueError, RecursionError):
            return None
        good = isinstance(names, list) and len(names) > 1 and all(isinstance(name, str) for name in names)
        return tuple(names) if good and len(set(names)) == len(names) else None
