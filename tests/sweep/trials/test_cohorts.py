"""Trials that are trained as one, with simulated workers: which they are, and how they end."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kdtune.distill.execution.device_errors import OUT_OF_MEMORY
from kdtune.runs.jsonl import read_records
from kdtune.runs.records import Report
from kdtune.sweep.trials.proposal import Proposal
from tests.sweep.trials.simulated_sweep import HALVING, news, report


def only(proposal: Proposal, number: int, *reports: Report, failed: str = "") -> dict[str, Any]:
    """Return a worker's result about one student of a cohort."""
    students = [s for s in proposal.students if s.number == number]
    return news(replace(proposal, students=tuple(students)), *reports, failed=failed)


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


def test_a_block_of_trials_is_a_cohort(begin: Any) -> None:
    sweep = begin(cohort=4)
    first, second = sweep.manager.next_proposal(), sweep.manager.next_proposal()
    assert [first.numbers, second.numbers] == [(0, 1, 2, 3), (4, 5)]  # the budget is six
    assert sweep.manager.next_proposal() is None
    assert first.state != second.state
    sweep.train(first)
    assert sweep.told() == ["COMPLETE"] * 4 + ["RUNNING"] * 2


def test_the_front_is_recorded_after_each_student_of_a_cohort_with_its_name(begin: Any) -> None:
    sweep = begin(cohort=3)
    sweep.train(sweep.manager.next_proposal())
    fronts = [event for event in read_records(sweep.files.events) if event["kind"] == "front"]
    assert [(event["done"], event["by"]) for event in fronts] == [(1, "t0000"), (2, "t0001"), (3, "t0002")]


def test_workers_wait_no_longer_for_the_end_of_a_larger_cohort(
    begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each end is a line of the events and several of the study's journal: the disk is waited for once for all."""
    names: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: names.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name))
    waits = []
    for size in (2, 6):
        sweep = begin(cohort=size, folder=f"of {size}")
        names.clear()
        sweep.train(sweep.manager.next_proposal())
        assert sweep.told() == ["COMPLETE"] * size
        waits.append([name for name in names if name.startswith(("events", "study"))])
    assert waits == [["study.journal", "events.jsonl", "study.journal"]] * 2


def test_killed_while_the_study_is_told_of_a_cohort(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ends are recorded, and the study knows the first: the next driver tells the others."""
    before = begin(cohort=3)
    tell = before.manager._tell

    class Killed(BaseException):
        pass

    def die_at_the_second(number: int) -> None:
        if number == 1:
            raise Killed
        tell(number)

    monkeypatch.setattr(before.manager, "_tell", die_at_the_second)
    with pytest.raises(Killed):
        before.train(before.manager.next_proposal())
    before.writer.close()
    after = begin(cohort=3)
    assert after.told() == ["COMPLETE"] * 3
    assert [after.state(number) for number in range(3)] == ["done"] * 3
    assert after.writer.state.hypervolume[-1][0] == 3
    assert after.manager.next_proposal().numbers == (3, 4, 5)


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
