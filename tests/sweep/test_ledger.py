"""The sweep's books, with workers that are only played: every way a trial can end, and drivers that die."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdtune.fairness import count
from kdtune.runs.files import RunFiles
from kdtune.runs.jsonl import read_records
from kdtune.runs.measures import References
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.writer import RunWriter
from kdtune.sweep import ledger as ledger_module
from kdtune.sweep.ledger import Ledger, Proposal
from kdtune.sweep.study import open_study

PAIR = "mlp-16->linear"


def report(epoch: int, right: int = 30, *, one_group: bool = False) -> Report:
    """Return a report of 40 examples, of which `right` are classified rightly."""
    labels = np.arange(40) % 2
    guesses = np.where(np.arange(40) < right, labels, 1 - labels)
    sex = np.zeros(40, int) if one_group else np.arange(40) // 2 % 2
    counts = {
        ALL: count(labels, guesses, n_classes=2),
        "sex": count(labels, guesses, sex, n_classes=2, n_groups=2),
        "age": count(labels, guesses, np.arange(40) // 4 % 2, n_classes=2, n_groups=2),
    }
    return Report(epoch, counts, 0.0, 0.1, 0.5, 0.5, 0.01)


def result(*reports: Report, **more: Any) -> dict[str, Any]:
    return {"reports": json.dumps([r.to_dict() for r in reports]), **more}


@dataclass
class Sweep:
    """A driver's life: its ledger, and the switches that a test turns."""

    ledger: Ledger
    files: RunFiles
    writer: RunWriter
    study: Any
    asked_to_stop: list[bool]
    now: list[float]

    def state(self, number: int) -> str:
        return self.writer.state.trials[f"t{number:04d}"].state

    def told(self) -> list[str]:
        return [t.state.name for t in self.study.get_trials()]

    def train(self, proposal: Proposal | None, *, right: int = 30) -> None:
        assert proposal is not None
        self.ledger.take(proposal.number, result(report(1, right)))
        self.ledger.take(proposal.number, result(report(2, right)))
        self.ledger.close_trial(proposal.number, result(report(2, right)), lost=False)


@pytest.fixture
def begin(plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sweep]]:
    """Yield a function that starts a driver on one run directory; called again, it is the next driver."""
    now = [1000.0]
    writers: list[RunWriter] = []
    monkeypatch.setattr(ledger_module.time, "time", lambda: now[0])

    def start(deadline: float | None = None, **changes: Any) -> Sweep:
        plan = plan_of(**changes)
        files = RunFiles(tmp_path)
        writer = RunWriter(files)
        writers.append(writer)
        writer.record(
            RunRecord(
                "r", "sweep", 0.0, {}, plan.dataset.classes, plan.dataset.attributes,
                tuple(o.name for o in plan.objectives), plan.constraints, (PAIR,), 2, 6, None, 0, {}, {}, {},
            )
        )  # fmt: skip
        study = open_study(files.journal, plan.objectives)
        asked = [False]
        references = {PAIR: References(report(1).counts[ALL], report(1).counts[ALL])}
        books = Ledger(plan, files, writer, study, references, stopping=lambda: asked[0], deadline=deadline)
        return Sweep(books, files, writer, study, asked, now)

    yield start
    for writer in writers:
        writer.close()


def test_a_trial_that_is_trained_to_the_end_is_done(begin: Any) -> None:
    sweep = begin()
    sweep.train(sweep.ledger.next_trial())
    assert sweep.state(0) == "done"
    assert sweep.told() == ["COMPLETE"]
    [trial] = sweep.study.get_trials()
    values = sweep.writer.state.trials["t0000"].values
    assert trial.values == [values["accuracy"], values["eod"]]
    assert [n for n, _ in sweep.writer.state.hypervolume] == [1]


def test_a_proposal_is_what_a_worker_needs(begin: Any) -> None:
    from kdtune.distill.config import Job

    sweep = begin()
    proposal = sweep.ledger.next_trial()
    config = json.loads(json.dumps(proposal.to_config()))
    assert Job.from_dict(json.loads(config["job"])) == proposal.job
    assert Path(config["checkpoint"]).is_absolute()
    assert config["number"] == 0
    shown = sweep.writer.state.trials["t0000"].config
    assert shown["temperature"] == proposal.job.distillation.temperature
    assert shown["pair"] == PAIR


def test_the_budget_counts_every_trial_that_was_begun(begin: Any) -> None:
    sweep = begin(budget={"trials": 3, "epochs": 2})
    proposals = [sweep.ledger.next_trial() for _ in range(5)]
    assert [p.number if p else None for p in proposals] == [0, 1, 2, None, None]


def test_without_a_number_of_trials_time_is_the_budget(begin: Any) -> None:
    sweep = begin(budget={"trials": None, "minutes": 5, "epochs": 2}, deadline=1010.0)
    first, second = sweep.ledger.next_trial(), sweep.ledger.next_trial()
    sweep.ledger.take(second.number, result(report(1)))
    sweep.now[0] = 1011.0
    assert sweep.ledger.should_stop()
    assert sweep.ledger.next_trial() is None
    sweep.train(first)
    sweep.ledger.close_trial(second.number, result(report(1)), lost=False)
    assert [sweep.state(0), sweep.state(1)] == ["done", "interrupted"]
    assert sweep.told() == ["COMPLETE", "RUNNING"]


def test_a_failure_keeps_its_reason_and_is_no_result(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.ledger.next_trial()
    sweep.ledger.take(proposal.number, result(report(1)))
    sweep.ledger.close_trial(proposal.number, {"done": True, "failed": "loss is nan"}, lost=False)
    assert sweep.state(0) == "failed"
    assert sweep.writer.state.trials["t0000"].message == "loss is nan"
    assert sweep.told() == ["FAIL"]


def test_a_failure_in_the_last_epoch_is_not_taken_for_done(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.ledger.next_trial()
    sweep.ledger.take(proposal.number, result(report(1), report(2)))
    sweep.ledger.close_trial(proposal.number, {"failed": "no disk"}, lost=False)
    assert sweep.told() == ["FAIL"]


def test_a_trial_that_the_scheduler_ends_is_stopped(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.ledger.next_trial()
    sweep.ledger.close_trial(proposal.number, result(report(1)), lost=False)
    assert sweep.state(0) == "stopped"
    assert sweep.told() == ["PRUNED"]
    assert sweep.writer.state.hypervolume == []


def test_a_trial_whose_worker_died_is_failed(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.ledger.next_trial()
    sweep.ledger.close_trial(proposal.number, None, lost=True)
    assert sweep.state(0) == "failed"
    assert "worker" in sweep.writer.state.trials["t0000"].message
    assert sweep.told() == ["FAIL"]


def test_a_trial_that_ends_undefined_is_done_but_no_result(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.ledger.next_trial()
    ended = result(report(1, one_group=True), report(2, one_group=True))
    sweep.ledger.close_trial(proposal.number, ended, lost=False)
    assert sweep.state(0) == "done"
    assert sweep.writer.state.trials["t0000"].message == "undefined: eod"
    assert math.isnan(sweep.writer.state.trials["t0000"].values["eod"])
    assert sweep.told() == ["FAIL"]
    assert sweep.writer.state.hypervolume == [(1, 0.0)]


def test_reports_that_come_twice_count_once(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.ledger.next_trial()
    for _ in range(3):
        sweep.ledger.take(proposal.number, result(report(1)))
    sweep.ledger.take(proposal.number, result(report(1), report(2)))
    sweep.ledger.close_trial(proposal.number, result(report(2)), lost=False)
    epochs = [record["epoch"] for record in read_records(sweep.files.reports("t0000"))]
    assert epochs == [1, 2]
    assert sweep.writer.state.trials["t0000"].seconds == pytest.approx(0.2)


def test_asked_to_stop_nothing_new_begins_and_what_is_at_work_is_interrupted(begin: Any) -> None:
    sweep = begin()
    first, second = sweep.ledger.next_trial(), sweep.ledger.next_trial()
    sweep.ledger.take(first.number, result(report(1)))
    sweep.asked_to_stop[0] = True
    assert sweep.ledger.next_trial() is None
    sweep.ledger.close_trial(first.number, result(report(1)), lost=False)
    sweep.ledger.interrupt_rest()
    assert [sweep.state(first.number), sweep.state(second.number)] == ["interrupted", "interrupted"]
    assert sweep.told() == ["RUNNING", "RUNNING"]


def test_the_next_driver_goes_on_with_what_was_interrupted(begin: Any) -> None:
    before = begin()
    jobs = [before.ledger.next_trial().job for _ in range(2)]
    before.ledger.take(0, result(report(1)))
    before.asked_to_stop[0] = True
    before.ledger.interrupt_rest()
    before.writer.close()
    after = begin()
    again = [after.ledger.next_trial() for _ in range(3)]
    assert [p.number for p in again] == [0, 1, 2]
    assert [p.job for p in again[:2]] == jobs
    assert after.writer.state.trials["t0000"].epoch == 1
    after.train(again[0])
    assert [r["epoch"] for r in read_records(after.files.reports("t0000"))] == [1, 2]


@pytest.mark.parametrize("state", ["done", "stopped", "failed"])
def test_killed_between_the_record_and_the_study(
    begin: Any, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """The end is recorded, the study does not know: the next driver tells it, and does not train again."""
    before = begin()
    proposal = before.ledger.next_trial()

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr(before.ledger, "_tell", die)
    last = {
        "done": result(report(1), report(2)), "stopped": result(report(1)), "failed": {"failed": "loss is nan"},
    }[state]  # fmt: skip
    with pytest.raises(Killed):
        before.ledger.close_trial(proposal.number, last, lost=False)
    before.writer.close()
    assert before.told() == ["RUNNING"]
    after = begin()
    assert after.told() == [{"done": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}[state]]
    assert after.state(0) == state
    assert after.ledger.next_trial().number == 1
    assert [n for n, _ in after.writer.state.hypervolume] == ([1] if state == "done" else [])


def test_killed_between_ask_and_record(begin: Any) -> None:
    """The study knows of a trial that the run does not: it is taken up under its number."""
    from kdtune.sweep.study import ask

    before = begin()
    ask(before.study, before.ledger._plan.space)
    before.writer.close()
    after = begin()
    assert after.ledger.next_trial().number == 0
    assert after.ledger.next_trial().number == 1


def test_infeasible_and_dominated_trials_do_not_raise_the_hypervolume(begin: Any) -> None:
    sweep = begin(constraints={"accuracy": ">= 0.6"})
    for right in (30, 20, 30):
        sweep.train(sweep.ledger.next_trial(), right=right)
    values = [hypervolume for _, hypervolume in sweep.writer.state.hypervolume]
    assert values[0] > 0
    assert values == [values[0]] * 3
    assert sweep.told() == ["COMPLETE"] * 3


def test_class_bias_is_taken_against_the_pair_s_own_models(begin: Any) -> None:
    sweep = begin(objectives=["accuracy", "class_bias_nds"])
    sweep.train(sweep.ledger.next_trial())
    assert sweep.writer.state.trials["t0000"].values["class_bias_nds"] == 0.0
    assert replace(report(1), epoch=2).counts[ALL] == report(1).counts[ALL]


HALVING = {"budget": {"trials": 6, "epochs": 4}, "early_stopping": {"method": "moasha"}}


def test_early_stopping_judges_each_trial_at_its_rung(begin: Any) -> None:
    sweep = begin(**HALVING)
    first, second, third = (sweep.ledger.next_trial().number for _ in range(3))
    sweep.ledger.take(first, result(report(1, 30), report(2, 30)))
    sweep.ledger.take(second, result(report(1, 25)))
    assert sweep.ledger.goes_on(second)
    sweep.ledger.take(second, result(report(2, 25)))
    sweep.ledger.take(third, result(report(1, 32), report(2, 32)))
    assert [sweep.ledger.goes_on(n) for n in (first, second, third)] == [True, False, True]
    sweep.ledger.close_trial(second, result(report(2, 25)), lost=False)
    assert sweep.state(second) == "stopped"
    assert sweep.told() == ["RUNNING", "PRUNED", "RUNNING"]


def test_the_next_driver_knows_the_rungs(begin: Any) -> None:
    """One that was found to lag behind when the driver died is not trained further; the rung's content is kept."""
    before = begin(**HALVING)
    numbers = [before.ledger.next_trial().number for _ in range(3)]
    before.ledger.take(numbers[0], result(report(1, 32), report(2, 32)))
    before.ledger.take(numbers[1], result(report(1, 25), report(2, 25)))
    before.ledger.take(numbers[2], result(report(1, 30)))
    before.writer.close()
    after = begin(**HALVING)
    assert after.state(numbers[1]) == "stopped"
    assert after.told() == ["RUNNING", "PRUNED", "RUNNING"]
    assert [after.ledger.next_trial().number for _ in range(2)] == [numbers[0], numbers[2]]
    after.ledger.take(numbers[2], result(report(2, 28)))
    assert after.ledger.goes_on(numbers[2])
    again = after.ledger.next_trial().number
    after.ledger.take(again, result(report(1, 27), report(2, 27)))
    assert not after.ledger.goes_on(again)


def test_accuracy_alone_judges_where_it_is_asked_to(begin: Any) -> None:
    sweep = begin(**{**HALVING, "early_stopping": {"method": "asha"}})
    numbers = [sweep.ledger.next_trial().number for _ in range(2)]
    # Equal accuracy, undefined EOD: nothing that ASHA looks at.
    for number in numbers:
        sweep.ledger.take(number, result(report(1), report(2, one_group=number == numbers[1])))
    assert sweep.ledger.goes_on(numbers[1])
