"""Folds the events in a run directory, as they grow, into the run's state: a hundred thousand reports in a second.

Of a model's reports only the last one's measures are of any interest; of those before it only what adds up. So a line
in the writer's own form is taken apart by one pattern, and its measures are parsed once it is clear that they count.
Whatever has another form goes the usual way: the result is that of `fold`, event by event.
"""

import json
import re
from pathlib import Path

from kdtune.runs.jsonl import Tail, parse
from kdtune.runs.state import RunState

_BLOCK = 1 << 24
_POSITIVE = rb"(?:0|[1-9]\d{0,17})(?:\.\d{1,25})?(?:[eE][+-]?\d{1,3})?"
_VALUE = rb'"[ !#-\[\]-~]*":(?:-?' + _POSITIVE + rb"|null)"
_REPORT = re.compile(
    rb'\{"t":(' + _POSITIVE + rb'),"kind":"report","id":"([\w.-]+)","epoch":(0|[1-9]\d{0,8}),'
    rb'"seconds":(' + _POSITIVE + rb'),"values":(\{(?:' + _VALUE + rb"(?:," + _VALUE + rb")*+)?+\})\}",
    re.ASCII,
)
"""The form in which `RunWriter` writes a report; whatever else is JSON is parsed as such."""


class StateReader:
    """Keeps the state that a growing events file leads to.

    Attributes:
        tail: where it has come to.
        state: the fold of all events read so far.
    """

    def __init__(self, path: Path) -> None:
        self.tail = Tail(path)
        self.state = RunState()

    def update(self) -> RunState:
        """Take in what was added since the last call, and return the state."""
        while True:
            before = self.tail.offset
            lines = self.tail.lines(max_bytes=_BLOCK)
            self._apply(lines)
            if self.tail.offset == before:
                return self.state

    def _apply(self, lines: list[bytes]) -> None:
        state = self.state
        pending: dict[bytes, bytes] = {}
        for line in lines:
            match = _REPORT.fullmatch(line)
            if match is None:
                self._set_values(pending)  # the event that follows may be about the same models
                record = parse(line)
                if record is None:
                    self.tail.skipped += 1
                else:
                    state.apply(record)
                continue
            time, name, epoch, seconds, values = match.groups()
            model = state.model(name.decode())
            if model is None:
                state.unknown += 1
                continue
            model.epoch = int(epoch)
            model.seconds += float(seconds)
            state.updated = float(time)
            pending[name] = values
        self._set_values(pending)

    def _set_values(self, pending: dict[bytes, bytes]) -> None:
        """Parse the measures of each model's last report, and forget that they were to be parsed."""
        for name, values in pending.items():
            model = self.state.model(name.decode())
            assert model is not None
            model.values = {
                key: float("nan") if value is None else float(value)
                for key, value in json.loads(values).items()
            }
        pending.clear()


def read_state(path: Path) -> RunState:
    """Return the state that an events file leads to now."""
    return StateReader(path).update()
