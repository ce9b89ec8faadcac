import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.errors import SpaceError
from kdtune.pareto import Constraint, parse_constraint

SYMBOLS = {"majority": 0.2, "teacher": 0.9}


@pytest.mark.parametrize(
    ("text", "direction", "bound"),
    [
        (">= 0.8", ">=", 0.8),
        ("<=.5", "<=", 0.5),
        ("<= 1e6", "<=", 1e6),
        (">= -2.5", ">=", -2.5),
        (">= 3.", ">=", 3.0),
        (">= majority", ">=", 0.2),
        (">= majority + 0.05", ">=", 0.25),
        ("  >=majority+.05  ", ">=", 0.25),
        (">= teacher - 0.1", ">=", 0.8),
        (">= teacher * 0.5", ">=", 0.45),
        (">= majority * 2 + 0.1", ">=", 0.5),
        (">= 2 * 3 - 1", ">=", 5.0),
    ],
)
def test_grammar(text, direction, bound) -> None:
    constraint = parse_constraint("accuracy", text, SYMBOLS)
    assert (constraint.name, constraint.direction) == ("accuracy", direction)
    assert constraint.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.8",
        "> 0.8",
        "== 0.8",
        ">= 0.8 0.9",
        ">= 0.05 + majority",
        ">= majority + 0.05 * 2",
        ">= (majority)",
        ">= majority ** 2",
        ">= majority + + 1",
        ">= nan()",
        ">= __import__('os')",
        ">= ٣",
        0.8,
        None,
    ],
)
def test_anything_else_is_refused_by_name(text) -> None:
    with pytest.raises(SpaceError, match=r"constraints: accuracy: cannot read .*majority, teacher"):
        parse_constraint("accuracy", text, SYMBOLS)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(SpaceError, match=r"'majorty'.*did you mean 'majority'.*known: majority, teacher"):
        parse_constraint("accuracy", ">= majorty", SYMBOLS)
    with pytest.raises(SpaceError, match="known: none here"):
        parse_constraint("accuracy", ">= inf")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_symbol_without_a_value_is_refused(value) -> None:
    with pytest.raises(SpaceError, match="not a finite number"):
        parse_constraint("accuracy", ">= majority", {"majority": value})


def test_overflow_is_refused() -> None:
    with pytest.raises(SpaceError, match="not a finite number"):
        parse_constraint("accuracy", ">= 1e999")


@given(st.floats(allow_nan=False), st.floats(-1e6, 1e6))
def test_violation_is_at_most_0_just_when_the_bound_holds(value, bound) -> None:
    assert (Constraint("x", ">=", bound).violation(value) <= 0) == (value >= bound)
    assert (Constraint("x", "<=", bound).violation(value) <= 0) == (value <= bound)


def test_undefined_is_infeasible() -> None:
    assert Constraint("eod", "<=", 0.1).violation(math.nan) == math.inf
    assert Constraint("eod", ">=", 0.1).violation(math.nan) == math.inf


def test_a_value_is_not_rounded_to_the_other_side_of_the_bound() -> None:
    bound = Constraint("accuracy", ">=", 0.5)
    assert [bound.beside(value) for value in (0.75, 0.5, 0.49998)] == ["0.7500", "0.5000", "0.49998"]
    assert bound.beside(math.nan) == "no value"


def test_reads_as_it_was_written() -> None:
    assert str(parse_constraint("accuracy", ">= majority + 0.05", SYMBOLS)) == "accuracy >= 0.25"
