import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kdtune.errors import InputError
from kdtune.pareto import hypervolume, non_dominated

nan, inf = float("nan"), float("inf")


def points(max_n, dims, elements):
    shapes = st.tuples(st.integers(0, max_n), st.integers(*dims))
    return shapes.flatmap(lambda shape: arrays(float, shape, elements=elements))


INTEGERS = points(7, (1, 5), st.integers(0, 4).map(float))
REALS = points(6, (1, 5), st.floats(0, 1, allow_subnormal=False))


def by_cells(values, reference):
    """Minimised, integer coordinates: the number of unit cells that some point dominates."""
    total = 0
    for cell in itertools.product(*(range(int(r)) for r in reference)):
        total += any(all(v <= c for v, c in zip(row, cell, strict=True)) for row in values)
    return total


def by_inclusion_exclusion(values, reference):
    """Minimised: the volume of a union of boxes."""
    total = 0.0
    for size in range(1, len(values) + 1):
        for chosen in itertools.combinations(values, size):
            sides = np.clip(reference - np.max(chosen, axis=0), 0, None)
            total -= (-1) ** size * np.prod(sides)
    return total


@pytest.mark.parametrize("n", [1, 2, 5, 100])
def test_staircase(n) -> None:
    # The points (i, n - 1 - i) below (n, n): all cells but the triangle under the staircase.
    values = [(i, n - 1 - i) for i in range(n)]
    assert hypervolume(values, ["min", "min"], [n, n]) == n**2 - n * (n - 1) / 2


@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_staircase_as_a_prism(n) -> None:
    values = [(i, n - 1 - i, 0) for i in range(n)]
    for columns in itertools.permutations(range(3)):
        turned = np.array(values)[:, columns]
        assert hypervolume(turned, ["min"] * 3, [n, n, n]) == n * (n**2 - n * (n - 1) / 2)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6])
def test_one_point_is_a_box(d) -> None:
    sides = np.arange(1, d + 1)
    assert hypervolume([-sides], ["min"] * d, np.zeros(d)) == np.prod(sides)


@given(INTEGERS)
def test_equals_counting_cells(values) -> None:
    reference = np.full(values.shape[1], 4.0)
    assert hypervolume(values, ["min"] * values.shape[1], reference) == by_cells(values, reference)


@given(REALS)
def test_equals_inclusion_exclusion(values) -> None:
    reference = np.full(values.shape[1], 0.9)
    expected = by_inclusion_exclusion(values, reference)
    assert hypervolume(values, ["min"] * values.shape[1], reference) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("n", "d"), [(1, 1), (50, 2), (300, 3), (40, 4), (15, 6)])
def test_equals_optuna(n, d) -> None:
    optuna_hypervolume = pytest.importorskip("optuna._hypervolume").compute_hypervolume
    rng = np.random.default_rng(n)
    for _ in range(5):
        values = np.abs(rng.normal(size=(n, d)))
        values /= np.linalg.norm(
            values, axis=1, keepdims=True
        )  # on a sphere: nearly all of them on the front
        ours = hypervolume(1 - values, ["min"] * d, np.ones(d))
        assert ours == pytest.approx(optuna_hypervolume(1 - values, np.ones(d)), rel=1e-12)


@given(REALS, st.data())
def test_order_does_not_matter(values, data) -> None:
    d = values.shape[1]
    order = np.array(data.draw(st.permutations(range(len(values)))), int)
    assert hypervolume(values[order], ["min"] * d, np.ones(d)) == hypervolume(values, ["min"] * d, np.ones(d))


@given(REALS, st.data())
def test_columns_may_be_swapped(values, data) -> None:
    d = values.shape[1]
    columns = list(data.draw(st.permutations(range(d))))
    swapped = hypervolume(values[:, columns], ["min"] * d, np.ones(d))
    assert swapped == pytest.approx(hypervolume(values, ["min"] * d, np.ones(d)), abs=1e-12)


@given(REALS, st.floats(0.1, 10))
def test_scales_with_each_axis(values, scale) -> None:
    d = values.shape[1]
    stretched, corner = values.copy(), np.ones(d)
    stretched[:, 0] *= scale
    corner[0] *= scale
    expected = scale * hypervolume(values, ["min"] * d, np.ones(d))
    assert hypervolume(stretched, ["min"] * d, corner) == pytest.approx(expected, abs=1e-10)


@given(REALS)
def test_maximising_is_minimising_the_negative(values) -> None:
    d = values.shape[1]
    assert hypervolume(-values, ["max"] * d, -np.ones(d)) == hypervolume(values, ["min"] * d, np.ones(d))


@given(REALS)
def test_only_the_front_counts_and_more_points_never_hurt(values) -> None:
    d = values.shape[1]
    directions, corner = ["min"] * d, np.ones(d)
    whole = hypervolume(values, directions, corner)
    assert hypervolume(values[non_dominated(values, directions)], directions, corner) == whole
    assert hypervolume(values[1:], directions, corner) <= whole + 1e-12


def test_directions_are_each_columns_own() -> None:
    # accuracy up, eod down, from the corner (0, 1)
    assert hypervolume([[0.9, 0.2]], ["max", "min"], [0, 1]) == pytest.approx(0.72)


def test_nothing_to_measure() -> None:
    assert hypervolume([], ["max", "min"], [0, 1]) == 0.0
    assert hypervolume([[nan, 0.0], [0.5, nan]], ["max", "min"], [0, 1]) == 0.0
    assert hypervolume([[0.0, 0.5], [0.5, 1.0], [-1.0, 2.0]], ["max", "min"], [0, 1]) == 0.0


def test_nan_rows_do_not_poison_the_others() -> None:
    assert hypervolume([[0.5, 0.5], [nan, 0.1]], ["max", "min"], [0, 1]) == 0.25


def test_duplicates_count_once() -> None:
    for d in (1, 2, 3, 4):
        assert hypervolume(np.zeros((3, d)), ["min"] * d, np.ones(d)) == 1.0


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_infinities(d) -> None:
    assert hypervolume([[-inf] * d, [0.0] * d], ["min"] * d, [1.0] * d) == inf
    assert hypervolume([[0.0] * d], ["min"] * d, [inf] * d) == inf
    assert hypervolume([[inf] * d, [0.0] * d], ["min"] * d, [1.0] * d) == 1.0


def test_an_infinite_point_level_with_the_reference_adds_nothing() -> None:
    assert hypervolume([[-inf, 1.0], [0.0, 0.0]], ["min", "min"], [1.0, 1.0]) == 1.0


@pytest.mark.parametrize("reference", [[0.0], [0.0, nan], 0.0, [0.0, 0.0, 0.0]])
def test_bad_references_are_refused(reference) -> None:
    with pytest.raises(InputError, match="reference must be 2 numbers"):
        hypervolume([[1.0, 1.0]], ["max", "max"], reference)
