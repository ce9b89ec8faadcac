"""What a sampler knows of an earlier run: which trials, on which data, and what it makes of them."""

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from kdtune.data import load
from kdtune.errors import InputError
from kdtune.runs.measures.measure import OwnMeasure
from kdtune.runs.measures.objectives import find_measure
from kdtune.runs.measures.own import measures, register_measure
from kdtune.runs.reader import Run
from kdtune.space.reading import parse_space
from kdtune.sweep.plan import Plan, make_plan
from kdtune.sweep.preparation import take_known
from kdtune.sweep.trials.known import Known, KnownTrial, known_of, with_known
from kdtune.sweep.trials.optuna_study import ask, open_study
from tests.conftest import SMALL_SPACE


def plan(**changes: Any) -> Plan:
    """Return a plan of the small run's space, changed."""
    space = parse_space({**SMALL_SPACE, **changes}, "space")
    return make_plan(space, load(space.dataset.name, **space.dataset.options))


def known(run: Run, plan: Plan) -> Known:
    return take_known(run.path, plan, lambda _: None)


def test_all_trials_of_the_same_sweep_are_known(small_run: Run, tmp_path: Path) -> None:
    same = plan()
    found = known(small_run, same)
    trials = small_run.trials()
    assert sorted(trial.id for trial in found.trials) == sorted(trials.index)
    assert found.left_out == 0
    for trial in found.trials:
        row = trials.loc[trial.id]
        assert list(trial.values) == [row["accuracy"], row["eod"]]
        assert trial.params["temperature"] == row["temperature"]
        assert trial.params["pair"] == row["pair"]
    found.save(tmp_path / "known.json")
    again = Known.read(tmp_path / "known.json")
    assert [trial.params for trial in again.trials] == [trial.params for trial in found.trials]
    frozen = again.frozen(same)
    assert [trial.values for trial in frozen] == [list(trial.values) for trial in found.trials]
    assert frozen[0].distributions.keys() == found.trials[0].params.keys()
    assert found.record() == {
        "run": "small",
        "path": str(small_run.path.resolve()),
        "trials": 4,
        "left_out": 0,
    }


def test_trials_outside_of_the_space_are_left_out(small_run: Run) -> None:
    trials = small_run.trials().sort_values("temperature")
    middle = float(trials["temperature"].iloc[1:3].mean())
    narrower = plan(search={"temperature": {"low": middle, "high": 40.0}, "alpha": {"low": 0.0, "high": 1.0}})
    found = known(small_run, narrower)
    assert sorted(trial.id for trial in found.trials) == sorted(trials.index[2:])
    assert found.left_out == 2
    of_pair = known(small_run, plan(pairs=["lenet5->mlp-16"]))
    assert {trial.id for trial in of_pair.trials} == set(trials.index[trials["pair"] == "lenet5->mlp-16"])
    with pytest.raises(InputError, match="none of its 4 finished trials"):
        known(small_run, plan(search={"temperature": 3.0, "alpha": {"low": 0.0, "high": 1.0}}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budget": {"trials": 4, "epochs": 3}}, r"budget.epochs \(2 there, 3 here\)"),
        ({"dataset": {**SMALL_SPACE["dataset"], "n_train": 399}}, r"data \(fingerprint\)"),
        ({"dataset": {**SMALL_SPACE["dataset"], "n_validation": 299}}, "validation split"),
        ({"dataset": {**SMALL_SPACE["dataset"], "sensitive": "texture"}}, "groups"),
        ({"train": {**SMALL_SPACE["train"], "lr": 0.01}}, r"train\.lr \(0.003 there, 0.01 here\)"),
        ({"teacher": {"epochs": 5}}, r"teacher\.epochs \(None there, 5 here\)"),
        (
            {"constraints": {"accuracy": ">= 0.2"}},
            r"differs in constraints\.accuracy \(None there, >= 0\.2 here\)$",
        ),
        ({"sampler": "random"}, "'random' does not look at earlier trials: take tpe or gp"),
        ({"objectives": ["accuracy", "precision"]}, "none of its 4 finished trials"),
    ],
)
def test_another_protocol_is_refused_with_what_differs(
    small_run: Run, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        known(small_run, plan(**changes))


def test_attributes_in_another_order_are_other_objectives(small_run: Run) -> None:
    here = plan(dataset={**SMALL_SPACE["dataset"], "sensitive": ["color", "texture"]})
    groups = {name: tuple(names) for name, names in here.dataset.attributes.items()}
    for order, refused in ((list(groups), False), (list(groups)[::-1], True)):
        there = Run(small_run.files)
        attributes = {name: groups[name] for name in order}
        there.__dict__["record"] = replace(small_run.record, attributes=attributes)
        with pytest.raises(InputError) as error:  # the fingerprint differs in any case
            known_of(there, here, "")
        assert ("groups (" in str(error.value)) == refused


def test_measures_of_the_same_name_are_known_only_if_they_are_the_same(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "_items", dict(measures._items))

    @register_measure("of_test_known", direction="max")
    def of_test_known(labels: Any) -> float:
        return 0.5

    here = plan(measures=["of_test_known"])
    same = OwnMeasure.of(find_measure("of_test_known"))
    digest = str(small_run.record.dataset["validation_sha256"])
    for own, refused in ((same, False), (replace(same, direction="min"), True)):
        there = Run(small_run.files)
        there.__dict__["record"] = replace(small_run.record, measures={"of_test_known": own})
        if refused:
            with pytest.raises(InputError, match="measure 'of_test_known'"):
                known_of(there, here, digest)
        else:
            assert len(known_of(there, here, digest).trials) == 4


def test_a_run_of_an_earlier_kdtune_lacks_keys_that_there_are_now(small_run: Run) -> None:
    space = dict(small_run.record.space)
    teacher = {key: value for key, value in space["teacher"].items() if key != "finetune"}
    old = Run(small_run.files)
    old.__dict__["record"] = replace(small_run.record, space={**space, "teacher": teacher})
    digest = str(small_run.record.dataset["validation_sha256"])
    assert len(known_of(old, plan(), digest).trials) == 4


def test_a_study_is_no_source(small_run: Run) -> None:
    study = Run(small_run.files)
    study.__dict__["record"] = replace(small_run.record, kind="study")
    with pytest.raises(InputError, match="is a study"):
        known_of(study, plan(), "")


def told(sampler: str, n: int) -> tuple[Plan, list[Any]]:
    """Return a plan, and known trials that are the better the nearer T is to 20 and α to 0.8."""
    searched = plan(
        sampler=sampler,
        pairs=["lenet5->mlp-16"],
        search={"temperature": {"low": 1.0, "high": 40.0, "log": True}, "alpha": {"low": 0.0, "high": 1.0}},
    )
    rng = random.Random(0)
    trials = []
    for k in range(n):
        temperature, alpha = math.exp(rng.uniform(0, math.log(40))), rng.uniform(0, 1)
        distance = abs(math.log(temperature / 20)) + abs(alpha - 0.8)
        trials.append(
            KnownTrial(
                f"t{k}", {"temperature": temperature, "alpha": alpha}, [1 - distance / 5, distance / 5], {}
            )
        )
    return searched, Known("r", "", tuple(trials), 0).frozen(searched)


def proposals(searched: Plan, frozen: list[Any], path: Path, n: int = 8) -> list[dict[str, Any]]:
    """Return what is proposed first, each trial being told a value that says nothing."""
    study = open_study(path, searched.objectives)
    seen = with_known(study, frozen) if frozen else None
    found = []
    for number in range(n):
        trial = ask(study, searched.space, number, seen)
        assert trial.number == number, "known trials take no numbers of this run"
        searched.student(trial)
        found.append(dict(trial.params))
        study.tell(number, [0.5, 0.5])
    assert len(study.trials) == n
    return found


def distance(found: list[dict[str, Any]]) -> float:
    return float(np.mean([abs(math.log(p["temperature"] / 20)) + abs(p["alpha"] - 0.8) for p in found]))


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_proposals_follow_what_is_known(tmp_path: Path, sampler: str) -> None:
    searched, frozen = told(sampler, 40)
    without = proposals(searched, [], tmp_path / "without")
    after = proposals(searched, frozen, tmp_path / "with")
    assert distance(after) < 0.6 * distance(without)
    assert proposals(searched, frozen, tmp_path / "again") == after


def test_a_long_history_is_known_too(tmp_path: Path) -> None:
    searched, frozen = told("tpe", 1200)
    after = proposals(searched, frozen, tmp_path / "with", n=4)
    assert distance(after) < 0.6 * distance(proposals(searched, [], tmp_path / "without", n=4))


def test_combinations_that_are_known_are_not_tried_again(tmp_path: Path) -> None:
    searched = plan(pairs=["lenet5->mlp-16"], search={"temperature": [1.0, 2.0, 4.0], "alpha": 0.5})
    trials = tuple(KnownTrial(f"t{k}", {"temperature": t}, [0.5, 0.5], {}) for k, t in enumerate((1.0, 4.0)))
    frozen = Known("r", "", trials, 0).frozen(searched)
    assert proposals(searched, frozen, tmp_path / "j", n=1) == [{"temperature": 2.0}]


def test_what_is_known_stays_out_of_the_study(tmp_path: Path) -> None:
    searched, frozen = told("tpe", 12)
    study = open_study(tmp_path / "j", searched.objectives)
    ask(study, searched.space, 0, with_known(study, frozen))
    assert [trial.number for trial in study.trials] == [0]
    assert study.trials[0].state is optuna.trial.TrialState.RUNNING
