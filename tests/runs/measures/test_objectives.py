"""Each measure against a computation with numpy on random predictions; scales; names."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kdtune.errors import InputError, UnknownNameError
from kdtune.fairness import DENOMINATED, Counts, count
from kdtune.runs.measures.objectives import (
    MEASURES,
    Objective,
    References,
    all_measures,
    applicable,
    front_hypervolume,
    front_mask,
    hypervolume_added,
    why_trivial,
)
from kdtune.runs.records import ALL, Report


def drawn(seed: int, n_classes: int, n: int = 300, n_groups: int = 3) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    guesses = np.where(rng.random(n) < 0.6, labels, rng.integers(n_classes, size=n))
    return labels, guesses, rng.integers(n_groups, size=n)


def by_hand(labels: Any, guesses: Any, groups: Any) -> dict[str, float]:
    """Compute every measure of counts from the predictions themselves."""
    classes, present = np.unique(labels), np.unique(groups)
    class_accuracy = [(guesses[labels == c] == c).mean() for c in classes]
    gaps: dict[str, list[float]] = {"eod": [], "dpd": []}
    for c in classes:
        rates = np.array(
            [
                [
                    (guesses[(groups == g) & (labels == c)] == c).mean(),
                    (guesses[(groups == g) & (labels != c)] == c).mean(),
                    (guesses[groups == g] == c).mean(),
                ]
                for g in present
            ]
        )
        tpr, fpr, selected = np.ptp(rates, axis=0)
        gaps["eod"].append(max(tpr, fpr))
        gaps["dpd"].append(selected)
    means = {
        name: float(values[1] if len(classes) == 2 else np.mean(values)) for name, values in gaps.items()
    }
    return {
        "accuracy": float((labels == guesses).mean()),
        "worst_class_accuracy": min(class_accuracy),
        "over_majority": -stats.norm.ppf(mcnemar(labels, guesses)),
        "answered_classes": len(np.unique(guesses)),
        "class_gap": max(class_accuracy) - min(class_accuracy),
        **means,
        "eod_worst_class": max(gaps["eod"]),
        "dpd_worst_class": max(gaps["dpd"]),
        "worst_group_accuracy": min((labels == guesses)[groups == g].mean() for g in present),
    }


def mcnemar(labels: Any, guesses: Any) -> float:
    """Return the exact one-sided p-value against always answering the most frequent class."""
    right, right_always = guesses == labels, labels == np.bincount(labels).argmax()
    gained, lost = int((right & ~right_always).sum()), int((right_always & ~right).sum())
    return float(stats.binomtest(gained, gained + lost, alternative="greater").pvalue)


def relative(labels: Any, guesses: Any) -> Any:
    hit = labels == guesses
    return np.array([hit[labels == c].mean() for c in np.unique(labels)]) / hit.mean()


def report_of(counts: dict[str, Counts], **scalars: float) -> Report:
    return Report(1, counts, 0.0, 0.0, 0.0, 0.0, 0.0, (), scalars)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_every_measure_of_counts_equals_the_one_by_hand(seed: int, n_classes: int) -> None:
    labels, guesses, groups = drawn(seed, n_classes)
    _, teacher, _ = drawn(seed, n_classes)[0], drawn(seed + 100, n_classes)[1], None
    nds = np.roll(guesses, 7)
    counts = {
        ALL: count(labels, guesses, n_classes=n_classes),
        "race": count(labels, guesses, groups, n_classes=n_classes, n_groups=3),
    }
    references = References(
        teacher=count(labels, teacher, n_classes=n_classes), nds=count(labels, nds, n_classes=n_classes)
    )
    expected = by_hand(labels, guesses, groups)
    expected["class_bias_teacher"] = float(
        np.abs(relative(labels, guesses) - relative(labels, teacher)).mean()
    )
    expected["class_bias_nds"] = float(np.abs(relative(labels, guesses) - relative(labels, nds)).mean())
    assert all_measures(report_of(counts), references, ["race"]) == pytest.approx(expected, abs=1e-9)


def test_it_is_known_what_the_rates_of_each_measure_over_groups_are_out_of() -> None:
    """Of others only whole groups would be held against the data's min_group."""
    assert {name for name, measure in MEASURES.items() if measure.need == "groups"} <= set(DENOMINATED)


def test_a_second_attribute_is_measured_under_its_own_name() -> None:
    labels, guesses, race = drawn(0, 3)
    sex = np.arange(len(labels)) % 2
    counts = {
        ALL: count(labels, guesses, n_classes=3),
        "race": count(labels, guesses, race, n_classes=3, n_groups=3),
        "sex": count(labels, guesses, sex, n_classes=3, n_groups=2),
    }
    values = all_measures(report_of(counts), References(), ["race", "sex"])
    assert values["eod"] == pytest.approx(by_hand(labels, guesses, race)["eod"])
    assert values["eod@sex"] == pytest.approx(by_hand(labels, guesses, sex)["eod"])
    assert values["eod"] != values["eod@sex"]
    assert "accuracy@sex" not in values


@pytest.mark.parametrize("attributes", [["race"], ["race", "sex"]])
def test_every_objective_is_found_in_the_values_under_its_own_name(attributes: list[str]) -> None:
    """Also `eod@race` if race is the first attribute, whose values are called just `eod`."""
    labels, guesses, race = drawn(0, 3)
    all_counts = count(labels, guesses, n_classes=3)
    counts = {
        ALL: all_counts,
        **{name: count(labels, guesses, race, n_classes=3, n_groups=3) for name in attributes},
    }
    report = report_of(counts, individual_fairness=0.1, parameters=100, latency=1.0)
    references = References(all_counts, all_counts)
    values = all_measures(report, references, attributes)
    for base, measure in MEASURES.items():
        if not measure.routine:
            continue
        spelled = [base, *(f"{base}@{a}" for a in attributes)] if measure.need == "groups" else [base]
        for name in spelled:
            objective = Objective.parse(name, attributes)
            assert values[objective.name] == objective.value(report, references)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_badness_is_on_the_unit_scale_and_follows_the_direction(name: str) -> None:
    measure = MEASURES[name]
    top = min(measure.range[1], 1e12)
    values = [0.0, *np.geomspace(1e-9, top, 200)]
    badness = [measure.badness(float(v)) for v in values]
    assert all(0 <= b <= 1 for b in badness)
    steps = np.diff(badness)
    assert (steps >= 0).all() if measure.direction == "min" else (steps <= 0).all()
    assert badness[0] != badness[-1]
    assert math.isnan(measure.badness(math.nan))


@pytest.mark.parametrize("name", ["individual_fairness", "class_bias_teacher", "class_bias_nds", "latency"])
def test_what_has_no_upper_end_is_worst_at_infinity(name: str) -> None:
    assert MEASURES[name].badness(math.inf) == 1.0


def test_class_bias_can_exceed_one_and_still_counts() -> None:
    """A model that answers one rare class has relative class accuracy 1 / share: values above 1 must stay distinct."""
    bad, worse = MEASURES["class_bias_nds"].badness(2.0), MEASURES["class_bias_nds"].badness(20.0)
    assert bad < worse < 1


rows = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8)


@given(rows, rows)
def test_hypervolume_does_not_depend_on_the_range_of_the_data(a: list[Any], b: list[Any]) -> None:
    """More points never lower it, dominated ones never change it; so the scale does not depend on the points."""
    objectives = [Objective.parse("accuracy", ["s"]), Objective.parse("eod", ["s"])]
    alone, both = (front_hypervolume(np.array(points), objectives) for points in (a, a + b))
    rounding = 1e-12  # the box's side of 1.1 is no binary fraction: volumes are right to the last bits only
    assert 0 <= alone <= both + rounding
    assert both <= 1 + rounding
    worst = [(min(x for x, _ in a) / 2, min(1.0, max(y for _, y in a) * 1.5))]
    assert front_hypervolume(np.array(a + worst), objectives) == pytest.approx(alone, abs=1e-12)


def test_hypervolume_in_closed_form() -> None:
    objectives = [Objective.parse("accuracy", ["s"]), Objective.parse("eod", ["s"])]
    assert front_hypervolume(np.empty((0, 2)), objectives) == 0.0
    assert front_hypervolume(np.array([[1.0, 0.0]]), objectives) == 1.0
    box = 1.1 * 1.1
    one = np.array([[0.75, 0.5]])
    assert front_hypervolume(one, objectives) == pytest.approx(0.85 * 0.6 / box)
    two = np.array([[0.75, 0.5], [0.5, 0.25]])
    assert front_hypervolume(two, objectives) == pytest.approx((0.85 * 0.6 + 0.6 * 0.25) / box)
    assert front_hypervolume(np.array([*one, [0.9, math.nan]]), objectives) == pytest.approx(0.51 / box)
    assert hypervolume_added(two, one, objectives) == pytest.approx(0.6 * 0.25 / box)
    assert hypervolume_added(one, two, objectives) == 0
    assert hypervolume_added(one, np.empty((0, 2)), objectives) == front_hypervolume(one, objectives)


def test_a_class_that_is_not_learnt_yet_does_not_make_the_hypervolume_zero() -> None:
    objectives = [Objective.parse(name, []) for name in ("accuracy", "worst_class_accuracy")]
    worse, better = (front_hypervolume(np.array([[accuracy, 0.0]]), objectives) for accuracy in (0.5, 0.9))
    assert 0 < worse < better < front_hypervolume(np.array([[0.9, 0.1]]), objectives)


def test_front_goes_by_the_directions() -> None:
    objectives = [Objective.parse("accuracy", ["s"]), Objective.parse("eod", ["s"])]
    values = np.array([[0.9, 0.3], [0.8, 0.1], [0.7, 0.2], [0.9, 0.3], [1.0, math.nan]])
    assert front_mask(values, objectives).tolist() == [True, True, False, True, False]


def test_names_of_objectives() -> None:
    assert Objective.parse("eod", ["race", "sex"]).attribute == "race"
    assert Objective.parse("eod@sex", ["race", "sex"]).attribute == "sex"
    assert Objective.parse("eod@sex", ["race", "sex"]).name == "eod@sex"
    assert Objective.parse("eod@race", ["race", "sex"]) == Objective.parse("eod", ["race", "sex"])
    assert Objective.parse("accuracy", []).attribute == ALL


@pytest.mark.parametrize(
    ("name", "attributes", "kind", "message"),
    [
        ("acuracy", ["s"], UnknownNameError, "did you mean 'accuracy'"),
        ("", ["s"], UnknownNameError, "unknown measure ''"),
        (
            "eod",
            [],
            InputError,
            "needs groups, and the data have no sensitive attribute: declare one with 'sensitive'",
        ),
        ("eod@rce", ["race"], UnknownNameError, "unknown sensitive attribute 'rce'; did you mean 'race'"),
        ("accuracy@race", ["race"], InputError, "leave out '@race'"),
    ],
)
def test_a_wrong_name_gets_a_message_with_the_remedy(
    name: str, attributes: list[str], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        Objective.parse(name, attributes)


def test_without_groups_the_message_lists_what_can_be_had() -> None:
    with pytest.raises(InputError) as caught:
        Objective.parse("dpd", [])
    listed = str(caught.value).split("choose from ")[1].split(", ")
    assert set(listed) == {m.name for m in MEASURES.values() if m.need not in ("groups", "attributes")}


def test_the_document_names_every_measure() -> None:
    text = (Path(__file__).parents[3] / "docs" / "measures.md").read_text(encoding="utf-8")
    assert [name for name in MEASURES if f"`{name}`" not in text] == []


def test_only_what_can_be_measured_is_applicable() -> None:
    counts = {ALL: count([0, 1], [0, 1], n_classes=2)}
    assert applicable(report_of(counts), References(), []) == [
        "accuracy",
        "worst_class_accuracy",
        "class_gap",
        "over_majority",
        "answered_classes",
    ]
    assert "latency" in applicable(report_of(counts, latency=1.0), References(), [])


def test_a_model_that_answers_the_same_to_everybody_is_named() -> None:
    labels = np.array([0] * 40 + [1] * 60)
    counts = {ALL: count(labels, np.ones(100, int), n_classes=2)}
    values = all_measures(report_of(counts), References(), [])
    assert (values["answered_classes"], values["over_majority"]) == (1, 0)
    assert why_trivial(values, ["accuracy", "eod"]) == "gives the same answer to everybody"
    assert why_trivial(values, ["worst_class_accuracy"]) == "gives the same answer to everybody"


def test_a_model_that_hardly_beats_the_majority_is_named_unless_the_worst_class_decides() -> None:
    """It finds 12 of 40 by 8 false alarms: McNemar's exact p is 0.25."""
    labels = np.array([0] * 40 + [1] * 60)
    answers = np.array([0] * 12 + [1] * 28 + [0] * 8 + [1] * 52)
    counts = {ALL: count(labels, answers, n_classes=2)}
    values = all_measures(report_of(counts), References(), [])
    assert stats.norm.sf(values["over_majority"]) == pytest.approx(stats.binom.cdf(8, 20, 0.5))
    assert "beyond noise" in why_trivial(values, ["accuracy", "eod"])
    assert why_trivial(values, ["worst_class_accuracy", "eod"]) == ""
    right = all_measures(report_of({ALL: count(labels, labels, n_classes=2)}), References(), [])
    assert why_trivial(right, ["accuracy"]) == ""
    assert why_trivial({"accuracy": 0.5}, ["accuracy"]) == "", "an earlier kdtune recorded no such measures"
