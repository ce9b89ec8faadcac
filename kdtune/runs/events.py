"""Folds a run's growing file of events into the run's state: a hundred thousand reports per second.

Only the measures of a model's last report matter; earlier reports only add to its totals. Therefore one pattern splits
a line in the writer's own format, and the measures are parsed only once it is clear that they matter. A line in any
other format is parsed as JSON. The result is the same as that of `fold` for every event.
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
"""The format in which `RunWriter` writes a report; any other line is parsed as JSON."""


class StateReader:
    """Follows a growing events file and keeps the run's state up to date.

    Attributes:
        tail: the position reached in the file.
        state: the fold of all events read so far.
    """

    def __init__(self, path: Path) -> None:
        self.tail = Tail(path)
        self.state = RunState()

    def update(self) -> RunState:
        """Apply the events added since the last call, and return the state."""
        while True:
            before = self.tail.offset
            lines = self.tail.lines(max_bytes=_BLOCK)
            self._apply(lines)
            self.state.damaged = self.tail.skipped
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
        """Parse the measures of each model's last report, and empty `pending`."""
        for name, values in pending.items():
            model = self.state.model(name.decode())
            assert model is not None
            model.values = {
                key: float("nan") if value is None else float(value)
                for key, value in json.loads(values).items()
            }
        pending.clear()


def read_state(path: Path) -> RunState:
    """Return the state that an events file now describes."""
    return StateReader(path).update()
