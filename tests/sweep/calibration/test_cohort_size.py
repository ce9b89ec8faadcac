"""How many students are trained as one: what the space asks for, what the budget allows, what was measured."""

import math
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from kdtune import models
from kdtune.sweep.calibration import cohort_size
from kdtune.sweep.calibration.cohort_size import CohortChoice, best_size, block_size, choose_cohorts
from kdtune.sweep.calibration.place import Setting


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
    monkeypatch.setattr(cohort_size, "best_size", lambda name, plan, place: 8)
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


def test_a_model_of_one_s_own_that_was_changed_is_measured_again(
    plan_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(train={"batch_size": 39})
    job = replace(plan.student_job("linear"), architecture="own")
    monkeypatch.setattr(cohort_size, "_measure", lambda *_: {4: 1.5})

    def best(*layers: nn.Module) -> int:
        @models.register_model("own")
        def own(shape: tuple[int, ...], n_classes: int) -> nn.Module:
            return nn.Sequential(nn.Flatten(), *layers, nn.Linear(math.prod(shape), n_classes))

        try:
            return cohort_size._best_size(job, Setting.of(plan))
        finally:
            models.models._items.pop("own")

    assert [best(), best(nn.Dropout()), best()] == [4, 1, 4], "none with dropout is trained side by side"


def test_a_measurement_has_a_ratio_for_each_size(plan_of: Any) -> None:
    """For a network that works side by side there is a ratio for each size, whatever its value."""
    plan = plan_of(train={"batch_size": 37})
    gains = cohort_size._measure(
        plan.student_job("linear"), Setting.of(plan), cohort_size.torch.device("cpu"), 1
    )
    assert set(gains) == set(cohort_size.SIZES)
    assert all(gain > 0 for gain in gains.values())


def test_a_cache_that_can_not_be_written_costs_only_time(
    plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(cohort_size, "_measure", lambda *_: {4: 1.5})
    assert best_size("linear", plan_of()) == 4


def test_what_has_no_room_on_the_gpu_ends_no_sweep(plan_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step = cohort_size.fused_step

    def full(job: Any, data: Any, size: int) -> Any:
        if size > 4:
            raise cohort_size.torch.OutOfMemoryError("CUDA out of memory")
        return step(job, data, size)

    monkeypatch.setattr(cohort_size, "fused_step", full)
    plan = plan_of(train={"batch_size": 37})
    device = cohort_size.torch.device("cpu")
    assert set(cohort_size._measure(plan.student_job("linear"), Setting.of(plan), device, 1)) == {4}


def test_a_student_that_has_no_room_alone_ends_no_sweep(
    plan_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise cohort_size.torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(cohort_size, "_measure", full)
    assert best_size("linear", plan_of(train={"batch_size": 39})) == 1


def test_it_is_measured_where_trials_run(plan_of: Any) -> None:
    """The driver of a cluster may have no GPU, or another one."""
    asked: list[tuple[Any, ...]] = []

    def elsewhere(function: Any, *arguments: Any) -> int:
        asked.append(pickle.loads(pickle.dumps(arguments)))
        return 8

    plan = plan_of(budget={"trials": 64, "epochs": 1})
    assert choose_cohorts(plan, 2, elsewhere) == CohortChoice(8, ("linear",))
    assert [job.architecture for job, _ in asked] == ["linear"]
