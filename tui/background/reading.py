"""Reads full reports in a thread, and only those of models that the screen needs."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Protocol

from kdtune.runs.records import Report

KEPT_BYTES = 24 << 20
"""Most memory for reports that the screen no longer needs; those needed longest ago are dropped."""


class Reports(Protocol):
    """A source of full reports."""

    def reports(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return a model's full reports, None if they equal `have`."""
        ...


class Reader:
    """The full reports of the models that the screen needs.

    Attributes:
        found: full reports by model; its lists are replaced, never changed.
        revision: grows with every change of `found`.
    """

    def __init__(self, source: Reports) -> None:
        self.found: OrderedDict[str, Sequence[Report]] = OrderedDict()
        self.revision = 0
        self._source = source
        self._todo: OrderedDict[str, None] = OrderedDict()
        self._wanted: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._reading = False
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def want(self, ids: Sequence[str], changed: Iterable[str] = ()) -> None:
        """Read these models' reports, the most important first; `changed` names all models with new ones."""
        wanted = tuple(dict.fromkeys(ids))
        news = set(changed)
        todo = [i for i in wanted if i not in self._wanted or i in news]
        if not todo and wanted == self._wanted:
            return
        with self._lock:
            self._wanted = wanted
            for model_id in [*todo, *(i for i in self._todo if i in wanted)]:
                self._todo[model_id] = None
            for model_id in [i for i in self._todo if i not in wanted]:
                del self._todo[model_id]  # nobody needs these any more
        self._wake.set()

    @property
    def idle(self) -> bool:
        """Whether all that was wanted has been read."""
        with self._lock:
            return not self._todo and not self._reading

    def _forget(self) -> None:
        kept = 0
        for model_id in [i for i in reversed(self.found) if i not in self._wanted]:
            reports = self.found[model_id]
            kept += len(reports) * size(reports[-1]) if reports else 0
            if kept > KEPT_BYTES:
                del self.found[model_id]

    def _run(self) -> None:
        while not self._stopped:
            with self._lock:
                model_id = next(iter(self._todo), None)
                self._reading = model_id is not None
                if model_id is None:
                    self._wake.clear()
                else:
                    del self._todo[model_id]
            if model_id is None:
                self._wake.wait()
                continue
            have = self.found.get(model_id, ())
            try:
                found = self._source.reports(model_id, have)
            except Exception:  # a fault in one file must not stop the reading of the others
                found = None
            if found is None:
                continue
            with self._lock:
                self.found[model_id] = found
                self.found.move_to_end(model_id)
                self._forget()
            self.revision += 1


def size(report: Report) -> int:
    """Return roughly how many bytes of memory a report needs."""
    tables = sum(
        item.examples.nbytes + item.predicted.nbytes + item.hits.nbytes for item in report.counts.values()
    )
    return 1_000 + tables + 12 * len(report.disagreement)
