import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cosine

from kdtune.errors import InputError
from kdtune.fairness import ExamplePairs, _individual, individual_fairness


def by_pairs(outputs, features):
    values = []
    for i, j in itertools.combinations(range(len(outputs)), 2):
        d = cosine(features[i], features[j])
        if d > 1e-8:
            change = np.abs(outputs[i] - outputs[j])
            values.append((change.sum() / 2 if outputs.ndim == 2 else change) / d)
    return float(np.mean(values)) if values else math.nan


def example(seed, n=12, columns=None, d=4):
    rng = np.random.default_rng(seed)
    outputs = rng.random(n) if columns is None else rng.dirichlet(np.ones(columns), size=n)
    return outputs, rng.normal(size=(n, d))


def test_right_angles_and_opposites() -> None:
    # Distances: 1 between the axes, 2 between opposites.
    features = np.array([[1.0, 0], [0, 2], [-3, 0]])
    assert individual_fairness([0.0, 0.5, 1.0], features) == pytest.approx((0.5 / 1 + 1.0 / 2 + 0.5 / 1) / 3)


@given(st.integers(0, 1000), st.integers(2, 12), st.sampled_from([None, 2, 5]))
def test_equals_a_loop(seed, n, columns) -> None:
    outputs, features = example(seed, n, columns)
    assert individual_fairness(outputs, features) == pytest.approx(by_pairs(outputs, features))


def test_chunks_do_not_show(monkeypatch) -> None:
    outputs, features = example(0, 50, 3)
    whole = individual_fairness(outputs, features)
    sampled = individual_fairness(outputs, features, pairs=500)
    monkeypatch.setattr(_individual, "_CHUNK", 130)
    assert individual_fairness(outputs, features) == pytest.approx(whole, rel=1e-12)
    assert individual_fairness(outputs, features, pairs=500) == pytest.approx(sampled, rel=1e-12)


@pytest.mark.parametrize("pairs", [None, 2_000_000])
def test_ten_thousand_examples_take_bounded_memory(pairs) -> None:
    outputs, features = example(0, 10_000, 2, 32)
    tracemalloc.start()
    try:
        value = individual_fairness(outputs, features.astype(np.float32), pairs=pairs)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert value > 0
    assert peak < 250e6, "one matrix of all distances would take 800 MB"


def test_two_columns_equal_one() -> None:
    p, features = example(0)
    assert individual_fairness(np.stack([1 - p, p], 1), features) == pytest.approx(
        individual_fairness(p, features)
    )


@given(st.integers(0, 1000), st.permutations(range(12)))
def test_order_does_not_matter(seed, order) -> None:
    outputs, features = example(seed)
    order = list(order)
    assert individual_fairness(outputs[order], features[order]) == pytest.approx(
        individual_fairness(outputs, features)
    )


@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(-1, 1))
def test_linear_in_the_outputs_and_blind_to_the_length_of_features(seed, scale, shift) -> None:
    outputs, features = example(seed)
    expected = scale * individual_fairness(outputs, features)
    lengths = np.linspace(0.5, 3, 12)[:, None]
    assert individual_fairness(scale * outputs + shift, features * lengths) == pytest.approx(expected)


def test_a_constant_model_treats_all_alike() -> None:
    assert individual_fairness(np.full(12, 0.3), example(0)[1]) == 0.0


def test_drawn_pairs_come_near_all_pairs_and_follow_the_seed() -> None:
    outputs, features = example(0, 60, 3, 8)
    whole = individual_fairness(outputs, features)
    drawn = [individual_fairness(outputs, features, pairs=50_000, seed=s) for s in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn == pytest.approx([whole] * 3, rel=0.02)


def test_drawing_never_pairs_an_example_with_itself() -> None:
    # A pair of equals is left out, and nothing is left of one pair then.
    assert [individual_fairness([0.0, 1.0], np.eye(2), pairs=1, seed=seed) for seed in range(50)] == [
        1.0
    ] * 50


def test_equal_features_are_left_out() -> None:
    features = np.array([[1.0, 0], [3.0, 0], [0, 1.0]])
    assert individual_fairness([0.0, 1.0, 1.0], features) == pytest.approx((1.0 + 0.0) / 2)
    assert individual_fairness([0.0, 1.0, 1.0], features, pairs=20_000) == pytest.approx(0.5, abs=0.02)


def test_an_example_without_direction_has_no_pairs() -> None:
    outputs, features = example(0, 12, 3)
    black = np.vstack([features[:5], np.zeros((1, 4)), features[5:]])
    more = np.vstack([outputs[:5], [[1.0, 0, 0]], outputs[5:]])
    assert individual_fairness(more, black) == pytest.approx(individual_fairness(outputs, features))
    drawn = individual_fairness(more, black, pairs=200_000)
    assert drawn == pytest.approx(individual_fairness(outputs, features), rel=0.02)
    assert math.isnan(individual_fairness([0.0, 1.0], [[1.0], [0.0]]))


def test_pairs_serve_several_models() -> None:
    one, features = example(0, 30, 3)
    other = example(1, 30, 3)[0]
    for pairs in (None, 300):
        shared = ExamplePairs(features, pairs=pairs, seed=7)
        for outputs in (one, other):
            alone = individual_fairness(outputs, features, pairs=pairs, seed=7)
            assert shared.individual_fairness(outputs) == alone


def test_single_precision_takes_distances_in_double() -> None:
    outputs, features = example(0, 30, 3)
    single = features.astype(np.float32)
    assert individual_fairness(outputs, single) == individual_fairness(outputs, single.astype(np.float64))


def test_no_pair_left_is_undefined() -> None:
    assert math.isnan(individual_fairness([0.0, 1.0], [[1.0, 1.0], [2.0, 2.0]]))
    assert math.isnan(individual_fairness([0.0], [[1.0, 1.0]]))
    assert math.isnan(individual_fairness([], np.zeros((0, 3)), pairs=5))


@pytest.mark.parametrize(
    ("outputs", "features", "options", "message"),
    [
        ([0.0, 1.0], [[1.0]], {}, "got the shapes"),
        ([0.0], [1.0], {}, r"must be \[n, D\], got the shape"),
        ([math.nan, 1.0], np.eye(2), {}, "finite"),
        ([0.0, 1.0], [[1.0, 0.0], [1.0, math.inf]], {}, "finite: those of example 1"),
        ([0.0, 1.0], np.eye(2), {"pairs": 0}, "pairs must be at least 1"),
    ],
)
def test_bad_input_is_named(outputs, features, options, message) -> None:
    with pytest.raises(InputError, match=message):
        individual_fairness(outputs, features, **options)
