"""What the next driver makes of a run whose driver ended or died, or whose files are lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kdtune.distill.checkpoint import write_checkpoint
from kdtune.runs.jsonl import read_records
from tests.sweep.trials.simulated_sweep import HALVING, news, report


def test_failures_are_counted_over_a_resume(begin: Any) -> None:
    before = begin(resources={"max_failures": 1})
    before.manager.close(before.manager.next_proposal(), None, lost="died")
    before.writer.close()
    after = begin(resources={"max_failures": 1})
    after.manager.close(after.manager.next_proposal(), None, lost="died")
    assert after.state(0) == "failed"


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
