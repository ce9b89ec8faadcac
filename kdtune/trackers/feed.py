"""Hands a run's events to one tracker, each once, and keeps what the tracker raises away from everybody else."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kdtune.errors import KdtuneError, RunError
from kdtune.runs.jsonl import Record, Tail
from kdtune.runs.lock import driver_seems_alive
from kdtune.runs.paths import RunFiles, check_no_links
from kdtune.runs.reader import Run
from kdtune.runs.records import FINAL, RunRecord
from kdtune.runs.state import RunState
from kdtune.text import counted, plain
from kdtune.trackers import TRACKERS
from kdtune.trackers.making import make_tracker
from kdtune.trackers.memory import Memory
from kdtune.trackers.tracker import Tracker, metric_names

_BLOCK = 1 << 20
"""Bytes of events that are logged before the memory of it is saved."""


class TrackerError(KdtuneError):
    """A tracker's library raised something: the message names the tracker, and what it said."""


class Feed:
    """Brings one tracker up to date with a run.

    Use `opened`, which lets one process at a time log a run to a tracker.

    Attributes:
        memory: how far the tracker has come.
    """

    def __init__(self, run: Run, name: str, memory: Memory) -> None:
        self.name = name
        self.memory = memory
        self._run = run
        self._tail = Tail(run.files.events)
        self._state = RunState()
        self._seen = 0
        with self._reported():
            self._tracker: Tracker = make_tracker(name, run.files, run.record, memory)
            where = self._tracker.where
        if memory.where and memory.where != where:
            if memory.reports:
                raise RunError(
                    f"{name}: {run.name} was logged to {memory.where}, and what you now name is {where}: --again logs "
                    "all of it there"
                )
            memory.start_over()  # the tracker refused, so nothing is there
        memory.where = where

    def update(self) -> int:
        """Log the events added since the last time, and return their number.

        Raises:
            TrackerError: the tracker refused; what came before is logged and remembered.
        """
        logged = 0
        while records := self._tail.read(max_bytes=_BLOCK):
            for record in records:
                self._state.apply(record)
                self._seen += 1
                if self._seen > self.memory.events:
                    with self._reported():
                        self._pass_on(record)
                    self.memory.events = self._seen
                    logged += 1
            if logged:
                self.memory.save()
        return logged

    @property
    def ended(self) -> bool:
        """Whether nothing more comes: the run has ended, or its driver is gone."""
        return self._state.state in FINAL or not driver_seems_alive(self._run.files)

    def close(self) -> None:
        """Close the tracker, and remember what it logged.

        Raises:
            TrackerError: the tracker refused.
        """
        try:
            with self._reported():
                self._tracker.close()
        finally:
            self.memory.save()

    def _pass_on(self, record: Record) -> None:
        time = float(record.get("t", 0.0))
        match record.get("kind"):
            case "report":
                model = self._state.model(str(record.get("id")))
                if model is not None:
                    seconds = {"seconds": float(record.get("seconds") or 0.0)}
                    self._tracker.log(model, metric_names({**model.values, **seconds}), time)
                    self.memory.reports += 1
            case "baseline" | "trial":
                model = self._state.model(str(record.get("id")))
                if model is not None and model.ended is not None:
                    self._tracker.end(model, time)
            case "front":
                done, size = self._state.hypervolume[-1]
                self._tracker.log_sweep(done, metric_names({"hypervolume": size}), time)
            case "run" if self._state.state in FINAL:
                front = tuple(model.id for model in self._run.front_states(self._state))
                self._tracker.end_sweep(self._state.state, front, time)

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        """Turn what a tracker's library raises into one line, and remember it."""
        try:
            yield
        except KdtuneError:
            raise
        except (
            Exception,
            SystemExit,
        ) as error:  # libraries of this kind raise anything, and one of them exits
            self.memory.error = self.memory.error or _one_line(error)
            with contextlib.suppress(KdtuneError):
                self.memory.save()
            raise TrackerError(f"{self.name}: {self.memory.error}") from error


@contextlib.contextmanager
def opened(files: RunFiles, name: str, *, again: bool = False) -> Iterator[Feed]:
    """Open a run's feed to a tracker, and close it at the end.

    Args:
        again: log everything anew, beside what was logged before.

    Raises:
        RunError: another process logs this run to this tracker now, or it was logged elsewhere before.
        InputError: the tracker's library is not installed.
        TrackerError: the tracker refused.
    """
    check_no_links(files)
    path = _lock_of(files, name)
    path.parent.mkdir(exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(f"{name}: another process logs {files.name} now; it goes on to the end") from None
    try:
        memory = Memory.of(files, name)
        if again:
            memory.forget()
        memory.error = ""
        feed = Feed(Run(files), name, memory)
        try:
            yield feed
        except BaseException:
            with contextlib.suppress(KdtuneError):  # what ended it says more
                feed.close()
            raise
        feed.close()
    finally:
        lock.release()


def _lock_of(files: RunFiles, name: str) -> Path:
    return files.tracker(name).with_suffix(".lock")


def _is_at_work(files: RunFiles, name: str) -> bool:
    """Tell whether a process logs a run to a tracker now."""
    path = _lock_of(files, name)
    with contextlib.suppress(OSError):  # the run can only be read
        if path.exists():
            try:
                FileLock(path).acquire(timeout=0).lock.release()
            except Timeout:
                return True
    return False


def log_run(files: RunFiles, name: str, *, again: bool = False) -> str:
    """Log what a run has recorded until now, and return what was done, in one line.

    Raises:
        RunError, InputError, TrackerError: see `opened`.
    """
    with opened(files, name, again=again) as feed:
        before = feed.memory.reports
        new = feed.update()
        memory = feed.memory
    if not new and not again:
        return (
            f"{name}: nothing new: all {memory.reports} reports of {files.name} are in {memory.where} already "
            "(--again logs them a second time)"
        )
    what = counted(memory.reports - before, "report")
    return f"{name}: logged {what} of {files.name} to {memory.where}"


def lines_about(files: RunFiles) -> list[str]:
    """Return a line on each tracker that a run was asked to log to: where it did, or why not."""
    try:
        names = list(RunRecord.read(files.record).space.get("log") or ())
    except RunError:
        return []
    return [_line_about(files, name) for name in names if name in TRACKERS]


def _line_about(files: RunFiles, name: str) -> str:
    remedy = f"what is missing: kdtune log {files.argument} --to {name}"
    if _is_at_work(files, name):
        return f"{name}: not done yet; its process goes on to the end"
    try:
        memory = Memory.of(files, name)
    except KdtuneError as error:
        return f"{name}: {error}"
    if memory.error:
        return f"{name}: not everything was logged: {memory.error}; {remedy}"
    if not memory.events:
        return f"{name}: nothing was logged; {files.log} may say why; {remedy}"
    return f"{name}: logged {counted(memory.reports, 'report')} to {memory.where}"


def _one_line(error: BaseException) -> str:
    words: Any = " ".join(str(error).split())
    return plain(f"{type(error).__name__}: {words[:300]}")
