"""The study: what it records, what reaches the sampler, and what a resumed sweep proposes."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from optuna_dashboard import wsgi
from werkzeug.test import Client

from kdtune.pareto import Constraint
from kdtune.runs.state import ModelState
from kdtune.sweep.trials.optuna_study import ask, open_study, take_up, tell, unfinished, waiting_once

NAN = math.nan
SEARCH = {"temperature": {"low": 1, "high": 40, "log": True}, "alpha": {"low": 0, "high": 1}}


def model(state: str, **values: float) -> ModelState:
    return ModelState("t0000", "student", {}, 2, state, 2, values)


def told(plan: Any, folder: Path, outcome: ModelState, *constraints: Constraint) -> Any:
    """Return the frozen trial after the study was told `outcome`, read again from the journal."""
    study = open_study(folder / "study.journal", plan.objectives)
    number = ask(study, plan.space, len(study.trials)).number
    tell(study, number, outcome, plan.objectives, constraints)
    return open_study(folder / "study.journal", plan.objectives).trials[number]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (model("done", accuracy=0.8, eod=0.1), TrialState.COMPLETE),
        (model("done", accuracy=0.8, eod=NAN), TrialState.FAIL),
        (model("done", accuracy=0.8), TrialState.FAIL),
        (model("done"), TrialState.FAIL),
        (model("failed", accuracy=0.8, eod=0.1), TrialState.FAIL),
        (model("stopped", accuracy=0.8, eod=0.1), TrialState.PRUNED),
        (model("stopped"), TrialState.PRUNED),
    ],
)
def test_complete_only_what_is_a_result(
    plan_of: Any, tmp_path: Path, outcome: ModelState, state: TrialState
) -> None:
    frozen = told(plan_of(), tmp_path, outcome)
    assert frozen.state == state
    assert frozen.values == ([0.8, 0.1] if state == TrialState.COMPLETE else None)


def test_constraints_reach_the_sampler(plan_of: Any, tmp_path: Path) -> None:
    bounds = (Constraint("accuracy", ">=", 0.9), Constraint("dpd", "<=", 0.5))
    frozen = told(plan_of(), tmp_path, model("done", accuracy=0.8, eod=0.1, dpd=0.2), *bounds)
    assert frozen.state == TrialState.COMPLETE
    assert frozen.constraints == pytest.approx({"accuracy": 0.1, "dpd": -0.3})


def test_a_measure_with_two_bounds_breaks_the_one_that_it_misses_most(plan_of: Any, tmp_path: Path) -> None:
    bounds = (Constraint("over_majority", ">=", 10.0), Constraint("over_majority", ">=", 3.3))
    frozen = told(plan_of(), tmp_path, model("done", accuracy=0.8, eod=0.1, over_majority=5.0), *bounds)
    assert frozen.constraints == pytest.approx({"over_majority": 5.0})


def journal_of_others(folder: Path) -> Any:
    """Return the storage of the study as any other program opens it."""
    return JournalStorage(JournalFileBackend(str(folder / "study.journal")))


def test_optuna_dashboard_shows_constraints_and_attributes(plan_of: Any, tmp_path: Path) -> None:
    outcome = replace(
        model("done", accuracy=0.8, eod=0.1, dpd=NAN), config={"pair": "a->b", "seed": 7, "temperature": 2.0}
    )
    told(plan_of(), tmp_path, outcome, Constraint("accuracy", ">=", 0.9), Constraint("eod", "<=", 0.5))
    answer = Client(wsgi(journal_of_others(tmp_path))).get("/api/studies/0").get_json()
    assert answer["name"] == tmp_path.name
    trial = answer["trials"][0]
    assert trial["constraints"] == pytest.approx([0.1, -0.4])
    shown = {item["key"]: item["value"] for item in trial["user_attrs"]}
    assert shown == {"id": "t0000", "pair": "a->b", "seed": "7", "accuracy": "0.8", "eod": "0.1"}


def test_a_single_objective_has_intermediate_values(plan_of: Any, tmp_path: Path) -> None:
    plan = plan_of(objectives=["accuracy"])
    study = open_study(tmp_path / "study.journal", plan.objectives)
    number = ask(study, plan.space, 0).number
    ended = replace(model("done", accuracy=0.8), config={})
    tell(study, number, ended, plan.objectives, (), {1: 0.5, 2: 0.8, 3: NAN})
    frozen = optuna.load_study(study_name=None, storage=journal_of_others(tmp_path)).trials[0]
    assert frozen.intermediate_values == {1: 0.5, 2: 0.8}


def test_what_optuna_says_of_the_program_s_own_studies_stays(
    plan_of: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    try:
        open_study(tmp_path / "study.journal", plan_of().objectives)
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.set_verbosity(before)
    assert capsys.readouterr() == ("", "")


def test_a_study_keeps_the_name_that_its_journal_has(plan_of: Any, tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    open_study(tmp_path / "before" / "study.journal", plan_of().objectives)
    (tmp_path / "before").rename(tmp_path / "after")
    assert open_study(tmp_path / "after" / "study.journal", plan_of().objectives).study_name == "before"


def test_what_a_journal_writes_together_costs_one_wait_for_the_disk(
    plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of()
    study = open_study(tmp_path / "study.journal", plan.objectives)
    number = ask(study, plan.space, 0).number
    waits: list[int] = []
    monkeypatch.setattr(os, "fsync", waits.append)
    many = {f"measure {k}": 0.5 for k in range(30)}
    bound = Constraint("accuracy", ">=", 0.9)
    tell(study, number, model("done", accuracy=0.8, eod=0.1, **many), plan.objectives, [bound])
    assert len(waits) == 3, "attributes, constraints, state"


def test_trials_that_are_asked_for_and_told_in_a_block_cost_one_wait_and_are_known_within_it(
    plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of()
    study = open_study(tmp_path / "study.journal", plan.objectives)
    waits: list[int] = []
    monkeypatch.setattr(os, "fsync", waits.append)
    with waiting_once(study):
        for number in range(3):
            assert ask(study, plan.space, number).number == number
            tell(study, number, model("done", accuracy=0.8, eod=0.1), plan.objectives, ())
            assert len(study.get_trials(states=[TrialState.COMPLETE])) == number + 1
        assert waits == []
    assert len(waits) == 1
    others = optuna.load_study(study_name=None, storage=journal_of_others(tmp_path)).trials
    assert [trial.values for trial in others] == [[0.8, 0.1]] * 3


def test_an_undefined_constraint_is_no_result(plan_of: Any, tmp_path: Path) -> None:
    frozen = told(plan_of(), tmp_path, model("done", accuracy=0.8, eod=0.1), Constraint("dpd", "<=", 0.5))
    assert frozen.state == TrialState.FAIL


def test_infeasible_trials_are_not_among_optuna_s_best(plan_of: Any, tmp_path: Path) -> None:
    plan = plan_of()
    study = open_study(tmp_path / "j", plan.objectives)
    bound = [Constraint("accuracy", ">=", 0.5)]
    for accuracy, eod in ((0.2, 0.0), (0.8, 0.3)):
        number = ask(study, plan.space, len(study.trials)).number
        tell(study, number, model("done", accuracy=accuracy, eod=eod), plan.objectives, bound)
    assert [t.number for t in study.best_trials] == [1]


def test_directions_and_names_are_those_of_the_objectives(plan_of: Any, tmp_path: Path) -> None:
    plan = plan_of(objectives=["eod", "accuracy", "dpd@age"])
    study = open_study(tmp_path / "j", plan.objectives)
    assert [d.name for d in study.directions] == ["MINIMIZE", "MAXIMIZE", "MINIMIZE"]
    assert study.metric_names == ["eod", "accuracy", "dpd@age"]
    open_study(tmp_path / "j", plan.objectives)


def test_a_lock_left_by_a_killed_driver_does_not_block(plan_of: Any, tmp_path: Path) -> None:
    plan = plan_of()
    ask(open_study(tmp_path / "j", plan.objectives), plan.space, 0)
    (tmp_path / "j.lock").symlink_to(tmp_path / "j")
    study = open_study(tmp_path / "j", plan.objectives)
    assert unfinished(study) == [0]
    ask(study, plan.space, len(study.trials))


def test_an_orphan_is_taken_up_with_its_number_and_parameters(plan_of: Any, tmp_path: Path) -> None:
    plan = plan_of(search=SEARCH)
    study = open_study(tmp_path / "j", plan.objectives)
    _, job = plan.student(ask(study, plan.space, len(study.trials)))
    again = open_study(tmp_path / "j", plan.objectives)
    assert unfinished(again) == [0]
    trial = take_up(again, plan.space, 0)
    assert trial.number == 0
    assert plan.student(trial)[1] == job
    assert len(again.trials) == 1


def outcome_of(trial: Any) -> ModelState:
    """Return an outcome that depends only on the parameters; some values are undefined, some trials stopped."""
    a, t = trial.params["alpha"], math.log(trial.params["temperature"])
    eod = NAN if trial.number % 7 == 3 else abs(a - 0.3) + t / 10
    return model("stopped" if trial.number % 5 == 4 else "done", accuracy=1 - a**2 / 2, eod=eod)


def run(plan: Any, path: Path, n: int, *, interrupt: bool) -> list[dict[str, Any]]:
    """Run `n` trials; with `interrupt`, each driver lives for one trial, and dies in it once."""
    bounds = [Constraint("accuracy", ">=", 0.6)]
    study = open_study(path, plan.objectives)
    for _ in range(n):
        trial = ask(study, plan.space, len(study.trials))
        plan.student(trial)
        if interrupt:
            study = open_study(path, plan.objectives)
            [number] = unfinished(study)
            trial = take_up(study, plan.space, number)
            plan.student(trial)
        tell(study, trial.number, outcome_of(trial), plan.objectives, bounds)
    return [t.params for t in open_study(path, plan.objectives).trials]


@pytest.mark.parametrize(
    ("sampler", "n"),
    [("random", 8), ("tpe", 18), ("nsgaii", 45), ("gp", 14)],
)
def test_a_study_that_was_interrupted_proposes_what_an_uninterrupted_one_does(
    plan_of: Any, tmp_path: Path, sampler: str, n: int
) -> None:
    plan = plan_of(search=SEARCH, sampler=sampler, seed=5)
    uninterrupted = run(plan, tmp_path / "a", n, interrupt=False)
    assert run(plan, tmp_path / "b", n, interrupt=True) == uninterrupted
    assert len({str(params) for params in uninterrupted}) > 0.8 * n  # NSGA-II may hand on a parent as it is
    other = plan_of(search=SEARCH, sampler=sampler, seed=6)
    assert run(other, tmp_path / "c", 2, interrupt=False) != uninterrupted[:2]


class Killed(BaseException):
    """The driver dies."""


@pytest.mark.parametrize(
    ("sampler", "n", "pairs"),
    [
        ("random", 4, "alike"),
        ("tpe", 12, "alike"),
        ("tpe", 12, "apart"),
        ("nsgaii", 22, "apart"),
        ("gp", 11, "alike"),
        ("tpe", 14, "finite"),
        ("random", 14, "finite"),
        ("tpe", 12, "enqueued"),
    ],
)
def test_killed_between_two_parameters(
    plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str, n: int, pairs: str
) -> None:
    """Each driver dies after drawing one more parameter; the parameters are those of an uninterrupted study."""
    own = {"lr": {"low": 0.001, "high": 0.1, "log": True}} if pairs == "apart" else {}
    search: dict[str, Any] = {
        **SEARCH,
        "momentum": {"low": 0, "high": 0.9},
        "optimizer": ["sgd", "adamw"],
    }
    if pairs == "finite":
        search = {"temperature": [1, 4], "alpha": [0.1, 0.5, 0.9]}
    enqueue = [{"alpha": 0.25}, {"temperature": 4, "pair": "linear->mlp-16"}] if pairs == "enqueued" else []
    plan = plan_of(
        search=search,
        pairs=["mlp-16->linear", {"pair": "linear->mlp-16", "search": own}],
        enqueue=enqueue,
        sampler=sampler,
        seed=3,
    )
    uninterrupted = run(plan, tmp_path / "a", n, interrupt=False)
    suggest = optuna.Trial._suggest
    left = [0]

    def mortal(trial: Any, name: str, distribution: Any) -> Any:
        if name not in trial.study.trials[trial.number].params:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
        return suggest(trial, name, distribution)

    study = open_study(tmp_path / "b", plan.objectives)
    for number in range(n):
        trial = ask(study, plan.space, len(study.trials))
        monkeypatch.setattr(optuna.Trial, "_suggest", mortal)
        for _ in range(20):
            left[0] = 1
            try:
                plan.student(trial)
                break
            except Killed:
                study = open_study(tmp_path / "b", plan.objectives)
                trial = take_up(study, plan.space, number)
        monkeypatch.setattr(optuna.Trial, "_suggest", suggest)
        tell(study, number, outcome_of(trial), plan.objectives, [Constraint("accuracy", ">=", 0.6)])
    assert [t.params for t in open_study(tmp_path / "b", plan.objectives).trials] == uninterrupted


def test_telling_does_not_sample_again(plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Gaussian process takes seconds to fit: once per trial is enough."""
    plan = plan_of(search=SEARCH)
    study = open_study(tmp_path / "j", plan.objectives)
    trial = ask(study, plan.space, len(study.trials))
    plan.student(trial)
    monkeypatch.setattr(optuna.samplers.TPESampler, "sample_relative", lambda *_: pytest.fail("sampled"))
    tell(study, 0, model("done", accuracy=0.5, eod=0.5), plan.objectives, [Constraint("eod", "<=", 1.0)])
