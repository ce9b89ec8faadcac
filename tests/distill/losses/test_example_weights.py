"""Weights of examples: reweighing against its definition, class weights against scikit-learn's."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from kdtune.distill.arrays import Arrays
from kdtune.distill.config import TrainConfig
from kdtune.distill.losses.example_weights import example_weights, reweighing
from kdtune.errors import UnknownNameError


@pytest.fixture
def uneven(arrays: Arrays) -> Arrays:
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 2, size=400)
    labels = np.where(rng.random(400) < 0.2 + 0.4 * groups, 1, rng.integers(0, 3, size=400))
    return replace(arrays, train_labels=labels, train_groups={"sex": groups})


def weights(arrays: Arrays, **train: Any) -> Any:
    return example_weights(TrainConfig(epochs=1, **train), arrays)


def test_without_settings_all_weigh_the_same(uneven: Arrays) -> None:
    assert weights(uneven) is None
    assert weights(uneven, group_weights="sex", group_weights_strength=0.0) is None


def test_class_weights_are_scikit_learn_s(uneven: Arrays) -> None:
    expected = compute_sample_weight("balanced", uneven.train_labels)
    np.testing.assert_allclose(weights(uneven, class_weights="balanced"), expected, rtol=1e-6)


def test_reweighing_makes_label_and_group_independent(uneven: Arrays) -> None:
    labels, groups = uneven.train_labels, uneven.train_groups["sex"]
    found = weights(uneven, group_weights="sex").astype(float)
    table = np.array([[found[(groups == g) & (labels == y)].sum() for y in range(3)] for g in range(2)])
    table /= table.sum()
    np.testing.assert_allclose(table, np.outer(table.sum(axis=1), table.sum(axis=0)), atol=1e-6)
    by_hand = [(labels == y).mean() * (groups == g).mean() for y, g in zip(labels, groups, strict=True)]
    joint = [((labels == y) & (groups == g)).mean() for y, g in zip(labels, groups, strict=True)]
    np.testing.assert_allclose(found, np.divide(by_hand, joint), rtol=1e-5)


def test_strength_is_a_power_and_the_mean_stays_one(uneven: Arrays) -> None:
    whole = reweighing(uneven.train_labels, uneven.train_groups["sex"])
    half = weights(uneven, group_weights="sex", group_weights_strength=0.5)
    np.testing.assert_allclose(half, whole**0.5 / (whole**0.5).mean(), rtol=1e-5)
    assert half.mean() == pytest.approx(1, abs=1e-6)


def test_an_unknown_group_keeps_its_weight() -> None:
    found = reweighing(np.array([0, 1, 1, 0, 1]), np.array([0, 0, 1, 1, -1]))
    assert found.tolist() == [1, 1, 1, 1, 1]
    assert reweighing(np.array([0, 1]), np.array([-1, -1])).tolist() == [1, 1]


def test_a_misspelt_attribute_gets_the_nearest(uneven: Arrays) -> None:
    with pytest.raises(UnknownNameError, match="unknown sensitive attribute 'sexx'; did you mean 'sex'"):
        weights(uneven, group_weights="sexx")
