"""Early stopping: the worse trial ends early, and Tune never hears of a single metric."""

import inspect
from typing import Any

import pytest
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from kdtune.sweep import driver
from kdtune.sweep.scheduler import make_scheduler
from kdtune.sweep.space import parse_space


def space(**early_stopping: Any) -> Any:
    content = {
        "dataset": {"name": "x"}, "pairs": ["a->b"], "budget": {"trials": 4, "epochs": 8},
        "early_stopping": early_stopping,
    }  # fmt: skip
    return parse_space(content, "x")


class Played:
    """As much of a Tune trial as the scheduler looks at."""

    def __init__(self, name: str) -> None:
        self.trial_id = name
        self.last_result: dict[str, Any] = {}
        self.config: dict[str, Any] = {}

    def is_finished(self) -> bool:
        return False


def decisions(scheduler: TrialScheduler, results: list[tuple[str, int, dict[str, float]]]) -> list[str]:
    trials: dict[str, Any] = {}
    made = []
    for name, epoch, values in results:
        if name not in trials:
            trials[name] = Played(name)
            scheduler.on_trial_add(None, trials[name])
        made.append(scheduler.on_trial_result(None, trials[name], {"epoch": epoch, **values}))
    return made


@pytest.mark.parametrize("measure", ["accuracy", "worst_class_accuracy"])
def test_asha_ends_the_trial_that_lags_behind(measure: str) -> None:
    scheduler = make_scheduler(space(method="asha", measure=measure, grace=1, factor=2))
    assert decisions(
        scheduler, [("a", 1, {measure: 0.9}), ("b", 1, {measure: 0.2}), ("c", 1, {measure: 0.95})]
    ) == ["CONTINUE", "STOP", "CONTINUE"]


def test_asha_leaves_everybody_the_grace_period() -> None:
    scheduler = make_scheduler(space(method="asha", grace=3))
    results = [("a", k, {"accuracy": 0.9}) for k in (1, 2)] + [("b", k, {"accuracy": 0.1}) for k in (1, 2)]
    assert set(decisions(scheduler, results)) == {"CONTINUE"}


def test_without_early_stopping_nobody_is_ended() -> None:
    scheduler = make_scheduler(space())
    assert type(scheduler) is FIFOScheduler


def test_the_scheduler_keeps_its_measure_and_tune_gets_none() -> None:
    scheduler = make_scheduler(space(method="asha"))
    assert scheduler.set_search_properties(None, None)
    assert scheduler.set_search_properties("eod", "min")
    assert decisions(scheduler, [("a", 1, {"accuracy": 0.9}), ("b", 1, {"accuracy": 0.1})])[-1] == "STOP"
    call = inspect.getsource(driver).split("TuneConfig(")[1].split("run_config")[0]
    assert "metric" not in call
    assert "mode" not in call
