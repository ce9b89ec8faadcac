"""A sampler of a long study sees its best and its latest trials, whatever came between; of a short one, all."""

from collections.abc import Sequence

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from kdtune.pareto import non_dominated_rank
from kdtune.sweep.trials import history
from kdtune.sweep.trials.history import BoundedHistory

SPACE = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}


def study_of(n: int, *, seed: int = 0, broken: Sequence[int] = ()) -> optuna.Study:
    """Return a study of n trials; those in `broken` break a constraint."""
    rng = np.random.default_rng(seed)
    study = optuna.create_study(directions=["maximize", "minimize"])
    for k in range(n):
        point = {"x": float(rng.random()), "y": float(rng.random())}
        study.add_trial(
            optuna.create_trial(
                params=point,
                distributions=SPACE,
                values=[point["x"], point["y"] + 0.3 * point["x"]],
                constraints={"accuracy": 1.0 if k in broken else -1.0},
            )
        )
    return study


def seen(study: optuna.Study) -> list[FrozenTrial]:
    return history._part_of(study)._get_trials(deepcopy=False)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    monkeypatch.setattr(history, "LATEST", 40)
    monkeypatch.setattr(history, "BEST", 10)


def test_a_short_study_is_seen_whole_and_proposes_as_before() -> None:
    study = study_of(40)
    assert history._part_of(study) is study
    drawn = []
    for sampler in (
        TPESampler(seed=1, multivariate=True),
        BoundedHistory(TPESampler(seed=1, multivariate=True)),
    ):
        study = study_of(30)
        study.sampler = sampler
        drawn.append(study.ask(SPACE).params)
    assert drawn[0] == drawn[1]


def test_the_first_fronts_of_all_and_the_latest_are_seen() -> None:
    study = study_of(300, broken=range(0, 300, 7))
    numbers = {trial.number for trial in seen(study)}
    assert set(range(260, 300)) <= numbers
    feasible = [t for t in study.get_trials(deepcopy=False) if t.number % 7]
    ranks = non_dominated_rank([t.values for t in feasible], ["max", "min"])
    ten_or_more = next(r for r in range(10) if (ranks <= r).sum() >= 10)
    best = {t.number for t, rank in zip(feasible, ranks, strict=True) if rank <= ten_or_more}
    assert numbers == best | set(range(260, 300))


def test_what_is_seen_depends_only_on_the_trials_that_there_are() -> None:
    growing = study_of(50)
    for trial in study_of(400, seed=3).get_trials(deepcopy=False):
        growing.add_trial(trial)
        if trial.number % 3 == 0:
            seen(growing)
    again = optuna.create_study(directions=["maximize", "minimize"])
    again.add_trials(growing.get_trials(deepcopy=False))
    assert [t.number for t in seen(growing)] == [t.number for t in seen(again)]


def test_a_trial_that_ends_late_is_taken_in() -> None:
    study = study_of(60)
    late = study.ask(SPACE)
    for trial in study_of(60, seed=4).get_trials(deepcopy=False):
        study.add_trial(trial)
    assert late.number not in {t.number for t in seen(study)}
    late.set_constraint("accuracy", -1.0)
    study.tell(late, [2.0, -1.0])
    assert late.number in {t.number for t in seen(study)}
    assert study.get_trials(deepcopy=False)[late.number].state is TrialState.COMPLETE


def test_tpe_proposes_from_a_part_of_the_study() -> None:
    study = study_of(500)
    study.sampler = BoundedHistory(TPESampler(seed=0, multivariate=True))
    xs = [study.ask(SPACE).params["x"] for _ in range(20)]
    assert all(0 <= x <= 1 for x in xs)
    assert len(set(xs)) == 20
