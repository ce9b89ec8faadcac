"""Ranks by the longest chain, ε-nets by the definition of farthest."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kdtune.pareto import epsilon_net, non_dominated, non_dominated_rank

nan, inf = float("nan"), float("inf")
CELLS = st.sampled_from([-inf, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, inf, nan])
SHAPES = st.tuples(st.integers(0, 12), st.integers(1, 4))
POINTS = SHAPES.flatmap(lambda shape: arrays(float, shape, elements=CELLS))
# Sixteenths are exact in floating point, and so are their differences and halves.
FINITE = SHAPES.flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(-32, 32).map(lambda k: k / 16))
)


def longest_chain(values):
    """Rank by another definition: the longest chain of rows, each dominated by the next, that ends at a row."""
    rows = [tuple(row) for row in values]

    def dominates(a, b):
        return all(x <= y for x, y in zip(a, b, strict=True)) and a != b

    defined = [k for k, row in enumerate(rows) if not any(map(math.isnan, row))]
    known = {}

    def rank(k):
        if k not in known:
            above = [rank(j) for j in defined if dominates(rows[j], rows[k])]
            known[k] = 1 + max(above, default=-1)
        return known[k]

    return [rank(k) if k in defined else -1 for k in range(len(rows))]


@given(POINTS)
def test_rank_is_the_longest_chain(values) -> None:
    assert non_dominated_rank(values, ["min"] * values.shape[1]).tolist() == longest_chain(values)


@given(POINTS, st.data())
def test_rank_zero_is_the_non_dominated_set(values, data) -> None:
    d = values.shape[1]
    directions = data.draw(st.lists(st.sampled_from(["max", "min"]), min_size=d, max_size=d))
    assert ((non_dominated_rank(values, directions) == 0) == non_dominated(values, directions)).all()


@given(POINTS, st.data())
def test_rank_under_permutation_and_flip(values, data) -> None:
    d = values.shape[1]
    order = np.array(data.draw(st.permutations(range(len(values)))), int)
    ranks = non_dominated_rank(values, ["max"] * d)
    assert (non_dominated_rank(values[order], ["max"] * d) == ranks[order]).all()
    assert (non_dominated_rank(-values, ["min"] * d) == ranks).all()


def farthest_first(rows):
    """The ε-net by its definition, on distinct rows: minimised, on [0, 1]; rows in lexicographic order."""
    columns = list(zip(*rows, strict=True))
    spans = [max(c) - min(c) or 1.0 for c in columns]

    def distance(a, b):
        return round(math.dist(np.divide(a, spans), np.divide(b, spans)), 9)

    left = sorted(rows)
    net = [left.pop(0)]
    while left:
        best = max(left, key=lambda row: min(distance(row, other) for other in net))
        net.append(best)
        left.remove(best)
    return net


@given(FINITE)
def test_epsilon_net_is_farthest_first(values) -> None:
    rows = [tuple(row) for row in values.tolist()]
    net = farthest_first(sorted(set(rows))) if rows else []
    places = epsilon_net(values, ["min"] * values.shape[1])
    before = 0
    for row in net:
        assert {int(p) for p, r in zip(places, rows, strict=True) if r == row} == {before}
        before += rows.count(row)


@given(FINITE, st.data())
def test_epsilon_net_under_permutation_flip_and_scale(values, data) -> None:
    d = values.shape[1]
    order = np.array(data.draw(st.permutations(range(len(values)))), int)
    places = epsilon_net(values, ["max"] * d)
    assert (epsilon_net(values[order], ["max"] * d) == places[order]).all()
    assert (epsilon_net(-values, ["min"] * d) == places).all()
    scale, shift = np.array([4.0, 0.5, 8.0, 2.0][:d]), np.array([1.0, -3.0, 0.25, 0.0][:d])
    assert (epsilon_net(values * scale + shift, ["max"] * d) == places).all()


def test_epsilon_net_of_a_line() -> None:
    """Best first, then the other end, the middle, the quarters."""
    x = np.arange(5.0)
    assert epsilon_net(np.stack([x, -x], axis=1), ["min", "min"]).tolist() == [0, 3, 2, 4, 1]


def test_equal_rows_share_the_first_place() -> None:
    assert epsilon_net([[0, 1], [1, 0], [0, 1], [1, 0]], ["min", "min"]).tolist() == [0, 2, 0, 2]


@pytest.mark.parametrize("values", [[[inf, 0], [0, inf], [1, 1]], [[inf, 0], [inf, 1]], [[-inf, inf]]])
def test_epsilon_net_of_infinities(values) -> None:
    places = epsilon_net(values, ["min", "min"])
    assert sorted(places) == list(range(len(values)))


def test_empty() -> None:
    assert non_dominated_rank([], ["max", "min"]).shape == (0,)
    assert non_dominated_rank([[nan, 1]], ["max", "min"]).tolist() == [-1]
    assert epsilon_net([], ["max", "min"]).shape == (0,)
