"""The trial manager with simulated workers: every way a trial can end, and drivers that die."""

import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdtune.distill.checkpoint import write_checkpoint
from kdtune.distill.execution.device_errors import OUT_OF_MEMORY
from kdtune.fairness import count
from kdtune.runs.jsonl import read_records
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.writer import RunWriter
from kdtune.sweep.clock import LONGEST_TICK, WorkClock
from kdtune.sweep.trials.optuna_study import open_study
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


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: here drivers die, and the machine does not."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def begin(plan_of: Any, tmp_path: Path) -> Iterator[Callable[..., Sweep]]:
    """Yield a function that starts a driver on one run directory; called again, it is the next driver."""
    now = [1000.0, 1e9]  # by the monotonic clock and by the wall clock
    writers: list[RunWriter] = []

    def start(cohort: int = 1, folder: str = "", **changes: Any) -> Sweep:
        fused = frozenset({"linear"}) if cohort > 1 else frozenset()
        plan = replace(plan_of(**changes), cohort=cohort, fused=fused)
        files = RunFiles(tmp_path / folder)
        writer = RunWriter(files)
        writers.append(writer)
        writer.record(
            RunRecord(
                "r", "sweep", 0.0, {"name": "d", "fingerprint": "f"}, plan.dataset.classes, plan.dataset.attributes,
                tuple(o.name for o in plan.objectives), plan.constraints, (PAIR,), 2, 6, None, 0, {}, {}, {},
            )
        )  # fmt: skip
        study = open_study(files.journal, plan.objectives)
        asked = [False]
        references = {PAIR: References(report(1).counts[ALL], report(1).counts[ALL])}
        clock = WorkClock(lambda: now[0], lambda: now[1])
        manager = TrialManager(plan, files, writer, study, references, stopping=lambda: asked[0], clock=clock)
        return Sweep(manager, files, writer, study, asked, now)

    yield start
    for writer in writers:
        writer.close()


def test_a_trial_that_is_trained_to_the_end_is_done(begin: Any) -> None:
    sweep = begin()
    sweep.train(sweep.manager.next_proposal())
    assert sweep.state(0) == "done"
    assert sweep.told() == ["COMPLETE"]
    [trial] = sweep.study.get_trials()
    values = sweep.writer.state.trials["t0000"].values
    assert trial.values == [values["accuracy"], values["eod"]]
    assert [n for n, _ in sweep.writer.state.hypervolume] == [1]


def test_steps_that_are_executed_eagerly_are_said_once_with_the_reason(begin: Any) -> None:
    sweep = begin()
    for _ in range(2):
        proposal = sweep.manager.next_proposal()
        assert sweep.manager.record(proposal, news(proposal, report(1), why_eager="torch.compile failed"))
    events = [event for event in read_records(sweep.files.events) if event["kind"] == "run"]
    assert [event["message"] for event in events] == ["steps are executed eagerly: torch.compile failed"]
    assert (sweep.writer.state.state, sweep.writer.state.message) == ("running", events[0]["message"])


def test_a_proposal_is_what_a_worker_needs(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.manager.next_proposal()
    config = json.loads(json.dumps(proposal.to_config()))
    assert Proposal.from_config(config) == proposal
    [student] = proposal.students
    assert student.checkpoint.is_absolute()
    assert student.number == 0
    shown = sweep.writer.state.trials["t0000"].config
    assert shown["temperature"] == student.job.distillation.temperature
    assert shown["pair"] == PAIR


def test_the_budget_counts_every_trial_that_was_begun(begin: Any) -> None:
    sweep = begin(budget={"trials": 3, "epochs": 2})
    proposals = [sweep.manager.next_proposal() for _ in range(5)]
    assert [p.numbers[0] if p else None for p in proposals] == [0, 1, 2, None, None]


MINUTES = {"trials": None, "minutes": 5, "epochs": 2}


def work(sweep: Sweep, seconds: int) -> None:
    """Let time pass; Tune asks each second whether to stop."""
    for _ in range(seconds):
        sweep.now[0] += 1
        sweep.now[1] += 1
        sweep.manager.should_stop()


def test_without_a_number_of_trials_time_is_the_budget(begin: Any) -> None:
    sweep = begin(budget=MINUTES)
    first, second = sweep.manager.next_proposal(), sweep.manager.next_proposal()
    sweep.manager.record(second, news(second, report(1)))
    work(sweep, 300)
    assert not sweep.manager.should_stop()
    work(sweep, 1)
    assert sweep.manager.should_stop()
    assert sweep.manager.next_proposal() is None
    sweep.train(first)
    sweep.manager.close(second, news(second, report(1)), lost=None)
    assert [sweep.state(0), sweep.state(1)] == ["done", "interrupted"]
    assert sweep.told() == ["COMPLETE", "RUNNING"]


@pytest.mark.parametrize(
    ("steady", "wall"), [(4000, 4000), (0, 30_000), (0, -7200)], ids=["stopped", "slept", "clock set back"]
)
def test_minutes_are_minutes_at_work(begin: Any, steady: int, wall: int) -> None:
    """A sleep costs none of them, and readers, who compare the times of events, are told of it."""
    sweep = begin(budget=MINUTES)
    sweep.writer.run_state("running")
    work(sweep, 100)
    before = sweep.writer.state.trials_started
    sweep.now[0] += steady
    sweep.now[1] += wall
    work(sweep, 190)
    assert not sweep.manager.should_stop()
    work(sweep, 11)
    assert sweep.manager.should_stop()
    [event] = [record for record in read_records(sweep.files.events) if record["kind"] == "away"]
    assert event["seconds"] == pytest.approx(wall, abs=LONGEST_TICK)
    assert sweep.writer.state.trials_started - before == pytest.approx(event["seconds"])


def test_a_failure_keeps_its_reason_and_is_no_result(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.manager.next_proposal()
    sweep.manager.record(proposal, news(proposal, report(1)))
    sweep.manager.close(proposal, {"done": True, "failed": "loss is nan"}, lost=None)
    assert sweep.state(0) == "failed"
    assert sweep.writer.state.trials["t0000"].message == "loss is nan"
    assert sweep.told() == ["FAIL"]


def test_a_failure_in_the_last_epoch_is_not_taken_for_done(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.manager.next_proposal()
    sweep.manager.record(proposal, news(proposal, report(1), report(2)))
    sweep.manager.close(proposal, {"failed": "no disk"}, lost=None)
    assert sweep.told() == ["FAIL"]


def test_a_trial_that_the_scheduler_ends_is_stopped(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.manager.next_proposal()
    sweep.manager.close(proposal, news(proposal, report(1)), lost=None)
    assert sweep.state(0) == "stopped"
    assert sweep.told() == ["PRUNED"]
    assert sweep.writer.state.hypervolume == []


def test_a_trial_whose_worker_dies_is_run_again_so_often_and_no_more(begin: Any) -> None:
    sweep = begin(resources={"max_failures": 2})
    proposal = sweep.manager.next_proposal()
    sweep.manager.record(proposal, news(proposal, report(1)))
    for failures in (1, 2):
        sweep.manager.close(proposal, None, lost="took too much memory")
        assert sweep.state(0) == "interrupted"
        assert sweep.writer.state.trials["t0000"].message == "took too much memory; it is run again"
        assert sweep.writer.state.trials["t0000"].failures == failures
        assert sweep.told() == ["RUNNING"]
        assert sweep.manager.next_proposal() == proposal
        assert sweep.state(0) == "running"
    sweep.manager.close(proposal, None, lost="took too much memory")
    assert sweep.state(0) == "failed"
    assert sweep.writer.state.trials["t0000"].message == "took too much memory (3 times)"
    assert sweep.told() == ["FAIL"]
    assert sweep.manager.next_proposal().numbers == (1,)


def test_failures_are_counted_over_a_resume(begin: Any) -> None:
    before = begin(resources={"max_failures": 1})
    before.manager.close(before.manager.next_proposal(), None, lost="died")
    before.writer.close()
    after = begin(resources={"max_failures": 1})
    after.manager.close(after.manager.next_proposal(), None, lost="died")
    assert after.state(0) == "failed"


def test_without_retries_the_first_death_is_the_end(begin: Any) -> None:
    sweep = begin(resources={"max_failures": 0})
    sweep.manager.close(sweep.manager.next_proposal(), None, lost="died")
    assert sweep.writer.state.trials["t0000"].message == "died"
    assert sweep.told() == ["FAIL"]


def test_a_worker_that_dies_while_the_sweep_stops_costs_its_trial_nothing(begin: Any) -> None:
    sweep = begin(resources={"max_failures": 0})
    proposal = sweep.manager.next_proposal()
    sweep.asked_to_stop[0] = True
    sweep.manager.close(proposal, None, lost="died")
    assert sweep.state(0) == "interrupted"
    assert sweep.writer.state.trials["t0000"].failures == 0


def test_a_cohort_whose_worker_dies_is_run_again_and_then_each_by_itself(begin: Any) -> None:
    sweep = begin(resources={"max_failures": 1}, cohort=3)
    cohort = sweep.manager.next_proposal()
    assert cohort.numbers == (0, 1, 2)
    one = {"students": json.dumps([{"number": 1, "reports": [], "failed": "loss is nan"}])}
    sweep.manager.record(cohort, one)
    sweep.manager.close(cohort, None, lost="died")
    assert sweep.manager.next_proposal() == cohort
    assert [sweep.state(number) for number in range(3)] == ["running", "failed", "running"]
    sweep.manager.close(cohort, None, lost="died")
    alone = [sweep.manager.next_proposal() for _ in range(2)]
    assert [proposal.numbers for proposal in alone] == [(0,), (2,)]
    sweep.manager.close(alone[0], None, lost="died")
    sweep.train(alone[1])
    assert [sweep.state(number) for number in range(3)] == ["failed", "failed", "done"]


def test_a_sweep_whose_first_trials_all_fail_gives_up_and_says_why(begin: Any) -> None:
    sweep = begin(resources={"give_up_after": 3})
    for _ in range(3):
        assert not sweep.manager.hopeless
        proposal = sweep.manager.next_proposal()
        sweep.manager.close(proposal, {"failed": "loss is nan"}, lost=None)
    assert sweep.manager.hopeless.startswith("the first 3 trials all failed")
    assert sweep.manager.hopeless.endswith("t0000: loss is nan")
    assert sweep.manager.should_stop()
    assert sweep.manager.next_proposal() is None


def test_one_success_keeps_the_sweep_going(begin: Any) -> None:
    sweep = begin(resources={"give_up_after": 3})
    sweep.train(sweep.manager.next_proposal())
    for _ in range(4):
        sweep.manager.close(sweep.manager.next_proposal(), {"failed": "loss is nan"}, lost=None)
    assert not sweep.manager.hopeless


def test_a_trial_that_ends_undefined_is_done_but_no_result(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.manager.next_proposal()
    ended = news(proposal, report(1, one_group=True), report(2, one_group=True))
    sweep.manager.close(proposal, ended, lost=None)
    assert sweep.state(0) == "done"
    assert sweep.writer.state.trials["t0000"].message == "undefined: eod"
    assert math.isnan(sweep.writer.state.trials["t0000"].values["eod"])
    assert sweep.told() == ["FAIL"]
    assert sweep.writer.state.hypervolume == [(1, 0.0)]


def test_reports_that_come_twice_count_once(begin: Any) -> None:
    sweep = begin()
    proposal = sweep.manager.next_proposal()
    for _ in range(3):
        sweep.manager.record(proposal, news(proposal, report(1)))
    sweep.manager.record(proposal, news(proposal, report(1), report(2)))
    sweep.manager.close(proposal, news(proposal, report(2)), lost=None)
    epochs = [record["epoch"] for record in read_records(sweep.files.reports("t0000"))]
    assert epochs == [1, 2]
    assert sweep.writer.state.trials["t0000"].seconds == pytest.approx(0.2)


def test_asked_to_stop_nothing_new_begins_and_what_is_at_work_is_interrupted(begin: Any) -> None:
    sweep = begin()
    first, _ = sweep.manager.next_proposal(), sweep.manager.next_proposal()
    sweep.manager.record(first, news(first, report(1)))
    sweep.asked_to_stop[0] = True
    assert sweep.manager.next_proposal() is None
    sweep.manager.close(first, news(first, report(1)), lost=None)
    sweep.manager.interrupt_rest()
    assert [sweep.state(0), sweep.state(1)] == ["interrupted", "interrupted"]
    assert sweep.told() == ["RUNNING", "RUNNING"]


def test_the_next_driver_goes_on_with_what_was_interrupted(begin: Any) -> None:
    before = begin()
    proposals = [before.manager.next_proposal() for _ in range(2)]
    before.manager.record(proposals[0], news(proposals[0], report(1)))
    before.asked_to_stop[0] = True
    before.manager.interrupt_rest()
    before.writer.close()
    after = begin()
    again = [after.manager.next_proposal() for _ in range(3)]
    assert [p.numbers[0] for p in again] == [0, 1, 2]
    assert again[:2] == proposals
    assert after.writer.state.trials["t0000"].epoch == 1
    after.train(again[0])
    assert [r["epoch"] for r in read_records(after.files.reports("t0000"))] == [1, 2]


@pytest.mark.parametrize("state", ["done", "stopped", "failed"])
def test_killed_between_the_record_and_the_study(
    begin: Any, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """The end is recorded, but the study does not know: the next driver tells it, and does not train again."""
    before = begin()
    proposal = before.manager.next_proposal()

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    student = proposal.students[0]
    write_checkpoint(
        student.checkpoint, {"model": {}, "job": student.job.to_dict(), "reports": [report(2).to_dict()]}
    )
    monkeypatch.setattr(before.manager, "_tell", die)
    last = {
        "done": news(proposal, report(1), report(2)), "stopped": news(proposal, report(1)),
        "failed": news(proposal, failed="loss is nan"),
    }[state]  # fmt: skip
    with pytest.raises(Killed):
        before.manager.close(proposal, last, lost=None)
    before.writer.close()
    assert before.told() == ["RUNNING"]
    after = begin()
    assert after.told() == [{"done": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}[state]]
    assert after.state(0) == state
    assert after.manager.next_proposal().numbers[0] == 1
    assert [n for n, _ in after.writer.state.hypervolume] == ([1] if state == "done" else [])


def test_killed_between_ask_and_record(begin: Any) -> None:
    """The study knows a trial that the run does not know: it is resumed under its number."""
    from kdtune.sweep.trials.optuna_study import ask

    before = begin()
    ask(before.study, before.manager._plan.space, 0)
    before.writer.close()
    after = begin()
    assert after.manager.next_proposal().numbers[0] == 0
    assert after.manager.next_proposal().numbers[0] == 1


def test_infeasible_and_dominated_trials_do_not_raise_the_hypervolume(begin: Any) -> None:
    sweep = begin(constraints={"accuracy": ">= 0.6"})
    for right in (30, 20, 30):
        sweep.train(sweep.manager.next_proposal(), right=right)
    values = [hypervolume for _, hypervolume in sweep.writer.state.hypervolume]
    assert values[0] > 0
    assert values == [values[0]] * 3
    assert sweep.told() == ["COMPLETE"] * 3


def test_class_bias_is_taken_against_the_pair_s_own_models(begin: Any) -> None:
    sweep = begin(objectives=["accuracy", "class_bias_nds"])
    sweep.train(sweep.manager.next_proposal())
    assert sweep.writer.state.trials["t0000"].values["class_bias_nds"] == 0.0
    assert replace(report(1), epoch=2).counts[ALL] == report(1).counts[ALL]


HALVING = {"budget": {"trials": 6, "epochs": 4}, "early_stopping": {"method": "moasha"}}


def test_early_stopping_judges_each_trial_at_its_rung(begin: Any) -> None:
    sweep = begin(**HALVING)
    first, second, third = (sweep.manager.next_proposal() for _ in range(3))
    assert sweep.manager.record(first, news(first, report(1, 30), report(2, 30)))
    assert sweep.manager.record(second, news(second, report(1, 25)))
    assert not sweep.manager.record(second, news(second, report(2, 25)))
    assert sweep.manager.record(third, news(third, report(1, 32), report(2, 32)))
    sweep.manager.close(second, news(second, report(2, 25)), lost=None)
    assert sweep.state(1) == "stopped"
    assert sweep.told() == ["RUNNING", "PRUNED", "RUNNING"]


def test_the_next_driver_knows_the_rungs(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that lagged behind when the driver died is not trained further; the rung's content is kept."""
    before = begin(**HALVING)
    proposals = [before.manager.next_proposal() for _ in range(3)]
    before.manager.record(proposals[0], news(proposals[0], report(1, 32), report(2, 32)))
    monkeypatch.setattr(before.manager, "_lags", lambda _: False)  # it died before it could say so
    before.manager.record(proposals[1], news(proposals[1], report(1, 25), report(2, 25)))
    before.manager.record(proposals[2], news(proposals[2], report(1, 30)))
    before.writer.close()
    after = begin(**HALVING)
    assert after.state(1) == "stopped"
    assert after.told() == ["RUNNING", "PRUNED", "RUNNING"]
    assert [after.manager.next_proposal().numbers[0] for _ in range(2)] == [0, 2]
    assert after.manager.record(proposals[2], news(proposals[2], report(2, 28)))
    again = after.manager.next_proposal()
    assert not after.manager.record(again, news(again, report(1, 27), report(2, 27)))


def test_accuracy_alone_judges_where_it_is_asked_to(begin: Any) -> None:
    sweep = begin(**{**HALVING, "early_stopping": {"method": "asha"}})
    # Equal accuracy, undefined EOD: ASHA ignores the latter.
    for one_group in (False, True):
        proposal = sweep.manager.next_proposal()
        assert sweep.manager.record(proposal, news(proposal, report(1), report(2, one_group=one_group)))


def only(proposal: Proposal, number: int, *reports: Report, failed: str = "") -> dict[str, Any]:
    """Return a worker's result about one student of a cohort."""
    students = [s for s in proposal.students if s.number == number]
    return news(replace(proposal, students=tuple(students)), *reports, failed=failed)


def test_a_block_of_trials_is_a_cohort(begin: Any) -> None:
    sweep = begin(cohort=4)
    first, second = sweep.manager.next_proposal(), sweep.manager.next_proposal()
    assert [first.numbers, second.numbers] == [(0, 1, 2, 3), (4, 5)]  # the budget is six
    assert sweep.manager.next_proposal() is None
    assert first.state != second.state
    sweep.train(first)
    assert sweep.told() == ["COMPLETE"] * 4 + ["RUNNING"] * 2


def test_only_what_is_alike_is_trained_as_one(begin: Any) -> None:
    sweep = begin(cohort=6, search={"lr": {"low": 0.01, "high": 0.1}, "batch_size": [16, 32]})
    proposals = []
    while proposal := sweep.manager.next_proposal():
        proposals.append(proposal)
    assert sorted(n for p in proposals for n in p.numbers) == list(range(6))
    sizes = [{s.job.train.batch_size for s in p.students} for p in proposals]
    assert sorted(sizes, key=min) == [{16}, {32}]
    assert all(len({s.job.train.lr for s in p.students}) == len(p.students) for p in proposals)


def test_members_end_by_themselves(begin: Any) -> None:
    sweep = begin(cohort=3, **HALVING)
    proposal = sweep.manager.next_proposal()
    assert sweep.manager.record(proposal, news(proposal, report(1)))
    assert not proposal.ended.exists()
    sweep.manager.record(proposal, only(proposal, 0, report(2, 30)))
    sweep.manager.record(proposal, only(proposal, 1, report(2, 22)))
    assert sweep.manager.record(proposal, only(proposal, 2, failed="loss is nan"))
    assert [sweep.state(n) for n in range(3)] == ["running", "stopped", "failed"]
    assert json.loads(proposal.ended.read_text())["ended"] == [1, 2]
    sweep.manager.record(proposal, news(proposal, report(3)))  # a worker that had not heard of it yet
    assert sweep.writer.state.trials["t0001"].epoch == 2
    proposal.state.write_bytes(b"state")
    sweep.manager.close(proposal, news(proposal, report(4)), lost=None)
    assert [sweep.state(n) for n in range(3)] == ["done", "stopped", "failed"]
    assert sweep.told() == ["COMPLETE", "PRUNED", "FAIL"]
    assert list(proposal.state.parent.iterdir()) == []


def test_a_cohort_that_can_t_be_trained_is_tried_one_by_one(begin: Any) -> None:
    sweep = begin(cohort=3, budget={"trials": 3, "epochs": 2})
    proposal = sweep.manager.next_proposal()
    sweep.manager.record(proposal, only(proposal, 1, failed="loss is nan"))
    sweep.manager.close(proposal, {"failed": "out of memory"}, lost=None)
    again = [sweep.manager.next_proposal() for _ in range(3)]
    assert [p.numbers if p else None for p in again] == [(0,), (2,), None]
    assert all(p.state is None for p in again[:2])
    sweep.train(again[0])
    sweep.manager.close(again[1], {"failed": "out of memory"}, lost=None)
    assert [sweep.state(n) for n in range(3)] == ["done", "failed", "failed"]


def test_a_cohort_that_has_no_room_on_its_gpu_is_halved_and_so_are_later_ones(begin: Any) -> None:
    sweep = begin(cohort=4, budget={"trials": 8, "epochs": 2})
    first = sweep.manager.next_proposal()
    first.state.parent.mkdir(parents=True, exist_ok=True)
    first.state.write_bytes(b"state")
    sweep.manager.close(first, None, lost=f"{OUT_OF_MEMORY}: tried to allocate 2 GiB")
    later = [sweep.manager.next_proposal() for _ in range(4)]
    assert [p.numbers for p in later] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert len({p.state for p in (first, *later)}) == 5
    assert [p.state.exists() for p in (first, *later)] == [False, True, True, False, False], (
        "each half resumes"
    )
    assert {sweep.writer.state.trials[f"t{n:04d}"].failures for n in range(4)} == {0}, (
        "it is no failure of theirs"
    )
    sweep.manager.close(later[0], None, lost=f"{OUT_OF_MEMORY}: tried to allocate 1 GiB")
    alone = [sweep.manager.next_proposal() for _ in range(2)]
    assert [(p.numbers, p.state) for p in alone] == [((0,), None), ((1,), None)]
    for _ in range(3):
        sweep.manager.close(alone[0], None, lost=f"{OUT_OF_MEMORY}: tried to allocate 1 GiB")
    assert sweep.state(0) == "failed"
    assert sweep.writer.state.trials["t0000"].message.startswith(OUT_OF_MEMORY)


def test_the_next_driver_forms_the_same_cohorts(begin: Any) -> None:
    """In an interrupted block, ended members are left out, and trials that are still missing are added."""
    uninterrupted = begin(cohort=4, folder="uninterrupted")
    expected = [uninterrupted.manager.next_proposal(), uninterrupted.manager.next_proposal()]
    before = begin(cohort=4)
    proposal = before.manager.next_proposal()
    before.manager.record(proposal, only(proposal, 2, failed="loss is nan"))
    from kdtune.sweep.trials.optuna_study import ask

    before.manager._plan.student(
        ask(before.study, before.manager._plan.space, 4)
    )  # killed within the second block
    before.writer.close()
    after = begin(cohort=4)
    again = [after.manager.next_proposal(), after.manager.next_proposal()]
    assert again[0].students == tuple(s for s in proposal.students if s.number != 2)
    assert again[0].state == proposal.state
    assert [s.job for s in again[1].students] == [s.job for s in expected[1].students]


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def other(path: Path) -> None:
    """Leave a file of the same form with another content."""
    write_checkpoint(path, {"model": {"weight": 0.05}})


def flipped(path: Path) -> None:
    """Leave a file that can be read, and says something else."""
    content = path.read_bytes()
    for before, after in ((b'"epochs":2', b'"epochs":3'), (b'"hits":[[1', b'"hits":[[0')):
        content = content.replace(before, after)
    assert content != path.read_bytes()
    path.write_bytes(content)


LOST = [(ruin, name) for ruin in (Path.unlink, empty, cut) for name in ("checkpoint", "reports", "config")]


@pytest.mark.parametrize(
    ("ruin", "name"), [*LOST, (other, "checkpoint"), (flipped, "config"), (flipped, "reports")]
)
def test_a_member_of_the_front_whose_files_are_lost_is_trained_again(
    begin: Any, ruin: Callable[[Path], None], name: str
) -> None:
    """As a machine leaves them that lost its power: the next driver says so, and so does the one after a kill."""
    before = begin()
    for right in (36, 30, 20):
        before.train(before.manager.next_proposal(), right=right)
    front = before.manager._candidates.ids
    assert front == ["t0000"]
    params = before.study.get_trials()[0].params
    before.writer.close()
    ruin(getattr(before.files, name)("t0000"))
    begin().writer.close()  # killed before it trains
    after = begin()
    said = [e["message"] for e in read_records(after.files.events) if e.get("state") == "preparing"]
    assert len(said) == 1
    assert said[0].startswith("t0000: ")
    assert said[0].endswith(": it is trained again")
    assert after.state(0) == "interrupted"
    proposal = after.manager.next_proposal()
    assert proposal.numbers == (0,), "others that look like the front meanwhile are left alone"
    assert proposal.students[0].job.distillation.temperature == params["temperature"]
    after.train(proposal, right=36)
    assert after.told() == ["COMPLETE"] * 3
    assert after.manager._candidates.ids == ["t0000"]
    assert [r["epoch"] for r in read_records(after.files.reports("t0000"))] == [1, 2]
    assert after.manager.next_proposal().numbers == (3,)


def test_one_that_only_training_examples_bring_onto_the_front_is_trained_again_too(begin: Any) -> None:
    """A front is computed from values on validation, corrected by training examples; the study knows the former."""
    objectives = {"objectives": ["accuracy", "worst_class_accuracy"]}
    before = begin(**objectives)
    for right, learnt in ((36, 32), (34, 38), (20, 20)):
        before.train(before.manager.next_proposal(), right=right, learnt=learnt)
    assert before.manager._candidates.ids == ["t0000", "t0001"]
    assert [trial.number for trial in before.study.best_trials] == [0]
    before.writer.close()
    before.files.checkpoint("t0001").unlink()
    begin(**objectives).writer.close()  # killed before it trains
    after = begin(**objectives)
    assert [after.state(number) for number in (0, 1, 2)] == ["done", "interrupted", "done"]
    proposal = after.manager.next_proposal()
    assert proposal.numbers == (1,)
    after.train(proposal, right=34, learnt=38)
    assert after.manager._candidates.ids == ["t0000", "t0001"]
    assert after.manager.next_proposal().numbers == (3,)


@pytest.mark.parametrize("name", ["reports", "config"])
@pytest.mark.parametrize("keep", ["front", "all", "none"])
def test_what_is_recorded_of_a_trial_outlives_the_front(begin: Any, keep: str, name: str) -> None:
    """A trial that is no member has no weights, but what it reported can be read."""
    before = begin(keep=keep)
    for right in (36, 30):
        before.train(before.manager.next_proposal(), right=right)
    assert before.manager._candidates.ids == ["t0000"]
    before.writer.close()
    getattr(before.files, name)("t0001").unlink()
    after = begin(keep=keep)
    assert [after.state(number) for number in (0, 1)] == ["done", "interrupted"]
    after.train(after.manager.next_proposal(), right=30)
    assert [r["epoch"] for r in read_records(after.files.reports("t0001"))] == [1, 2]
    assert after.manager.next_proposal().numbers == (2,)


def test_where_all_weights_are_kept_all_are_missed(begin: Any) -> None:
    before = begin(keep="all")
    for right in (36, 30):
        before.train(before.manager.next_proposal(), right=right)
    before.writer.close()
    before.files.checkpoint("t0001").unlink()
    assert begin(keep="all").state(1) == "interrupted"


def test_where_no_weights_are_kept_none_are_missed(begin: Any) -> None:
    before = begin(keep="none")
    before.train(before.manager.next_proposal())
    before.writer.close()
    after = begin(keep="none")
    assert after.state(0) == "done"
    assert after.manager.next_proposal().numbers == (1,)
