"""The file in which Optuna keeps a run's study, and which other programs read: Optuna itself, and optuna-dashboard."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

LIST_KEY = "constraints"
"""Where optuna-dashboard looks for a trial's constraints: one list, as Optuna wrote it before version 5."""

_KEPT_AS = "constraints, for optuna-dashboard"


class Journal(JournalFileBackend):
    """Writes several operations at once, and does not read the list that is only for optuna-dashboard.

    Optuna 5 keeps each constraint under its own name, and reads the old list beside them as further constraints: its GP
    sampler would model each of them twice.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._held: list[dict[str, Any]] | None = None

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Write what the block adds in one step, because each step waits for the disk."""
        held = self._held = []
        try:
            yield
        finally:
            self._held = None
            if held:
                super().append_logs(held)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write operations, or hold them back until the end of `together`."""
        if self._held is None:
            super().append_logs(logs)
        else:
            self._held += logs

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Yield operations, the list of constraints under a name that Optuna ignores."""
        for log in super().read_logs(log_number_from):
            attributes = log.get("system_attr")
            if isinstance(attributes, dict) and LIST_KEY in attributes:
                yield {**log, "system_attr": {_KEPT_AS: attributes[LIST_KEY]}}
            else:
                yield log
