"""What was measured on this machine, kept in the cache for the next sweep: both then make the same choice."""

import contextlib
import hashlib
import json
from typing import Any

from kdtune.errors import DiskError
from kdtune.files import cache_dir, read_json, write_json


class Measurement:
    """One measurement.

    Args:
        kind: what was measured, as a folder's name.
        facts: all that the outcome depends on, as JSON has it.
    """

    def __init__(self, kind: str, facts: list[Any]) -> None:
        self._on = json.dumps(facts)
        self._path = cache_dir() / kind / f"{hashlib.sha256(self._on.encode()).hexdigest()[:24]}.json"

    def recall(self) -> Any:
        """Return what was kept.

        Raises:
            RunError: there is nothing, or it is damaged.
        """
        return read_json(self._path)

    def keep(self, outcome: dict[str, Any]) -> None:
        """Keep an outcome; a cache that can't be written costs time, never the result."""
        with contextlib.suppress(DiskError):
            write_json(self._path, {**outcome, "on": self._on})
