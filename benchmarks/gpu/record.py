"""The rows of a measurement: printed and saved one by one, so that what was measured is kept if the next one hangs."""

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HEAD = (
    f"{'what':24} {'precision':9} {'way':26} {'K':>3} {'ms/step':>9} {'students/h':>11} {'roofline':>9} "
    f"{'kernels':>8} {'MB':>7}"
)


@dataclass(frozen=True)
class Row:
    """One way of training one model.

    Attributes:
        ms: median milliseconds per step of all its students together; None for whole epochs.
        students_an_hour: trainings per hour, of the epochs and images that the head of the file names.
        of_roofline: the least time that the measured peaks of arithmetic and memory traffic allow, over `ms`.
        kernels: of the device, per step and student; None on a CPU.
        mb: peak memory beyond the data; None on a CPU.
    """

    what: str
    precision: str
    way: str
    students: int
    ms: float | None
    students_an_hour: float
    of_roofline: float | None = None
    kernels: float | None = None
    mb: float | None = None

    def __str__(self) -> str:
        of = "–" if self.of_roofline is None else f"{self.of_roofline:.1%}"
        ms = "–" if self.ms is None else f"{self.ms:.3f}"
        kernels, mb = ("–" if v is None else f"{v:,.1f}" for v in (self.kernels, self.mb))
        return (
            f"{self.what:24} {self.precision:9} {self.way:26} {self.students:3} {ms:>9} "
            f"{self.students_an_hour:11,.1f} {of:>9} {kernels:>8} {mb:>7}"
        )


@dataclass
class Record:
    """What was found so far; each addition is printed and saved at once.

    Attributes:
        path: file that is replaced at each addition; None to save nothing.
        facts: of the machine, and of the checks.
        left_out: what was not measured, and why.
    """

    path: Path | None
    deadline: float
    facts: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def say(self, words: str) -> None:
        """Print a line at once."""
        print(words, flush=True)

    def note(self, name: str, value: Any, words: str) -> None:
        """Keep a fact."""
        self.facts[name] = value
        self.say(words)
        self._save()

    def add(self, row: Row) -> None:
        """Keep a row."""
        self.rows.append(row)
        self.say(str(row))
        self._save()

    def leave_out(self, what: str, why: str) -> None:
        """Say what is not measured."""
        self.left_out[what] = why
        self.say(f"{what}: left out: {why}")
        self._save()

    def _save(self) -> None:
        if self.path is None:
            return
        content = {**self.facts, "rows": [asdict(row) for row in self.rows], "left_out": self.left_out}
        beside = self.path.with_name(self.path.name + ".part")
        beside.write_text(json.dumps(content, indent=1), encoding="utf-8")
        os.replace(beside, self.path)
