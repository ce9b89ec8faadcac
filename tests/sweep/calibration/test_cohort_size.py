"""How many students are trained as one: what the space asks for, what the budget allows, what was measured."""

from pathlib import Path
from typing import Any

import pytest

from kdtune.sweep.calibration import cohort_size
from kdtune.sweep.calibration.cohort_size import CohortChoice, best_size, block_size, choose_cohorts


@pytest.mark.parametrize(
    ("largest", "trials", "workers", "expected"),
    [
        (16, 40, 2, 10),
        (16, 40, 1, 10),
        (4, 40, 2, 4),
        (8, 40, 2, 7),
        (16, 4, 1, 1),
        (16, 8, 2, 2),
        (16, 1000, 2, 16),
        (16, None, 2, 16),
        (16, 5, 8, 1),
    ],
)
def test_blocks_fill_all_workers_alike(largest: int, trials: int | None, workers: int, expected: int) -> None:
    size = block_size(largest, trials, workers)
    assert size == expected
    assert size <= largest


@pytest.mark.parametrize(
    ("cohort", "expected"),
    [(1, CohortChoice()), (5, CohortChoice(5, ("linear",))), ("auto", CohortChoice(8, ("linear",)))],
)
def test_the_space_decides_or_measurement_does(
    plan_of: Any, monkeypatch: pytest.MonkeyPatch, cohort: Any, expected: CohortChoice
) -> None:
    monkeypatch.setattr(cohort_size, "best_size", lambda name, plan: 8)
    plan = plan_of(resources={"cohort": cohort}, budget={"trials": 64, "epochs": 1})
    assert choose_cohorts(plan, 2) == expected


def test_what_does_not_win_is_trained_one_by_one(plan_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort_size, "_measure", lambda *_: {4: 1.1, 8: 1.14, 16: 0.9})
    plan = plan_of(search={"batch_size": 24}, train={"batch_size": 33})
    assert best_size("linear", plan) == 1
    assert choose_cohorts(plan, 1) == CohortChoice()


def test_a_measurement_is_kept(plan_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(train={"batch_size": 35})
    monkeypatch.setattr(cohort_size, "_measure", lambda *_: {4: 1.5, 8: 2.0, 16: 1.9})
    assert best_size("linear", plan) == 8
    monkeypatch.setattr(cohort_size, "_measure", lambda *_: pytest.fail("measured again"))
    assert best_size("linear", plan) == 8
    monkeypatch.setattr(cohort_size, "_measure", lambda *_: {4: 1.0})
    assert best_size("linear", plan_of(train={"batch_size": 36})) == 1


def test_a_measurement_has_a_ratio_for_each_size(plan_of: Any) -> None:
    """For a network that works side by side there is a ratio for each size, whatever its value."""
    plan = plan_of(train={"batch_size": 37})
    gains = cohort_size._measure(plan.student_job("linear"), plan, cohort_size.torch.device("cpu"), 1)
    assert set(gains) == set(cohort_size.SIZES)
    assert all(gain > 0 for gain in gains.values())


def test_a_cache_that_can_not_be_written_costs_only_time(
    plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(cohort_size, "_measure", lambda *_: {4: 1.5})
    assert best_size("linear", plan_of()) == 4
