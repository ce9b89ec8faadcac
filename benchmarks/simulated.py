"""A sweep without training: kdtune's own searcher, scheduler, manager, study and run directory, with simulated workers.

Only Ray's loop and torch are left out. Time is simulated for the workers and measured for the driver.
"""

import heapq
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.writer import RunWriter
from kdtune.sweep.clock import WorkClock
from kdtune.sweep.plan import Plan
from kdtune.sweep.run_record import record_of
from kdtune.sweep.trials.optuna_study import open_study
from kdtune.sweep.trials.proposal import Proposal, ProposedStudent
from kdtune.sweep.trials.trial_manager import TrialManager
from kdtune.sweep.tune.scheduler import AskingScheduler
from kdtune.sweep.tune.searcher import StudySearcher

Curve = Callable[[ProposedStudent], Sequence[dict[str, Any]]]
"""Returns a trial's reports as JSON, one per epoch; fewer than the epochs if training diverges."""


@dataclass
class Trace:
    """The state of a sweep each time that a trial ended.

    Attributes:
        epochs: number of epochs trained so far by all trials.
        seconds: simulated time of the workers so far.
        hypervolume: hypervolume of the front at that time.
        opened: seconds to resume from the run directory.
        decisions: seconds that the driver took for each proposal, report and end.
    """

    epochs: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    hypervolume: list[float] = field(default_factory=list)
    opened: float = 0.0
    decisions: dict[str, list[float]] = field(
        default_factory=lambda: {"propose": [], "report": [], "end": []}
    )

    def at(self, epochs: float) -> float:
        """Return the hypervolume of the front when this many epochs were trained."""
        return max(
            (h for e, h in zip(self.epochs, self.hypervolume, strict=True) if e <= epochs), default=0.0
        )


@contextmanager
def manager_of(plan: Plan, folder: Path) -> Iterator[tuple[TrialManager, RunWriter]]:
    """Yield the manager of a new run in a folder, and its writer."""
    files = RunFiles(folder)
    folder.mkdir(parents=True, exist_ok=True)
    writer = RunWriter(files)
    writer.record(record_of(plan, folder.name, "sweep"))
    manager = TrialManager(
        plan,
        files,
        writer,
        open_study(files.journal, plan.objectives),
        {pair.pair: References() for pair in plan.space.pairs},
        stopping=lambda: False,
        clock=WorkClock(),
    )
    try:
        yield manager, writer
    finally:
        writer.close()


def play(plan: Plan, curve: Curve, *, workers: int, folder: Path, epoch_seconds: float) -> Trace:
    """Simulate a whole sweep of students that are trained one by one, and return its trace."""
    trace = Trace()
    started = time.perf_counter()
    with manager_of(plan, folder) as (manager, writer):
        trace.opened = time.perf_counter() - started
        searcher = StudySearcher(manager, workers=lambda: workers, why_lost=lambda _: "")
        scheduler = AskingScheduler(searcher.goes_on)
        at_work: list[tuple[float, int, int, Sequence[dict[str, Any]]]] = []
        clock, trained = 0.0, 0

        def measured(kind: str, call: Callable[..., Any], *args: Any) -> Any:
            started = time.perf_counter()
            answer = call(*args)
            trace.decisions[kind].append(time.perf_counter() - started)
            return answer

        def begin() -> None:
            config = measured("propose", searcher.suggest, str(len(trace.decisions["propose"])))
            if isinstance(config, dict):
                [student] = Proposal.from_config(config).students
                carrier = len(trace.decisions["propose"]) - 1
                numbers[carrier] = student.number
                heapq.heappush(at_work, (clock + epoch_seconds, carrier, 0, curve(student)))

        numbers: dict[int, int] = {}
        for _ in range(workers):
            begin()
        while at_work:
            clock, carrier, epoch, reports = heapq.heappop(at_work)
            trained += 1
            diverged = epoch == len(reports)
            news = {
                "number": numbers[carrier],
                "reports": [] if diverged else [reports[epoch]],
                "failed": "diverged" if diverged else "",
            }
            result = {
                "students": json.dumps([news]),
                "done": diverged or epoch + 1 == plan.space.budget.epochs,
            }
            if not result["done"]:
                trial = SimpleNamespace(trial_id=str(carrier))
                if measured("report", scheduler.on_trial_result, None, trial, result) == "CONTINUE":
                    heapq.heappush(at_work, (clock + epoch_seconds, carrier, epoch + 1, reports))
                    continue
            measured("end", searcher.on_trial_complete, str(carrier), result)
            trace.epochs.append(trained)
            trace.seconds.append(clock)
            trace.hypervolume.append(writer.state.hypervolume[-1][1] if writer.state.hypervolume else 0.0)
            begin()
    return trace
