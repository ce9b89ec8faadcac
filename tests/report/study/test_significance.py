"""The noise floors: against simulation, and where there is none."""

import numpy as np
import pytest
from scipy import stats

from kdtune.report.study.statistics.significance import expected_floor, floor_of
from kdtune.report.study.statistics.trend import trend


@pytest.mark.parametrize(("classes", "expected"), [(10, 0.45), (100, 4.4)])
def test_identical_models_give_the_expected_floor(classes: int, expected: float) -> None:
    floor = expected_floor(classes, 5, 5, 0.05)
    assert floor is not None
    assert floor.raw == pytest.approx(expected, rel=0.05)
    assert floor.bh < 0.15


def test_the_measured_floor_of_identical_models_is_the_expected_one() -> None:
    rng = np.random.default_rng(0)
    by_class = rng.normal(0.7, 0.02, (10, 2000))
    found = floor_of(by_class, by_class.mean(axis=1), null="raw", level=0.05)
    expected = expected_floor(2000, 5, 5, 0.05)
    assert found is not None
    assert expected is not None
    assert (found.splits, found.sizes) == (126, (5, 5))
    assert found.raw == pytest.approx(expected.raw, rel=0.15)


def test_no_floor_with_too_few_seeds() -> None:
    assert floor_of(np.full((3, 2), 0.5), np.full(3, 0.5), null="ratio", level=0.05) is None
    assert expected_floor(10, 1, 5, 0.05) is None


def test_trend_is_spearmans() -> None:
    rng = np.random.default_rng(1)
    temperatures = [1.0, 2.0, 4.0, 8.0]
    values = [[(seed, t + rng.normal(0, 3)) for seed in range(5)] for t in temperatures]
    found = trend(temperatures, values)
    x = [t for t in temperatures for _ in range(5)]
    y = [value for row in values for _, value in row]
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    exact = stats.permutation_test(
        (np.array(y),),
        lambda z: stats.spearmanr(x, z).statistic,
        permutation_type="pairings",
        n_resamples=2000,
        rng=np.random.default_rng(0),
    )
    assert found.p == pytest.approx(exact.pvalue, abs=0.02), (
        "seeds do not differ here, so all orders count alike"
    )


def test_trend_says_why_there_is_none() -> None:
    assert "temperatures" in trend([1.0, 2.0], [[(0, 0.1)], [(0, 0.2)]]).note
    assert "same value" in trend([1.0, 2.0, 3.0], [[(0, 0.1)]] * 3).note
    one = trend([1.0, 2.0, 3.0], [[(0, 0.1)], [(0, 0.2)], [(0, 0.3)]])
    assert one.rho == pytest.approx(1)
    assert one.p == pytest.approx(2 / 6, abs=0.03), "2 of the 6 orders of one seed are as strong"


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_trends_without_effect_are_found_in_one_of_twenty(seeds: int) -> None:
    """Values differ between seeds, which learn from teachers of their own, but not with T."""
    rng = np.random.default_rng(0)
    temperatures = [1.0, 2.0, 4.0, 8.0, 16.0]
    found = []
    for _ in range(300):
        own = rng.normal(0, 1, seeds)
        values = [[(seed, own[seed] + rng.normal(0, 0.5)) for seed in range(seeds)] for _ in temperatures]
        found.append(trend(temperatures, values).p)
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5
    assert 0.45 < np.mean(found) < 0.6, "p is neither too small nor useless"


def test_a_trend_within_every_seed_is_found_although_seeds_differ() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(0, 10, 5)
    values = [[(seed, own[seed] + t + rng.normal(0, 0.2)) for seed in range(5)] for t in range(5)]
    found = trend([1.0, 2.0, 4.0, 8.0, 16.0], values)
    assert found.rho < 0.5
    assert found.p < 0.001
