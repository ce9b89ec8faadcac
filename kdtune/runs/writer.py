"""Writes a run's records. Only the driver has a writer; trials write nothing but their checkpoints.

What the records say to be done is on the disk before they say it, so that a machine may lose its power at any moment.
Before that, nothing waits for the disk: what is lost of a model in training is trained again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kdtune.errors import DiskError
from kdtune.files import sync, sync_folders, write_bytes, write_json
from kdtune.runs.choosing import training_values
from kdtune.runs.events import read_state
from kdtune.runs.jsonl import LineWriter, read_backwards
from kdtune.runs.measures.objectives import References, all_measures, objective_of, recorded_values
from kdtune.runs.paths import RunFiles, is_trial
from kdtune.runs.predictions import answers_file, digest_of
from kdtune.runs.records import Report, RunRecord
from kdtune.runs.state import RunState


@dataclass(frozen=True)
class ModelEnd:
    """How a model ended, or that it was interrupted.

    Attributes:
        weights: SHA-256 of its file of weights in the run.
        failure: whether it was interrupted because its worker failed.
    """

    id: str
    state: str
    message: str = ""
    weights: str = ""
    failure: bool = False


class RunWriter:
    """Appends to a run's events and reports, and keeps the resulting state.

    Attributes:
        state: the fold of all events, including those of earlier drivers of the same run.
    """

    def __init__(self, files: RunFiles) -> None:
        self.files = files
        self._events = LineWriter(files.events)
        self._record: RunRecord | None = None
        self._reports: dict[str, _ReportFile] = {}
        self._answers: dict[str, str] = {}
        self.state: RunState = read_state(files.events)

    def record(self, record: RunRecord) -> None:
        """Write `run.json`, and a copy of it into the events."""
        self._record = record
        self._emit({"kind": "record", "record": record.to_dict()})
        write_json(self.files.record, record.to_dict(), durable=True)
        sync(self.files.root.parent)

    def run_state(self, state: str, message: str = "") -> None:
        """Record what the run is doing now."""
        sync(self.files.root)  # the names of what was made since the last time: events, journal
        self._emit({"kind": "run", "state": state, "message": message}, durable=True)

    def model_started(
        self,
        model_id: str,
        kind: str,
        config: Mapping[str, Any],
        epochs: int,
        *,
        job: Mapping[str, Any] | None = None,
        cached: bool = False,
    ) -> None:
        """Record that a model is at work (again), and what it is.

        Args:
            config: one level of plain values, for people.
            job: the training itself, so that it can be repeated.
        """
        content = {"id": model_id, "model": kind, "epochs": epochs, **config}
        if job is not None:
            content["job"] = dict(job)
        write_json(self.files.config(model_id), content)
        event = {"model": kind, "config": dict(config), "epochs": epochs, "state": "running"}
        if cached:
            event["cached"] = True
        self._emit({"kind": _event_kind(model_id), "id": model_id, **event})

    def start_over(self, model_id: str, why: str) -> None:
        """Record that what a model left is of no use, and delete it: it is trained again from its first epoch."""
        if reports := self._reports.pop(model_id, None):
            reports.lines.close()
        try:
            for path in (
                self.files.reports,
                self.files.predictions,
                self.files.checkpoint,
                self.files.weights,
            ):
                path(model_id).unlink(missing_ok=True)
        except OSError as error:
            raise DiskError.of(error, self.files.model(model_id)) from error
        event = {"state": "interrupted", "message": f"{why}: it is trained again", "anew": True}
        self._emit({"kind": _event_kind(model_id), "id": model_id, **event}, durable=True)

    def model_state(
        self, model_id: str, state: str, message: str = "", *, failure: bool = False, weights: str = ""
    ) -> None:
        """Record how one model ended, or that it was interrupted; see `ModelEnd`."""
        self.model_ends([ModelEnd(model_id, state, message, weights, failure)])

    def model_ends(self, ends: Sequence[ModelEnd]) -> None:
        """Record how models ended, and wait for the disk once for all of them."""
        events: list[dict[str, Any]] = []
        folders = []
        for end in ends:
            event: dict[str, Any] = {"kind": _event_kind(end.id), "id": end.id, "state": end.state}
            if end.message:
                event["message"] = end.message
            if end.failure:
                event["failure"] = True
            if end.weights:
                event["weights"] = end.weights
            if reports := self._reports.pop(end.id, None):
                reports.lines.close(durable=end.state != "done")
            if end.state == "done":
                if answers := self._answers.pop(end.id, ""):
                    event["predictions"] = answers
                folders.append(self.files.model(end.id))
            events.append(event)
        if folders:
            sync_folders(*folders)
            sync(self.files.root)
        for number, event in enumerate(events, start=1):
            self._emit(event, durable=number == len(events))

    def report(self, model_id: str, report: Report, references: References) -> dict[str, float]:
        """Record one epoch's report and return its measures; a report is not written twice.

        The full report goes first, so that an event never refers to a missing report. A machine that loses its power
        may lose the report and keep the event: then only the report is written.
        """
        record = self._record
        values = (
            all_measures(report, references, ())
            if record is None
            else recorded_values(record, report, references)
        )
        reports = self._reports.get(model_id)
        if reports is None:
            reports = self._reports[model_id] = _ReportFile(self.files.reports(model_id))
        if report.predictions is not None:
            content = answers_file(report.predictions, report.epoch)
            write_bytes(self.files.predictions(model_id), content)
            self._answers[model_id] = digest_of(content)
        reports.append(replace(report, predictions=None))
        model = self.state.model(model_id)
        if model is not None and report.epoch <= model.epoch:
            return values
        event = {
            "kind": "report",
            "id": model_id,
            "epoch": report.epoch,
            "seconds": report.seconds,
            "values": values,
        }
        if record is not None and report.training:
            objectives = [objective_of(record, name) for name in record.objectives]
            if (found := training_values(report, objectives)) is not None:
                event["seen"], event["overfit"] = found
        self._emit(event)
        return values

    def values(self, model_id: str, values: Mapping[str, float]) -> None:
        """Record measures of a model that no report of its own gives, once: its class bias against another model."""
        model = self.state.model(model_id)
        if model is not None and not set(values) <= set(model.values):
            self._emit({"kind": "values", "id": model_id, "values": dict(values)})

    def place(self, model_id: str, machine: str, gpu: str) -> None:
        """Record the GPU on which a model is trained."""
        self._emit({"kind": "place", "id": model_id, "machine": machine, "gpu": gpu})

    def front(self, done: int, hypervolume: float, by: str | None = None) -> None:
        """Record the hypervolume after `done` trials, the last of which was `by`, where one alone was added."""
        event = {"kind": "front", "done": done, "hypervolume": hypervolume}
        self._emit(event if by is None else {**event, "by": by})

    def time_away(self, seconds: float) -> None:
        """Record that the wall clock went on by so many seconds without work: a sleep, or a step (also backwards)."""
        self._emit({"kind": "away", "seconds": round(seconds, 1)})

    def close(self) -> None:
        """Close the files."""
        self._events.close()
        for reports in self._reports.values():
            reports.lines.close()

    def _emit(self, event: dict[str, Any], *, durable: bool = False) -> None:
        stamped = {"t": round(time.time(), 3), **event}
        self._events.append(stamped, durable=durable)
        self.state.apply(stamped)


class _ReportFile:
    """The reports of one model, open for appending; what an earlier driver wrote is not written again."""

    def __init__(self, path: Path) -> None:
        self.last = max((int(record.get("epoch", 0)) for record in read_backwards(path)), default=0)
        self.lines = LineWriter(path)

    def append(self, report: Report) -> None:
        if report.epoch > self.last:
            self.lines.append(report.to_dict())
            self.last = report.epoch


def _event_kind(model_id: str) -> str:
    return "trial" if is_trial(model_id) else "baseline"
