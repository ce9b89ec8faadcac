"""Importance: closed forms, and silence where there is nothing to say."""

import numpy as np
import pytest

from kdtune.runs.state import ModelState
from tui.importance import LEAST, importance, ranked


def trials(n, **columns):
    return [
        ModelState(
            id=f"t{k:04d}",
            kind="student",
            config={name: values[k] for name, values in columns.items() if name != "y"},
            epochs=1,
            values={"y": float(columns["y"][k])},
        )
        for k in range(n)
    ]


def test_ranks_share_ties():
    assert ranked(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_a_monotone_setting_has_all_the_strength():
    x = np.linspace(0.1, 3, 20).tolist()
    [found] = importance(trials(20, x=x, y=[-np.exp(v) for v in x]), ["x"], "y")
    assert found.strength == pytest.approx(1.0)
    assert found.sign == -1
    assert found.chance < 0.6


def test_a_name_that_decides_all_has_all_the_strength():
    names = ["a", "b"] * 10
    [found] = importance(trials(20, pair=names, y=[0.0 if n == "a" else 1.0 for n in names]), ["pair"], "y")
    assert found.strength == pytest.approx(1.0)
    assert not found.numeric


def test_noise_stays_below_what_chance_shows_most_of_the_time():
    rng = np.random.default_rng(0)
    above = 0
    for _ in range(40):
        rows = trials(30, x=rng.normal(size=30).tolist(), y=rng.normal(size=30))
        [found] = importance(rows, ["x"], "y")
        above += found.strength > found.chance
    assert above <= 7


def test_nothing_is_said_of_few_results_or_one_value():
    assert importance(trials(LEAST - 1, x=[1.0, 2, 3, 4, 5], y=[1.0, 2, 3, 4, 5]), ["x"], "y") == []
    assert importance(trials(10, x=[1.0] * 10, y=range(10)), ["x"], "y") == []
