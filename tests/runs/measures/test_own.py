"""Measures of the user's own: registered by name, taken of all, over groups, of a group; read without their code."""

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import kdtune
from kdtune.errors import InputError, UnknownNameError
from kdtune.fairness import count
from kdtune.runs.measures.measure import Answers, OwnMeasure
from kdtune.runs.measures.objectives import Objective, References, all_measures
from kdtune.runs.measures.own import code_digest, measures
from kdtune.runs.records import ALL, Report


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    before = dict(measures._items)
    yield
    measures._items.clear()
    measures._items.update(before)


ANSWERS = Answers(
    labels=np.array([0, 1, 1, 0, 1]),
    predictions=np.array([0, 1, 0, 0, 0]),
    probabilities=np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3], [0.5, 0.5]]),
    attributes={"race": np.array([0, 0, 1, 1, -1]), "sex": np.array([0, 1, 0, 1, 0])},
)
ATTRIBUTES = {"race": ("a", "b=c"), "sex": ("f", "m")}


def value(name: str) -> float:
    return Objective.parse(name, ATTRIBUTES).answered(ANSWERS)


def test_a_function_gets_what_it_names() -> None:
    @kdtune.register_measure("sure", direction="max")
    def sure(probabilities: Any) -> float:
        """Mean probability of the answer."""
        return float(probabilities.max(axis=1).mean())

    assert value("sure") == pytest.approx(0.7)
    assert value("sure@sex=m") == pytest.approx(0.75)
    assert value("sure@race=b=c") == pytest.approx(0.65)
    assert measures.get("sure").meaning == "Mean probability of the answer."


def test_over_groups_it_is_asked_for_by_attribute_and_leaves_out_the_unknown() -> None:
    @kdtune.register_measure("sizes", direction="min", range=(0, math.inf))
    def sizes(labels: Any, groups: Any) -> float:
        return float(10 * len(labels) + groups.max())

    assert value("sizes") == 41  # race, four examples
    assert value("sizes@sex") == 51
    assert Objective.parse("sizes@race", ATTRIBUTES).name == "sizes"
    with pytest.raises(InputError, match="can't be taken of one group"):
        Objective.parse("sizes@sex=m", ATTRIBUTES)
    with pytest.raises(InputError, match="needs groups"):
        Objective.parse("sizes", {})


def test_what_a_function_changes_is_its_own() -> None:
    @kdtune.register_measure("careless", direction="max")
    def careless(labels: Any, predictions: Any, probabilities: Any, groups: Any) -> float:
        for array in (labels, predictions, probabilities, groups):
            array[:] = 0
        return 1.0

    @kdtune.register_measure("heedless", direction="max")
    def heedless(attributes: Any) -> float:
        attributes["race"][:] = 0
        attributes["sex"].sort()
        return 1.0

    for name in ("careless@sex", "heedless"):  # nobody has an unknown sex, so all examples are handed over
        assert value(name) == 1
    assert ANSWERS.labels.tolist() == [0, 1, 1, 0, 1]
    assert ANSWERS.predictions.tolist() == [0, 1, 0, 0, 0]
    assert ANSWERS.probabilities[0].tolist() == [0.9, 0.1]
    assert ANSWERS.attributes["race"].tolist() == [0, 0, 1, 1, -1]
    assert ANSWERS.attributes["sex"].tolist() == [0, 1, 0, 1, 0]


def test_attributes_are_all_of_them() -> None:
    @kdtune.register_measure("all_of_them", direction="min", range=(0, 9))
    def all_of_them(attributes: Any) -> float:
        return float(len(attributes))

    assert value("all_of_them") == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy@race=Cacasian", "unknown group of 'race' 'Cacasian'; did you mean 'Caucasian'"),
        ("accuracy@rase=Caucasian", "unknown sensitive attribute 'rase'; did you mean 'race'"),
        ("acuracy@race=Caucasian", "unknown measure 'acuracy'; did you mean 'accuracy'"),
        ("mi", "unknown measure 'mi'; did you mean 'mine'"),
    ],
)
def test_misspelt_names_get_the_nearest(name: str, expected: str) -> None:
    kdtune.register_measure("mine", direction="min")(lambda labels: 0.0)
    with pytest.raises(UnknownNameError) as caught:
        Objective.parse(name, {"race": ("Caucasian", "other")})
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "name", ["eod@race=a", "latency@race=a", "class_bias_nds@race=a", "ece_difference@race=a"]
)
def test_what_can_t_be_taken_of_a_group_says_so(name: str) -> None:
    with pytest.raises(InputError, match="can't be taken of one group: leave out '@race=a'"):
        Objective.parse(name, ATTRIBUTES)


def test_an_attribute_without_a_group_is_no_group() -> None:
    with pytest.raises(InputError, match="leave out '@race', or name a group: accuracy@race=…"):
        Objective.parse("accuracy@race", ATTRIBUTES)


def test_counts_of_a_group_give_its_accuracy() -> None:
    counts = {
        ALL: count(ANSWERS.labels, ANSWERS.predictions, n_classes=2),
        "race": count(
            ANSWERS.labels, ANSWERS.predictions, ANSWERS.attributes["race"], n_classes=2, n_groups=2
        ),
    }
    report = Report(1, counts, 0.0, 0.0, 0.0, 0.0, 0.0, (), {"mine@sex": 0.25})
    kdtune.register_measure("mine", direction="min")(lambda labels, groups: 0.0)
    asked = ("accuracy@race=b=c", "f1", "mine@sex")
    values = all_measures(report, References(), ATTRIBUTES, asked)
    assert [values[name] for name in asked] == [0.5, 0.5, 0.25]


def failing(labels: Any) -> float:
    raise ZeroDivisionError("no examples")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (failing, "measure 'mine' failed: ZeroDivisionError: no examples (test_own.py, line"),
        (lambda labels: sys.exit("enough"), "measure 'mine' failed: SystemExit: enough (test_own.py, line"),
        (lambda labels: np.linalg.inv(np.zeros((2, 2))), "Singular matrix (test_own.py, line"),
        (lambda labels: 1j, "measure 'mine' returned a complex, not a number"),
        (lambda labels: "0.5", "measure 'mine' returned a str, not a number"),
        (lambda labels: None, "measure 'mine' returned nothing, not a number"),
        (lambda labels: np.ones(3), "measure 'mine' returned a ndarray, float64 [3], not a number"),
        (lambda labels: 1.5, "measure 'mine' returned 1.5, outside its range [0, 1]"),
    ],
)
def test_a_function_that_fails_is_named_with_its_line(function: Any, expected: str) -> None:
    kdtune.register_measure("mine", direction="min")(function)
    with pytest.raises(InputError) as caught:
        value("mine")
    assert expected in str(caught.value)


def test_an_interrupt_stays_one() -> None:
    def interrupted(labels: Any) -> float:
        raise KeyboardInterrupt

    kdtune.register_measure("mine", direction="min")(interrupted)
    with pytest.raises(KeyboardInterrupt):
        value("mine")


@pytest.mark.parametrize(
    ("options", "function", "expected"),
    [
        ({"name": "eod"}, lambda labels: 0, "is one of kdtune's own"),
        ({"name": "a@b"}, lambda labels: 0, "a name has letters, digits and _"),
        ({"direction": "down"}, lambda labels: 0, "it must be 'max' or 'min'"),
        ({"range": (1, 1)}, lambda labels: 0, "the first end must be below the second"),
        ({"range": (0, math.nan)}, lambda labels: 0, "the first end must be below the second"),
        ({"range": 1}, lambda labels: 0, "range is 1: it must be two numbers, the smallest and the largest"),
        ({"range": (0, 1, 2)}, lambda labels: 0, "range is (0, 1, 2): it must be two numbers"),
        ({"range": (0, "one")}, lambda labels: 0, "range is (0, 'one'): it must be two numbers"),
        ({"name": None}, lambda labels: 0, "the name of a measure, as in @register"),
        ({"name": failing}, lambda labels: 0, "the name of a measure, as in @register"),
        ({}, None, "measure 'mine': a function is expected, not None"),
        ({}, "auc", "measure 'mine': a function is expected, not 'auc' (str)"),
        ({}, max, "<built-in function max> does not say what it takes"),
        ({}, lambda labels, /: 0, "takes 'labels' only by position"),
        ({}, lambda y_true: 0, "takes 'y_true', and can be given only labels, predictions"),
        ({}, lambda groups, attributes: 0, "both groups and attributes"),
    ],
)
def test_what_can_t_be_registered_is_refused_at_once(options: Any, function: Any, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        kdtune.register_measure(**{"name": "mine", "direction": "min", **options})(function)
    assert expected in str(caught.value)
    assert "mine" not in measures


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("ends", [(0, 1), (-1, 1), (0, math.inf), (-math.inf, 2), (-math.inf, math.inf)])
def test_the_record_of_a_measure_gives_its_scale_without_its_code(direction: Any, ends: Any) -> None:
    kdtune.register_measure("mine", direction=direction, range=ends)(lambda labels: 0)
    own = OwnMeasure.of(measures.get("mine")).measure("mine")
    values = np.linspace(max(ends[0], -1e6), min(ends[1], 1e6), 101)
    bad = [own.badness(float(v)) for v in values]
    assert bad == [measures.get("mine").badness(float(v)) for v in values]
    assert all(0 <= b <= 1 for b in bad)
    steps = np.diff(bad)
    assert (steps > 0).all() if direction == "min" else (steps < 0).all()
    assert [own.badness(end) for end in ends] == pytest.approx([0, 1] if direction == "min" else [1, 0])
    assert math.isnan(own.badness(math.nan))
    assert own.range == ends
    assert own.of_answers is None
    read = Objective.parse("mine@sex=m", ATTRIBUTES, {"mine": own})
    assert read.value(Report(1, {}, 0.0, 0.0, 0.0, 0.0, 0.0, (), {"mine@sex=m": 0.5}), References()) == 0.5


def test_a_kept_value_is_tied_to_the_code_it_came_from() -> None:
    kdtune.register_measure("mine", direction="min")(failing)
    assert len(code_digest("mine")) == 16
    assert code_digest("auc") == code_digest("nobody") == ""


_TYPED = """
LIMIT = {limit}
def measure(labels):
    return float((labels > {constant}).mean() > LIMIT)
def made(bound):
    return lambda labels: bound
class Bound:
    def __call__(self, labels):
        return 0.0
"""


def test_functions_that_are_typed_are_told_apart_by_all_that_they_compute_with() -> None:
    def digest(limit: float = 0.5, constant: int = 0, what: str = "measure") -> str:
        module: dict[str, Any] = {"__name__": "__main__"}
        exec(_TYPED.format(limit=limit, constant=constant), module)
        measures._items.pop("mine", None)
        kdtune.register_measure("mine", direction="min")(eval(what, module))
        return code_digest("mine")

    assert digest() == digest()
    assert digest(what="made(1)") == digest(what="made(1)")
    different = [
        digest(),
        digest(limit=0.7),
        digest(constant=1),
        digest(what="made(1)"),
        digest(what="made(2)"),
    ]
    different += [digest(what="Bound()")]
    assert len(set(different)) == len(different)
