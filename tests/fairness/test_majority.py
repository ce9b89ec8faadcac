import math

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from kdtune.fairness import against_majority, changes, count


def test_it_is_mcnemars_test_against_the_constant_answer() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 200, p=[0.2, 0.5, 0.3])
    answers = np.where(rng.random(200) < 0.6, labels, rng.integers(0, 3, 200))
    groups = rng.integers(0, 2, 200)
    majority = np.full(200, np.bincount(labels).argmax())
    expected = changes(labels, majority, answers, np.zeros(200, np.int64), n_parts=1)
    found = against_majority(count(labels, answers, groups, n_classes=3, n_groups=2))
    assert found.difference == pytest.approx(expected.difference[0])
    n = int(expected.gained[0] + expected.lost[0])
    assert found.p == pytest.approx(binomtest(int(expected.gained[0]), n, alternative="greater").pvalue)
    assert found.beyond_noise()
    assert not found.constant


@pytest.mark.parametrize("answer", [0, 1])
def test_a_constant_model_is_named_and_never_better(answer: int) -> None:
    labels = np.array([0] * 30 + [1] * 70)
    found = against_majority(count(labels, np.full(100, answer), n_classes=2))
    assert found.constant
    assert found.difference == pytest.approx(0.0 if answer else -0.4)
    assert not found.beyond_noise()


@pytest.mark.parametrize(
    ("gained", "lost", "z"),
    [
        (0, 0, 0.0),
        (3, 3, 0.0),
        (9, 2, -norm.ppf(binomtest(9, 11, alternative="greater").pvalue)),
        (2, 9, norm.ppf(binomtest(9, 11, alternative="greater").pvalue)),
        (0, 4, norm.ppf(0.5**4)),
        (0, 1, 0.0),
        (4000, 0, 37.0),
        (0, 4000, -37.0),
    ],
)
def test_standard_errors_of_what_is_better_and_of_what_is_worse(gained: int, lost: int, z: float) -> None:
    """A model that is as often right as the majority answer is not worse than one that is wrong more often."""
    rare, frequent = 4100, 4200
    labels = np.array([0] * rare + [1] * frequent)
    answers = np.ones(rare + frequent, int)
    answers[:gained] = 0
    answers[rare : rare + lost] = 0
    found = against_majority(count(labels, answers, n_classes=2))
    assert found.z == pytest.approx(z)
    assert math.copysign(1, found.z) == (1 if z >= 0 else -1)


def test_a_model_that_guesses_is_seldom_called_better() -> None:
    rng = np.random.default_rng(1)
    better = 0
    for _ in range(400):
        labels = (rng.random(150) < 0.5).astype(int)
        better += against_majority(count(labels, rng.integers(0, 2, 150), n_classes=2)).beyond_noise()
    assert better / 400 < 0.05


def test_without_examples_nothing_is_known() -> None:
    none = np.array([], dtype=np.int64)
    found = against_majority(count(none, none, n_classes=2))
    assert np.isnan(found.p)
    assert not found.beyond_noise()
    assert not found.constant
