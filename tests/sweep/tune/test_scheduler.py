"""Tune's side of early stopping: it asks about each result, and never hears of a single metric."""

import pickle
from typing import Any
from unittest.mock import MagicMock

import pytest
from ray.tune.trainable.metadata import _TrainingRunMetadata

from kdtune.sweep import search
from kdtune.sweep.remote.allotment import Allotment, Node
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


def test_tune_forgets_the_results_of_trials_that_have_ended() -> None:
    """Not yet those of the last one: Tune tells the searcher after the scheduler."""
    trials = [MagicMock(run_metadata=_TrainingRunMetadata()) for _ in range(3)]
    controller = MagicMock(_trials_to_cache=set(trials))
    scheduler = AskingScheduler(lambda *_: True)
    scheduler.on_trial_add(controller, trials[0])
    for trial in trials:
        trial.run_metadata.last_result = {"students": "[]"}
        trial.run_metadata.update_metric("time_total_s", 1.5)
    scheduler.on_trial_complete(None, trials[0], {})
    scheduler.on_trial_error(None, trials[1])
    scheduler.on_trial_complete(None, trials[2], {})
    kept = [
        (len(known.last_result), len(known.metric_analysis), len(known.metric_n_steps))
        for known in (trial.run_metadata for trial in trials)
    ]
    assert kept == [(0, 0, 0), (0, 0, 0), (1, 1, 1)]
    assert controller._trials_to_cache == {trials[2]}


def test_the_scheduler_takes_any_metric_and_has_none() -> None:
    scheduler = AskingScheduler(lambda *_: True)
    assert scheduler.set_search_properties(None, None)
    assert scheduler.set_search_properties("eod", "min")
    assert scheduler.metric is None


def test_tune_gets_no_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one, Tune would make a study of several objectives one of a single objective, without a word."""
    asked: dict[str, Any] = {}

    class Tuner:
        def __init__(self, _trainable: object, **options: Any) -> None:
            asked.update(options)

        def fit(self) -> None:
            pass

    monkeypatch.setattr("ray.tune.Tuner", Tuner)
    for wrapper in ("with_parameters", "with_resources"):
        monkeypatch.setattr(f"ray.tune.{wrapper}", lambda trainable, *_, **__: trainable)
    parts = MagicMock()
    search._fit(parts, Allotment(1, 1, 0, (Node(1),)), parts, parts)
    assert asked["tune_config"].metric is None
    assert asked["tune_config"].mode is None


def test_it_pickles_without_its_callback() -> None:
    assert pickle.loads(pickle.dumps(AskingScheduler(lambda *_: True))).__dict__ == {}
