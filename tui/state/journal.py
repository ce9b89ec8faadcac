"""What happened in a run, in words, and for how long its drivers have worked on it."""

from dataclasses import dataclass

from kdtune.runs.jsonl import Record
from kdtune.runs.records import FINAL
from kdtune.runs.state import FIRST_STEP, ModelState, RunState
from kdtune.text import duration, plain


@dataclass(frozen=True)
class Entry:
    """One thing that happened.

    Attributes:
        time: seconds since 1970.
        style: the style in which it is shown.
        model: the trial or baseline that it is about, if there is one.
    """

    time: float
    text: str
    style: str = "text"
    model: str | None = None


class Journal:
    """Folds all events but reports.

    Attributes:
        entries: what happened, the latest last.
        began: when the current or last driver began.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.began: float | None = None
        self._ran = 0.0
        self._volume = 0.0
        self._latest = ""

    def apply(self, event: Record, state: RunState, before: str, updated: float | None) -> None:
        """Note one event.

        Args:
            state: the run's state, with the event.
            before, updated: the name of the state, and the time of the last event, before it.
        """
        kind = event.get("kind")
        if kind == "run":
            self._run(float(event["t"]), state, before, updated)
        elif kind in ("trial", "baseline"):
            model = state.model(event["id"])
            if model is not None:
                self._model(float(event["t"]), model, failure=bool(event.get("failure")))
        elif kind == "front":
            # Of a cohort all students are done before the first is on the front: the event says which one it is.
            self._front(float(event["t"]), float(event["hypervolume"]), str(event.get("by") or self._latest))
        elif kind == "away":
            self._away(float(event["t"]), float(event["seconds"]))

    def elapsed(self, state: RunState, until: float | None) -> float:
        """Return the seconds in which a driver worked: up to the last event, or `until` a later time."""
        if self.began is None or state.updated is None:
            return 0.0
        return self._ran + max(state.updated, until or state.updated) - self.began

    def _add(self, time: float, text: str, style: str = "text", model: str | None = None) -> None:
        self.entries.append(Entry(time, text, style, model))

    def _run(self, time: float, state: RunState, before: str, updated: float | None) -> None:
        message = plain(state.message)
        if self.began is None:
            self.began = time
            self._add(time, "started", "accent")
        elif state.state == "preparing" and (before != "preparing" or message.startswith(FIRST_STEP)):
            last = time if updated is None else updated
            if before not in FINAL:
                self._add(last, "the driver ended without a word", "bad")
            self._ran += last - self.began
            self.began = time
            self._add(time, f"resumed after {duration(time - last)}", "accent")
        if state.state == "preparing":
            return
        said = f": {message}" if message else ""
        style = {"finished": "good", "failed": "bad", "stopped": "warn"}.get(state.state, "text")
        if state.state == "running":
            self._add(time, f"trials began{said}")
        else:
            self._add(time, f"{state.state}{said}", style)

    def _model(self, time: float, model: ModelState, *, failure: bool) -> None:
        reason = f": {plain(model.message)}" if model.message else ""
        if model.state == "failed":
            self._add(time, f"{model.id} failed{reason}", "bad", model.id)
        elif failure:
            self._add(time, f"{model.id}: its worker failed, it is run again{reason}", "warn", model.id)
        if model.state != "done":
            return
        if model.kind == "student":
            self._latest = model.id
            return
        cached = " from the cache" if model.cached else ""
        took = "" if model.cached or model.ended is None else f" in {duration(model.ended - model.started)}"
        self._add(time, f"{model.id} done{cached}{took}", "text", model.id)

    def _away(self, time: float, seconds: float) -> None:
        if self.began is not None:
            self.began += seconds
        if seconds > 0:
            self._add(
                time, f"nothing ran for {duration(seconds)}: the machine slept, or its clock was set", "warn"
            )
        else:
            self._add(time, f"the machine's clock was set back by {duration(-seconds)}", "warn")

    def _front(self, time: float, volume: float, by: str) -> None:
        if volume > self._volume and by:
            gain = volume - self._volume
            what = "front begun by" if not self._volume else "front grew by"
            self._add(time, f"{what} {plain(by)} (hv +{gain:.2g})", "front", by)
        self._volume = max(self._volume, volume)
