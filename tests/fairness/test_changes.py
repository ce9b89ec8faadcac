import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from kdtune.errors import InputError
from kdtune.fairness import changes, count


@given(st.integers(0, 10**6))
def test_gains_and_losses_by_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, before, after = rng.integers(0, 3, (3, 60))
    groups = rng.integers(-1, 4, 60)
    found = changes(labels, before, after, groups, n_parts=5)
    for part in range(5):
        mine = groups == part
        gained = int((mine & (after == labels) & (before != labels)).sum())
        lost = int((mine & (before == labels) & (after != labels)).sum())
        assert (found.n[part], found.gained[part], found.lost[part]) == (mine.sum(), gained, lost)
        if not mine.any():
            assert np.isnan([found.p[part], found.difference[part]]).all()
            continue
        rates = [(guess == labels)[mine].mean() for guess in (before, after)]
        assert found.difference[part] == pytest.approx(rates[1] - rates[0])
        expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
        assert found.p[part] == pytest.approx(expected)


def test_parts_may_be_classes() -> None:
    labels, before, after = np.random.default_rng(0).integers(0, 3, (3, 300))
    found = changes(labels, before, after, labels, n_parts=3)
    rates = [count(labels, guess, n_classes=3).class_accuracy for guess in (before, after)]
    assert found.difference == pytest.approx(rates[1] - rates[0])


def test_equal_models_are_called_different_in_less_than_one_of_twenty() -> None:
    rng = np.random.default_rng(0)
    parts = np.repeat(np.arange(400), 50)
    before, after = rng.random((2, len(parts))) < 0.7
    found = changes(np.ones(len(parts), int), before, after, parts, n_parts=400)
    assert np.mean(found.p <= 0.05) <= 0.05


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="after has 1"):
        changes([0, 1], [0, 1], [0], [0, 0], n_parts=1)
    with pytest.raises(InputError, match=r"parts\[1\] is 3"):
        changes([0, 1], [0, 1], [0, 1], [0, 3], n_parts=2)
