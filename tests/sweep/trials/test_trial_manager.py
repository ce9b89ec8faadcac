"""The trial manager with simulated workers: what it proposes, and every way a trial can end."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from kdtune.runs.jsonl import read_records
from kdtune.runs.records import ALL
from kdtune.sweep.clock import LONGEST_TICK
from kdtune.sweep.trials.proposal import Proposal
from tests.sweep.trials.simulated_sweep import HALVING, PAIR, Sweep, news, report


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


def test_accuracy_alone_judges_where_it_is_asked_to(begin: Any) -> None:
    sweep = begin(**{**HALVING, "early_stopping": {"method": "asha"}})
    # Equal accuracy, undefined EOD: ASHA ignores the latter.
    for one_group in (False, True):
        proposal = sweep.manager.next_proposal()
        assert sweep.manager.record(proposal, news(proposal, report(1), report(2, one_group=one_group)))
