import numpy as np
import pytest

from kdtune.report.export.results.replicates import bootstrap_share, replicate_numbers
from kdtune.runs.measures.objectives import Objective

ACCURACY = [Objective.parse("accuracy", [])]
BOTH = [Objective.parse("accuracy", ["sex"]), Objective.parse("eod", ["sex"])]


def test_a_member_that_is_better_at_every_seed_is_always_non_dominated() -> None:
    values = [np.array([[0.9], [0.8]]), np.array([[0.7], [0.6]])]
    assert bootstrap_share(values, ACCURACY).tolist() == [1.0, 0.0]


def test_the_chance_is_that_of_the_resamples() -> None:
    """One member is surely 0.5; the other's mean is 0, 1/2 (in two of four draws) or 1: each loses one time in four."""
    values = [np.array([[0.5], [0.5]]), np.array([[0.0], [1.0]])]
    chance = bootstrap_share(values, ACCURACY, resamples=20_000)
    assert chance == pytest.approx([0.75, 0.75], abs=0.015)


def test_one_seed_says_nothing_of_spread() -> None:
    assert np.isnan(bootstrap_share([np.array([[0.9]]), np.array([[0.8], [0.7]])], ACCURACY)).all()


def test_mean_and_spread() -> None:
    numbers = replicate_numbers({"test": [{"eod": 0.1}, {"eod": 0.3}]}, failed=1)
    assert numbers["n"] == 2
    assert numbers["failed"] == 1
    assert numbers["test"]["eod"]["mean"] == pytest.approx(0.2)
    assert numbers["test"]["eod"]["std"] == pytest.approx(np.std([0.1, 0.3], ddof=1))
