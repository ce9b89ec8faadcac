import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kdtune.errors import InputError
from kdtune.pareto import non_dominated

nan, inf = float("nan"), float("inf")

# Few distinct values, so that ties, duplicates, infinities and NaN all occur.
CELLS = st.sampled_from([-inf, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, inf, nan])
SHAPES = st.tuples(st.integers(0, 12), st.integers(1, 4))
POINTS = SHAPES.flatmap(lambda shape: arrays(float, shape, elements=CELLS))


def by_pairs(values, directions, feasible=None):
    """The definition, pair by pair."""
    sign = [1 if d == "max" else -1 for d in directions]
    rows = [[s * v for s, v in zip(sign, row, strict=True)] for row in values]
    ok = [not any(np.isnan(row)) for row in rows]
    if feasible is not None:
        ok = [a and bool(b) for a, b in zip(ok, feasible, strict=True)]

    def dominates(a, b):
        pairs = list(zip(a, b, strict=True))
        return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)

    return [
        ok[i] and not any(ok[j] and dominates(rows[j], rows[i]) for j in range(len(rows)))
        for i in range(len(rows))
    ]


@given(POINTS, st.data())
def test_equals_the_definition(values, data) -> None:
    n, d = values.shape
    directions = data.draw(st.lists(st.sampled_from(["max", "min"]), min_size=d, max_size=d))
    feasible = data.draw(st.none() | arrays(bool, n))
    result = non_dominated(values, directions, feasible)
    assert result.dtype == bool
    assert result.tolist() == by_pairs(values, directions, feasible)


@given(POINTS, st.data())
def test_order_does_not_matter(values, data) -> None:
    directions = ["max"] * values.shape[1]
    order = np.array(data.draw(st.permutations(range(len(values)))), int)
    assert (non_dominated(values[order], directions) == non_dominated(values, directions)[order]).all()


@given(POINTS, st.floats(0.1, 10), st.floats(-5, 5))
def test_scale_and_shift_do_not_matter(values, scale, shift) -> None:
    directions = ["min"] * values.shape[1]
    assert (non_dominated(values * scale + shift, directions) == non_dominated(values, directions)).all()


@given(POINTS)
def test_maximising_is_minimising_the_negative(values) -> None:
    d = values.shape[1]
    assert (non_dominated(values, ["max"] * d) == non_dominated(-values, ["min"] * d)).all()


def test_ties_are_kept() -> None:
    assert non_dominated([[1, 2], [1, 2], [0, 0]], ["max", "max"]).tolist() == [True, True, False]
    assert non_dominated([[0.0, 1.0], [-0.0, 1.0]], ["min", "max"]).tolist() == [True, True]


def test_nan_poisons_nothing() -> None:
    assert non_dominated([[nan, 9], [1, 1], [9, nan]], ["max", "max"]).tolist() == [False, True, False]


def test_the_infeasible_is_out_and_dominates_nothing() -> None:
    assert non_dominated([[9, 9], [1, 1]], ["max", "max"], [False, True]).tolist() == [False, True]


def test_empty() -> None:
    assert non_dominated([], ["max", "min"]).shape == (0,)
    assert non_dominated([], ["max", "min"], []).shape == (0,)
    assert non_dominated(np.zeros((0, 3)), ["max"] * 3).shape == (0,)


@pytest.mark.parametrize("d", [2, 3])
def test_ten_thousand_points_on_the_front(d) -> None:
    n = 10_000 if d == 2 else 1_000
    x = np.arange(n, dtype=float)
    values = np.stack([x, -x, x][:d], axis=1)
    assert non_dominated(values, ["max", "max", "min"][:d]).all()


@pytest.mark.parametrize(
    ("values", "directions", "feasible", "message"),
    [
        ([[1, 2]], ["max"], None, r"\[n, 1\]"),
        ([1, 2], ["max", "max"], None, r"\[n, 2\]"),
        ([[1, 2]], ["max", "up"], None, "direction 1 is 'up'"),
        ([[1]], "max", None, "sequence"),
        ([[1]], [], None, "sequence"),
        ([[1]], ["max"], [True, False], r"bool \[1\]"),
        ([[1]], ["max"], [0.5], r"bool \[1\]"),
    ],
)
def test_bad_input_is_named(values, directions, feasible, message) -> None:
    with pytest.raises(InputError, match=message):
        non_dominated(values, directions, feasible)
