"""The file in which Optuna keeps a run's study, and which other programs read: Optuna itself, and optuna-dashboard."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file

from kdtune.files import sync

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
        self._waits = True

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Write what the block adds in one step, at its end; until then nobody reads it."""
        held = self._held = []
        try:
            yield
        finally:
            self._held = None
            if held:
                self.append_logs(held)

    @contextlib.contextmanager
    def waiting_once(self) -> Iterator[None]:
        """Wait for the disk once, at the end of the block, and not after each operation."""
        waited, self._waits = self._waits, False
        try:
            yield
        finally:
            self._waits = waited
            if waited:
                sync(Path(self._file_path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write operations, or hold them back until the end of `together`."""
        if self._held is not None:
            self._held += logs
        elif self._waits:
            super().append_logs(logs)
        else:
            with get_lock_file(self._lock), open(self._file_path, "ab") as file:
                file.writelines(json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Yield operations, the list of constraints under a name that Optuna ignores."""
        for log in super().read_logs(log_number_from):
            attributes = log.get("system_attr")
            if isinstance(attributes, dict) and LIST_KEY in attributes:
                yield {**log, "system_attr": {_KEPT_AS: attributes[LIST_KEY]}}
            else:
                yield log
