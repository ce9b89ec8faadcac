"""What trials are: the enqueued ones first, and of a finite space each combination once before any twice."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kdtune.distill.config import Job
from kdtune.errors import SpaceError
from kdtune.runs.state import ModelState
from kdtune.space.reading import parse_space
from kdtune.space.trials import combinations
from kdtune.sweep.trials.optuna_study import ask, open_study, tell

PAIRS = ["mlp-16->linear", "mlp-8->linear"]
RANGES = {"temperature": {"low": 1, "high": 40, "log": True}, "alpha": {"low": 0, "high": 1}}


def jobs(plan: Any, path: Path, n: int) -> list[tuple[str, Job]]:
    """Return what `n` trials train; half of them fail, or are ended early."""
    study = open_study(path, plan.objectives)
    found = []
    for number in range(n):
        trial = ask(study, plan.space, number)
        pair, job = plan.student(trial)
        found.append((pair.pair, job))
        state = ("done", "failed", "done", "stopped")[number % 4]
        values = {"accuracy": 0.5 + 0.01 * number, "eod": 0.1}
        tell(study, number, ModelState("t", "student", {}, 2, state, 2, values), plan.objectives, [])
    return found


def settings(job: Job) -> tuple[float, float]:
    assert job.distillation is not None
    return job.distillation.temperature, job.distillation.alpha


def test_two_pairs_and_two_trials_are_a_trial_each(plan_of: Any, tmp_path: Path) -> None:
    for seed in range(5):
        plan = plan_of(pairs=PAIRS, search={"temperature": 4, "alpha": 0.9}, seed=seed)
        assert sorted(pair for pair, _ in jobs(plan, tmp_path / str(seed), 2)) == PAIRS


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsgaii"])
def test_each_combination_once_before_any_twice(plan_of: Any, tmp_path: Path, sampler: str) -> None:
    own = {"pair": "mlp-8->linear", "search": {"alpha": [0.2, 0.8], "lr": [0.1, 0.2]}}
    search = {"temperature": [1, 4, 9.5], "alpha": 0.9, "optimizer": ["sgd", "adamw"]}
    plan = plan_of(pairs=["mlp-16->linear", own], search=search, sampler=sampler, seed=2)
    n = 3 * 2 + 3 * 2 * 2 * 2
    assert len(combinations(plan.space.pairs, plan.space.search) or []) == n

    def seen(found: list[tuple[str, Job]]) -> Counter[Any]:
        return Counter((pair, *settings(job), job.train.lr, job.train.optimizer) for pair, job in found)

    found = jobs(plan, tmp_path / "j", 2 * n + 3)
    assert set(seen(found[:n]).values()) == {1}
    assert len(seen(found[:n])) == n
    assert set(seen(found[: 2 * n]).values()) == {2}
    assert sorted(seen(found).values()) == [2] * (n - 3) + [3] * 3


def test_a_finite_space_is_gone_through_by_the_seed(plan_of: Any, tmp_path: Path) -> None:
    search = {"temperature": [1, 2, 3, 4, 5], "alpha": [0.1, 0.5]}
    orders = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        orders.append(
            [settings(job) for _, job in jobs(plan_of(search=search, seed=seed), tmp_path / name, 10)]
        )
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_a_sampler_that_learns_still_chooses(plan_of: Any, tmp_path: Path) -> None:
    """Of many combinations it tries those that are like good ones, and none twice."""
    values = [k / 20 for k in range(1, 20)]
    plan = plan_of(
        search={"temperature": [1, 2, 4, 8, 16, 32], "alpha": values}, objectives=["accuracy"], seed=1
    )
    study = open_study(tmp_path / "j", plan.objectives)
    alphas, drawn = [], set()
    for number in range(60):
        trial = ask(study, plan.space, number)
        _, job = plan.student(trial)
        t, alpha = settings(job)
        alphas.append(alpha)
        drawn.add((t, alpha))
        outcome = ModelState("t", "student", {}, 2, "done", 2, {"accuracy": 1 - abs(alpha - 0.5)})
        tell(study, number, outcome, plan.objectives, [])
    assert len(drawn) == 60
    early, late = alphas[:10], alphas[-30:]
    assert sum(abs(a - 0.5) for a in late) / 30 < sum(abs(a - 0.5) for a in early) / 10


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_enqueued_trials_come_first(plan_of: Any, tmp_path: Path, sampler: str) -> None:
    enqueue = [
        {"temperature": 4, "alpha": 0.9, "pair": "mlp-8 -> linear"},
        {"temperature": 30},
        {"pair": "mlp-16->linear", "lr": 0.05},
        {},
    ]
    search = {**RANGES, "lr": [0.01, 0.05], "batch_size": {"low": 8, "high": 32}}
    plan = plan_of(pairs=PAIRS, search=search, enqueue=enqueue, sampler=sampler)
    found = jobs(plan, tmp_path / "j", 8)
    assert found[0][0] == "mlp-8->linear"
    assert settings(found[0][1]) == (4, 0.9)
    assert settings(found[1][1])[0] == 30
    assert (found[2][0], found[2][1].train.lr) == ("mlp-16->linear", 0.05)
    free = jobs(plan_of(pairs=PAIRS, search=search, sampler="random"), tmp_path / "free", 8)
    if sampler == "random":
        assert found[3:] == free[3:], "the others are drawn as they were"
    assert len({settings(job) for _, job in found}) == 8


def test_an_enqueued_combination_counts_as_tried(plan_of: Any, tmp_path: Path) -> None:
    enqueue = [{"temperature": 4, "alpha": 0.9}, {"alpha": 0.1}, {"temperature": 4, "alpha": 0.9}]
    plan = plan_of(search={"temperature": [1, 4], "alpha": [0.1, 0.9]}, enqueue=enqueue)
    found = [settings(job) for _, job in jobs(plan, tmp_path / "j", 5)]
    assert found[0] == found[2] == (4, 0.9), "whoever asks for it twice gets it twice"
    assert found[1][1] == 0.1
    assert set(found) == {(1, 0.1), (1, 0.9), (4, 0.1), (4, 0.9)}


def test_an_entry_of_one_pair_is_enqueued_for_it(plan_of: Any, tmp_path: Path) -> None:
    own = {"pair": "mlp-8->linear", "search": {"lr": {"low": 0.2, "high": 0.4}}}
    plan = plan_of(
        pairs=["mlp-16->linear", own],
        search={**RANGES, "lr": {"low": 0.01, "high": 0.1}},
        enqueue=[{"pair": "mlp-8->linear", "lr": 0.25}, {"pair": "mlp-16->linear", "lr": 0.03}],
    )
    assert [(pair, job.train.lr) for pair, job in jobs(plan, tmp_path / "j", 2)] == [
        ("mlp-8->linear", 0.25),
        ("mlp-16->linear", 0.03),
    ]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"temperature": 41}, "enqueue.0.temperature: 41 is not what search has for mlp-16->linear, 1 to 40: widen"),
        ({"temprature": 4}, "enqueue.0: unknown key 'temprature'; did you mean 'temperature'?"),
        ({"momentum": 0.9}, "enqueue.0.momentum: 0.9 is not what search has for mlp-16->linear, which leaves it alone"),
        ({"pair": "mlp-16->liner"}, "enqueue.0.pair: 'mlp-16->liner' is no pair; did you mean 'mlp-16->linear'?"),
        ({"alpha": 0.3}, "enqueue.0.alpha: 0.3 is not what search has for mlp-16->linear, 0.1, 0.9"),
        ({"batch_size": 12}, "enqueue.0.batch_size: 12 is not what search has for mlp-16->linear, 8 to 32 in steps"),
        ({"lr": 0.2}, "enqueue.0.lr: 0.2 is not what search has for mlp-16->linear, 0.1"),
        ({"scale_by_t2": 1}, "enqueue.0.scale_by_t2: 1 is not what search has for mlp-16->linear, True, False"),
        ({"temperature": "4"}, "enqueue.0.temperature: '4' is not what search has"),
        ({"temperature": [4]}, "enqueue.0.temperature"),
        ("temperature", "enqueue.0"),
    ],
)  # fmt: skip
def test_what_the_search_could_not_propose_is_refused(entry: Any, expected: str) -> None:
    search = {"temperature": {"low": 1, "high": 40}, "alpha": [0.1, 0.9], "lr": 0.1, "scale_by_t2": [True, False],
              "batch_size": {"low": 8, "high": 32, "step": 8}}  # fmt: skip
    content = {"dataset": {"name": "blobs"}, "pairs": PAIRS, "search": search, "enqueue": [entry]}
    with pytest.raises(SpaceError) as caught:
        parse_space(content, "my.yaml")
    assert str(caught.value).startswith("my.yaml: ")
    assert expected in str(caught.value)
    assert parse_space({**content, "enqueue": [{"lr": 0.1, "batch_size": 24}]}, "my.yaml")


def test_only_lists_and_values_are_finite() -> None:
    def found(**search: Any) -> int | None:
        space = parse_space({"dataset": {"name": "x"}, "pairs": PAIRS, "search": search}, "x")
        all_of_them = combinations(space.pairs, space.search)
        return None if all_of_them is None else len(all_of_them)

    assert found(temperature=4, alpha=[0.5]) == 2
    assert found(temperature=[1, 2], alpha=[0.1, 0.5, 0.9]) == 12
    assert found(temperature={"low": 1, "high": 9, "step": 1}) is None
    assert found(temperature=list(range(1, 101)), lr=[k / 1000 for k in range(1, 101)]) is None, (
        "too many to try"
    )
