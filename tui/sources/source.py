"""What a source of events is: a run that grows, a run played again, a made-up one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kdtune.runs.jsonl import Record
from kdtune.runs.records import Report, RunRecord


@dataclass(frozen=True)
class Health:
    """What the run directory says of its driver.

    Attributes:
        lost: no sign of life for too long.
        gone: the run directory is not there any more.
        stopping: a stop was requested and not yet obeyed.
        error: why the events can't be read, empty where they can.
    """

    lost: bool = False
    gone: bool = False
    stopping: bool = False
    error: str = ""


@dataclass(frozen=True)
class Batch:
    """Events since the last one; with `reset` everything known before is void."""

    events: Sequence[Record]
    reset: bool = False


class Source(Protocol):
    """Gives events as they come.

    Attributes:
        record: what the run was asked for.
        loading: share of what lay there that has been read; None when all has.
        skipped: lines that were not JSON.
        paused: `drain` gives nothing for now. Nothing is lost, and nothing piles up in memory.
    """

    record: RunRecord
    loading: float | None
    skipped: int
    paused: bool

    @property
    def health(self) -> Health:
        """How the driver is."""
        ...

    @property
    def held(self) -> int:
        """How many events wait for the end of the pause."""
        ...

    @property
    def waiting(self) -> int:
        """How many batches were read and not yet taken."""
        ...

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End; threads are gone when it returns."""
        ...

    def drain(self) -> Batch | None:
        """Return the next events, None if there are none now."""
        ...

    def now(self) -> float:
        """Return the time of what is shown, seconds since 1970."""
        ...

    def reports(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return a model's full reports, None if they are the same as `have`; called in a thread."""
        ...

    def log(self) -> Sequence[str] | None:
        """Return the driver's log, None if nothing was added since the last call."""
        ...
