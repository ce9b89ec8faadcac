"""Tune's side of early stopping: it asks about each result, and never hears of a single metric."""

import inspect
import pickle
from typing import Any

from kdtune.sweep import driver
from kdtune.sweep.tune.scheduler import AskingScheduler


class Played:
    """The part of a Tune trial that the scheduler uses."""

    trial_id = "carrier-1"


def test_a_trial_ends_when_goes_on_says_no() -> None:
    asked = []

    def goes_on(trial_id: str, result: dict[str, Any]) -> bool:
        asked.append((trial_id, result["epoch"]))
        return bool(result["epoch"] < 2)

    scheduler = AskingScheduler(goes_on)
    decisions = [scheduler.on_trial_result(None, Played(), {"epoch": epoch}) for epoch in (1, 2)]
    assert decisions == ["CONTINUE", "STOP"]
    assert asked == [("carrier-1", 1), ("carrier-1", 2)]


def test_tune_gets_no_metric() -> None:
    scheduler = AskingScheduler(lambda *_: True)
    assert scheduler.set_search_properties(None, None)
    assert scheduler.set_search_properties("eod", "min")
    assert scheduler.metric is None
    call = inspect.getsource(driver).split("TuneConfig(")[1].split("run_config")[0]
    assert "metric" not in call
    assert "mode" not in call


def test_it_pickles_without_its_callback() -> None:
    assert pickle.loads(pickle.dumps(AskingScheduler(lambda *_: True))).__dict__ == {}
