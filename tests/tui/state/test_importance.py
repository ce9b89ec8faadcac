"""Importance: closed forms, and silence where there is nothing to say."""

import numpy as np
import pytest

from tui.state.importance import LEAST, importance, ranked


def test_ranks_share_ties() -> None:
    assert ranked(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_a_monotone_setting_has_all_the_strength() -> None:
    x = np.linspace(0.1, 3, 20).tolist()
    [found] = importance({"x": x}, -np.exp(x))
    assert found.strength == pytest.approx(1.0)
    assert found.sign == -1
    assert found.chance < 0.6


def test_a_name_that_decides_all_has_all_the_strength() -> None:
    names = ["a", "b"] * 10
    [found] = importance({"pair": names}, np.array([0.0 if n == "a" else 1.0 for n in names]))
    assert found.strength == pytest.approx(1.0)
    assert not found.numeric


def test_noise_stays_below_what_chance_shows_most_of_the_time() -> None:
    rng = np.random.default_rng(0)
    above = 0
    for _ in range(40):
        [found] = importance({"x": rng.normal(size=30).tolist()}, rng.normal(size=30))
        above += found.strength > found.chance
    assert above <= 7


def test_nothing_is_said_of_few_results_or_one_value() -> None:
    assert importance({"x": [1.0, 2, 3, 4, 5]}, np.arange(float(LEAST - 1))) == []
    assert importance({"x": [1.0] * 10}, np.arange(10.0)) == []
