"""A sweep whose workers are simulated: what its driver holds, and what workers report."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kdtune.distill.checkpoint import write_checkpoint
from kdtune.fairness import count
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, Report
from kdtune.runs.writer import RunWriter
from kdtune.sweep.trials.proposal import Proposal
from kdtune.sweep.trials.trial_manager import TrialManager

PAIR = "mlp-16->linear"


def report(epoch: int, right: int = 30, *, one_group: bool = False) -> Report:
    """Return a report of 40 examples, of which `right` are classified correctly."""
    labels = np.arange(40) % 2
    guesses = np.where(np.arange(40) < right, labels, 1 - labels)
    sex = np.zeros(40, int) if one_group else np.arange(40) // 2 % 2
    counts = {
        ALL: count(labels, guesses, n_classes=2),
        "sex": count(labels, guesses, sex, n_classes=2, n_groups=2),
        "age": count(labels, guesses, np.arange(40) // 4 % 2, n_classes=2, n_groups=2),
    }
    return Report(epoch, counts, 0.0, 0.1, 0.5, 0.5, 0.01)


def news(proposal: Proposal | None, *reports: Report, failed: str = "", **more: Any) -> dict[str, Any]:
    """Return a worker's result in which each of its students has these reports."""
    assert proposal is not None
    said = [r.to_dict() for r in reports]
    students = [{"number": n, "reports": said, "failed": failed} for n in proposal.numbers]
    return {"students": json.dumps(students), **more}


@dataclass
class Sweep:
    """A driver's life: its manager, and the switches that a test turns."""

    manager: TrialManager
    files: RunFiles
    writer: RunWriter
    study: Any
    asked_to_stop: list[bool]
    now: list[float]

    def state(self, number: int) -> str:
        return self.writer.state.trials[f"t{number:04d}"].state

    def told(self) -> list[str]:
        return [t.state.name for t in self.study.get_trials()]

    def train(self, proposal: Proposal | None, *, right: int = 30, learnt: int | None = None) -> None:
        """Report two epochs, in which so many answers are right: on validation, and on as many training examples."""
        assert proposal is not None
        for epoch in (1, 2):
            training = {} if learnt is None else report(epoch, learnt).counts
            self.manager.record(proposal, news(proposal, replace(report(epoch, right), training=training)))
        for student in proposal.students:
            content = {"model": {}, "job": student.job.to_dict(), "reports": [report(2, right).to_dict()]}
            write_checkpoint(student.checkpoint, content)
        self.manager.close(proposal, {}, lost=None)


HALVING = {"budget": {"trials": 6, "epochs": 4}, "early_stopping": {"method": "moasha"}}
