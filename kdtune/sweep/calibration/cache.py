"""Caches what was measured on this machine, so that the next sweep makes the same choice."""

import contextlib
import hashlib
import json
from typing import Any

from kdtune.errors import DiskError
from kdtune.files import cache_dir, read_json, write_json


class Measurement:
    """One measurement.

    Args:
        kind: what was measured; also the name of its folder in the cache.
        facts: everything that the outcome depends on, as JSON values.
    """

    def __init__(self, kind: str, facts: list[Any]) -> None:
        self._on = json.dumps(facts)
        self._path = cache_dir() / kind / f"{hashlib.sha256(self._on.encode()).hexdigest()[:24]}.json"

    def recall(self) -> Any:
        """Return the cached outcome.

        Raises:
            RunError: there is none, or it is damaged.
        """
        return read_json(self._path)

    def keep(self, outcome: dict[str, Any]) -> None:
        """Cache an outcome; a cache that can't be written costs time, never the result."""
        with contextlib.suppress(DiskError):
            write_json(self._path, {**outcome, "on": self._on})
