"""What a source of events is: a run that grows, a run played again, a made-up one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kdtune.runs.jsonl import Record
from kdtune.runs.records import Report, RunRecord


@dataclass(frozen=True)
class Health:
    """What the run directory says about its driver.

    Attributes:
        lost: the driver has given no sign of life for too long.
        gone: the run directory no longer exists.
        stopping: a stop was requested and has not happened yet.
        host: the machine that the driver is or was on; empty if it is not known.
        error: why the events can't be read, empty if they can.
    """

    lost: bool = False
    gone: bool = False
    stopping: bool = False
    host: str = ""
    error: str = ""


@dataclass(frozen=True)
class Batch:
    """The events since the last batch; with `reset`, everything known before them is void."""

    events: Sequence[Record]
    reset: bool = False


class Source(Protocol):
    """Gives events as they come.

    Attributes:
        record: what the run was asked for.
        loading: the share of the existing events that has been read, None once all of them have.
        skipped: number of lines that were not JSON.
        paused: whether `drain` holds events back; nothing is lost, and nothing piles up in memory.
    """

    record: RunRecord
    loading: float | None
    skipped: int
    paused: bool

    @property
    def health(self) -> Health:
        """What is known about the driver."""
        ...

    @property
    def held(self) -> int:
        """Number of events that wait for the end of a pause."""
        ...

    @property
    def waiting(self) -> int:
        """Number of batches that were read and not yet drained."""
        ...

    def start(self) -> None:
        """Begin to read."""
        ...

    def stop(self) -> None:
        """Stop reading, and wait until the threads have ended."""
        ...

    def drain(self) -> Batch | None:
        """Return the next events, None if there are none now."""
        ...

    def now(self) -> float:
        """Return the time of the latest events, seconds since 1970."""
        ...

    def reports(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return a model's full reports, None if they equal `have`; it is called in a thread."""
        ...

    def report(self, model_id: str, epoch: int) -> Report | None:
        """Return a model's full report of an epoch, None if there is none; it is called in a thread."""
        ...

    def log(self) -> Sequence[str] | None:
        """Return the driver's log, None if nothing was added since the last call."""
        ...
