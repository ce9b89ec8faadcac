"""What the live run and the replay read beside the events: full reports, and the driver's log."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import numpy as np

from kdtune.errors import KdtuneError
from kdtune.files import open_regular
from kdtune.runs.jsonl import Tail
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import Run
from kdtune.runs.records import Report
from kdtune.text import plain, without_escapes

LOG_BYTES = 256 * 1024
LOG_LINES = 5_000


def one_report(files: RunFiles, model_id: str, epoch: int) -> Report | None:
    """Return a model's full report of an epoch, None if there is none or it can't be read."""
    try:
        return Run(files).report(model_id, epoch)
    except (KdtuneError, OSError):
        return None


class ReportTails:
    """Full reports of models; each file is read on from where reading stopped."""

    def __init__(self, files: RunFiles) -> None:
        self.files = files
        self._tails: dict[str, Tail] = {}

    def read(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return `have` and the reports added since, None if there are none."""
        tail = self._tails.get(model_id)
        if tail is None or not have:
            tail = self._tails[model_id] = Tail(self.files.reports(model_id))
        try:
            records = tail.read()
        except OSError:
            return None
        if not records:
            return None
        found = list(have)
        for record in records:
            try:
                report = Report.from_dict(record)
            except KdtuneError:
                continue
            # A resumed trial may report an epoch again; the later report counts.
            while found and found[-1].epoch >= report.epoch:
                found.pop()
            found.append(replace(report, disagreement=Cells(report.disagreement)))
        return found


class Cells(Sequence[tuple[int, int, int]]):
    """A report's disagreements in 12 bytes each; as tuples, those of a few hundred reports would fill the memory."""

    def __init__(self, cells: Sequence[tuple[int, int, int]]) -> None:
        self.table = np.array(cells, np.int32).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> tuple[int, int, int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, int, int]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, int, int] | list[tuple[int, int, int]]:
        if isinstance(index, slice):
            return [(t, s, n) for t, s, n in self.table[index].tolist()]
        teacher, student, count = self.table[index].tolist()
        return teacher, student, count


class LogTail:
    """The end of the driver's log, as lines without control sequences."""

    def __init__(self, files: RunFiles) -> None:
        self.path = files.log
        self.offset: int | None = None
        self.rest = b""
        self.lines: deque[str] = deque(maxlen=LOG_LINES)

    def read(self) -> Sequence[str] | None:
        """Return the last lines, None if nothing was added since the last call."""
        try:
            size = self.path.stat().st_size
            if self.offset is None:
                self.offset = max(0, size - LOG_BYTES)
            if size == self.offset:
                return None
            if size < self.offset:
                self.offset, self.rest = 0, b""
                self.lines.clear()
            with open_regular(self.path) as file:
                file.seek(self.offset)
                block = file.read(LOG_BYTES)
        except OSError:
            return None
        self.offset += len(block)
        *whole, self.rest = (self.rest + block).split(b"\n")
        self.lines.extend(_shown(line) for line in whole)
        return list(self.lines)


def _shown(line: bytes) -> str:
    """Return a line of a log as a screen can show it: of a progress bar that overwrites itself, its last state."""
    text = line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
    return plain(without_escapes(text).expandtabs())
