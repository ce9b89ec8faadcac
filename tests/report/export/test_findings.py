import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kdtune.report.export.results.findings import fronts_on_test
from kdtune.runs.measures.objectives import Objective

OBJECTIVES = [Objective.parse("accuracy", ["sex"]), Objective.parse("eod", ["sex"])]


def test_a_chain_has_its_best_and_its_worst() -> None:
    values = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    optimistic, pessimistic = fronts_on_test(values, OBJECTIVES)
    assert optimistic.tolist() == [True, False, False]
    assert pessimistic.tolist() == [False, False, True]


def test_a_front_that_stays_one_is_both() -> None:
    optimistic, pessimistic = fronts_on_test(np.array([[0.9, 0.3], [0.8, 0.2]]), OBJECTIVES)
    assert optimistic.all()
    assert pessimistic.all()


def test_an_undefined_member_is_in_neither() -> None:
    optimistic, pessimistic = fronts_on_test(np.array([[0.9, np.nan], [0.8, 0.2]]), OBJECTIVES)
    assert optimistic.tolist() == pessimistic.tolist() == [False, True]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8))
def test_fronts_by_their_definition(rows: list[tuple[int, int]]) -> None:
    values = np.array(rows, dtype=float) / 4

    def dominates(a: np.ndarray, b: np.ndarray) -> bool:
        return bool(a[0] >= b[0] and a[1] <= b[1] and (a != b).any())

    optimistic, pessimistic = fronts_on_test(values, OBJECTIVES)
    for k, row in enumerate(values):
        assert optimistic[k] == (not any(dominates(other, row) for other in values))
        assert pessimistic[k] == (not any(dominates(row, other) for other in values))
