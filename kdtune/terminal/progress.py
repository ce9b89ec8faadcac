"""A sweep's progress in the terminal: redrawn in place, or as plain lines without a terminal."""

import time
from types import TracebackType
from typing import Self, TextIO

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kdtune.output import narrate, narration
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState, RunState
from kdtune.runs.time_left import seconds_left
from kdtune.text import duration, number, plain

_PLAIN_SECONDS = 10.0
"""Without a terminal, there is at most one line of progress in this time."""


class Progress:
    """Shows what a run's driver is doing, on standard error.

    Args:
        plain: as lines, not as a picture that is redrawn.
        out: where to draw the picture instead.
    """

    def __init__(self, files: RunFiles, *, plain: bool, out: TextIO | None = None) -> None:
        self._files = files
        self._record: RunRecord | None = None
        self._written = 0
        self._console = Console(file=out or narration(), highlight=False, markup=False, emoji=False)
        self._live = None if plain else Live(console=self._console, refresh_per_second=4, transient=True)
        self._said: set[str] = set()
        self._last = 0.0

    def __enter__(self) -> Self:
        if self._live is None:
            self._say(f"run {self._files.root}")
        else:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, state: RunState) -> None:
        """Show a state."""
        self.read_record()
        if self._live is not None:
            self._live.update(self._picture(state))
        else:
            self._lines(state)

    def read_record(self) -> None:
        """Read the run's record once it is there, and again where a driver that resumes the run has another budget."""
        try:
            written = self._files.record.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if written != self._written:
            self._record = RunRecord.read(self._files.record)
            self._written = written

    def _lines(self, state: RunState) -> None:
        if self._record is not None:
            self._once(f"data {_data(self._record)}")
            for note in self._record.data_notes:
                self._once(f"data: {note}")
        if state.state in ("preparing", "running") and state.message:
            self._once(f"{state.state}: {state.message}")
        for model in state.baselines.values():
            if model.state == "done":
                self._once(
                    f"{model.id} {'from cache' if model.cached else duration(model.seconds)}: {_values(model)}"
                )
            elif model.epoch and time.monotonic() - self._last > _PLAIN_SECONDS:
                self._say(f"{model.id} epoch {model.epoch}/{model.epochs}: {_values(model)}")
        if state.trials and self._record is not None:
            ended = sum(t.state != "running" for t in state.trials.values())
            if time.monotonic() - self._last > _PLAIN_SECONDS or ended == self._record.trials:
                self._once(_trials(state, self._record))

    def _once(self, line: str) -> None:
        if line not in self._said:
            self._say(line)

    def _say(self, line: str) -> None:
        self._said.add(line)
        self._last = time.monotonic()
        narrate(plain(line))

    def _picture(self, state: RunState) -> Group:
        rows: list[tuple[str, str | Text]] = [("run", plain(self._files.root))]
        if self._record is not None:
            rows.append(("data", plain(_data(self._record))))
            rows += [("", note) for note in self._record.data_notes]
        steps = state.preparation(time.time()) if state.state == "preparing" else []
        for k, (what, took) in enumerate(steps, 1):
            at_work = k == len(steps)
            said = Text(plain(what), style="" if at_work else "dim")
            rows.append((f"{'…' if at_work else '✓'} {duration(took)}", said))
        for model in state.baselines.values():
            done = "cached" if model.cached else f"{model.epoch}/{model.epochs}"
            mark = {"done": "✓", "failed": "✗"}.get(model.state, "…")
            rows.append((f"{mark} {plain(model.id)}", f"{done:>7}  {_values(model)}"))
        picture = Table.grid(padding=(0, 2))
        # A long path gives way, not the clock.
        picture.add_column(style="bold", no_wrap=True, min_width=max(cell_len(name) for name, _ in rows))
        picture.add_column(overflow="ellipsis", no_wrap=True)
        for row in rows:
            picture.add_row(*row)
        if not state.trials or self._record is None:
            return Group(picture)
        share = _share(state, self._record)
        bar = ProgressBar(total=1.0, completed=share, width=30)
        return Group(picture, bar, Text(_trials(state, self._record)))


def _data(record: RunRecord) -> str:
    sizes = record.dataset["splits"]
    groups = "; ".join(f"{name}: {', '.join(names)}" for name, names in record.attributes.items())
    return (
        f"{record.dataset['name']}: {sizes['train']['n']:,} train, {sizes['validation']['n']:,} validation, "
        f"{len(record.classes)} classes{'; ' + groups if groups else ''}"
    )


def _values(model: ModelState) -> str:
    shown = [name for name in ("accuracy", "worst_class_accuracy", "eod", "dpd") if name in model.values]
    return "  ".join(f"{name} {number(model.values[name])}" for name in shown)


def _share(state: RunState, record: RunRecord) -> float:
    if not record.trials:
        return 0.0
    return min(1.0, state.epochs_settled / (record.trials * record.epochs))


def _trials(state: RunState, record: RunRecord) -> str:
    tally = dict.fromkeys(("done", "running", "stopped", "failed", "interrupted"), 0)
    for trial in state.trials.values():
        tally[trial.state] += 1
    parts = [f"{tally['done']}{f'/{record.trials}' if record.trials else ''} done"]
    parts += [f"{tally[name]} {name}" for name in ("running", "stopped", "failed")]
    if tally["interrupted"]:
        parts.append(f"{tally['interrupted']} interrupted")
    hypervolume = f"; hypervolume {state.hypervolume[-1][1]:.4f}" if state.hypervolume else ""
    left = seconds_left(state, record, time.time())
    return f"trials {', '.join(parts)}{hypervolume}{'' if left is None else f'; about {duration(left)} left'}"
