"""Which student is named, and that a useless one never is."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from kdtune.fairness import against_majority, count
from kdtune.pareto import Constraint
from kdtune.report.export import labels
from kdtune.report.export.page.sentences import opening
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.model import ModelFindings
from kdtune.report.export.results.recommendation import recommend, why_unusable
from kdtune.runs.comparison.resolution import Difference, Versus
from kdtune.runs.measures.objectives import Objective
from tests.report.export.real_fronts import read_front, with_differences

OBJECTIVES = [Objective.parse("accuracy", ["sex"]), Objective.parse("eod", ["sex"])]


def member(
    name: str, accuracy: float, eod: float, over_majority: float = 9.0, answered: int = 2
) -> ModelFindings:
    values = {
        "accuracy": accuracy,
        "eod": eod,
        "over_majority": over_majority,
        "answered_classes": float(answered),
    }
    split = {"values": values}
    return ModelFindings(name, "student", "mlp-8", {}, values, {"validation": split, "test": split})


def against(
    student: str, role: str = "nds", better: tuple[str, ...] = (), worse: tuple[str, ...] = ()
) -> Versus:
    """Return a comparison in which the student is better and worse in these objectives, and equal in the others."""
    ways = {**dict.fromkeys(better, True), **dict.fromkeys(worse, False)}
    differences = tuple(Difference(o.name, 0.1, 0.05, 0.15, ways.get(o.name)) for o in OBJECTIVES)
    return Versus(student, f"{role}-mlp-8", role, differences)


def test_better_in_one_and_worse_in_none_comes_before_a_trade() -> None:
    members = [member("t0000", 0.9, 0.3), member("t0001", 0.8, 0.1), member("t0002", 0.7, 0.0)]
    versus = [
        against("t0000"),
        against("t0001", better=("eod",)),
        against("t0002", better=("eod",), worse=("accuracy",)),
    ]
    found = recommend(members, versus, OBJECTIVES, ())
    assert (found.kind, found.student, found.candidates) == ("better", "t0001", ("t0001",))
    found = recommend([members[0], members[2]], versus, OBJECTIVES, ())
    assert (found.kind, found.student) == ("trade", "t0002")
    found = recommend(members[:1], versus, OBJECTIVES, ())
    assert (found.kind, found.student) == ("none", None)


def test_what_only_beats_the_teacher_is_not_named() -> None:
    versus = [against("t0000", "teacher", better=("eod",))]
    assert recommend([member("t0000", 0.9, 0.1)], versus, OBJECTIVES, ()).kind == "none"


@pytest.mark.parametrize("answers", [np.zeros(200, np.int64), np.arange(200) % 2])
def test_a_constant_model_and_one_that_guesses_are_never_named(answers: np.ndarray) -> None:
    """Both have no gap between groups to speak of, so that they look best in EOD."""
    labels = np.array([0] * 120 + [1] * 80)
    counts = count(labels, answers, n_classes=2)
    z = against_majority(counts).z
    members = [member("t0000", 0.6, 0.0, z, len(np.unique(answers))), member("t0001", 0.8, 0.1)]
    versus = [against("t0000", better=("eod",)), against("t0001", better=("eod",))]
    found = recommend(members, versus, OBJECTIVES, ())
    assert found.student == "t0001"
    assert set(found.unusable) == {"t0000"}
    alone = recommend(members[:1], versus, OBJECTIVES, ())
    assert (alone.kind, alone.student) == ("unusable", None)


def test_a_bound_that_is_broken_on_test_rules_a_student_out() -> None:
    bound = Constraint("accuracy", ">=", 0.85)
    assert why_unusable(member("t0000", 0.8, 0.1), OBJECTIVES, [bound]) == "breaks accuracy >= 0.85 on test"
    assert why_unusable(member("t0000", 0.9, 0.1), OBJECTIVES, [bound]) == ""


def test_a_bound_is_written_for_readers_as_shares_are() -> None:
    """0.598527 and 59.9 % stand for the same bound: the page has one of them."""
    findings = read_front("compas")
    strict = [Constraint("accuracy", ">=", 0.99)]
    written = partial(labels.bound, findings.record)
    found = recommend(findings.members, findings.versus, findings.objectives, strict, written)
    assert set(found.unusable.values()) == {"breaks accuracy ≥ 99.0\N{NO-BREAK SPACE}% on test"}


def test_a_bound_is_not_rounded_to_all() -> None:
    record = read_front("compas").record
    written = [labels.bound(record, Constraint("accuracy", ">=", bound)) for bound in (0.9999, 1.0)]
    assert written == [f"accuracy ≥ {share}\N{NO-BREAK SPACE}%" for share in ("99.99", "100.0")]


def judged(findings: Findings, objective: str, difference: float, beyond_noise: bool) -> Findings:
    """Return a real front whose first student alone differs from its NDS, in one objective."""
    first = findings.members[0].id
    resolution = findings.comparisons.resolution
    against = []
    for v in resolution.against:
        differences = [replace(d, difference=0.0, low=-0.01, high=0.01, better=None) for d in v.differences]
        if v.model == first and v.role == "nds":
            found = Difference(
                objective, difference, difference - 0.02, difference + 0.02, True if beyond_noise else None
            )
            differences = [found if d.objective == objective else d for d in differences]
        against.append(replace(v, differences=tuple(differences)))
    comparisons = replace(findings.comparisons, resolution=replace(resolution, against=tuple(against)))
    record = findings.record
    named = recommend(findings.members, comparisons.with_baselines, findings.objectives, record.constraints)
    return replace(findings, comparisons=comparisons, recommendation=named)


def test_the_first_sentence_names_the_student_and_why() -> None:
    findings = judged(read_front("compas"), "eod", -0.1, beyond_noise=True)
    answer = opening(findings)[0]
    assert answer.startswith(
        f"Ship {findings.members[0].id}. Compared with the same network trained without a teacher on the same "
    )
    assert "its EOD over race is 10.0 points lower (interval 8.0 to 12.0), beyond noise" in answer
    assert "accuracy does not differ beyond noise" in answer


def test_what_has_no_test_is_told_beside_what_has_one() -> None:
    """A student may be advised for its accuracy, and be much worse in a measure of which nothing is known."""
    findings = judged(read_front("compas"), "accuracy", 0.1, beyond_noise=True)
    nan = float("nan")
    first = findings.members[0].id
    untested = with_differences(
        findings,
        first,
        "nds",
        lambda d: Difference("eod", 0.2, nan, nan, None, tested=False) if d.objective == "eod" else d,
    )
    answer = opening(untested)[0]
    assert answer.startswith(f"Ship {first}.")
    assert "; its EOD over race is 20.0 points higher, which is not tested against noise." in answer


def test_without_a_difference_beyond_noise_it_says_so() -> None:
    findings = judged(read_front("compas"), "eod", -0.1, beyond_noise=False)
    answer = opening(findings)[0]
    assert answer.startswith(
        "None of the 7 students on the front is better than the same network trained without"
    )
    assert "Ship" not in answer


def test_that_nobody_is_better_is_not_said_of_what_has_no_test() -> None:
    findings = judged(read_front("compas"), "accuracy", 0.1, beyond_noise=False)
    resolution = replace(findings.comparisons.resolution, untested=("eod",))
    untested = replace(findings, comparisons=replace(findings.comparisons, resolution=resolution))
    assert "EOD over race has no test against noise: see the table of the front." in opening(untested)[0]
    assert "no test" not in opening(findings)[0]


def test_real_fronts_say_different_things() -> None:
    """On COMPAS nothing beats the network without a teacher; on Adult one student trades accuracy for DPD."""
    assert read_front("compas").recommendation.kind == "none"
    assert read_front("adult").recommendation.kind == "trade"
    assert "Ship t0024 if DPD over sex matters more to you than accuracy" in opening(read_front("adult"))[0]


def test_most_accurate_is_said_of_test() -> None:
    findings = read_front("compas")
    on_test = max(findings.members, key=lambda m: m.value("accuracy"))
    on_validation = max(findings.members, key=lambda m: m.searched["accuracy"])
    assert on_test.id != on_validation.id, "the case is there"
    assert f"The most accurate of the 7 students there, {on_test.id}," in opening(findings)[1]


def test_a_trade_the_other_way_round_is_named_too() -> None:
    """Whoever would rather have the other objective must not read that no student is worth shipping."""
    findings = read_front("adult")
    one = findings.recommendation.student
    assert "is better in" not in opening(findings)[0], "the case has one kind of trade"
    other = next(m.id for m in findings.members if m.id != one)
    ways = {"accuracy": True, "dpd": False}
    both = replace(
        with_differences(
            findings,
            other,
            "nds",
            lambda d: replace(d, low=0.01, high=0.02, better=ways[d.objective]),
        ),
        recommendation=replace(findings.recommendation, candidates=(str(one), other)),
    )
    assert f"{other} is better in accuracy and worse in DPD over sex. If no such trade" in opening(both)[0]


@pytest.mark.parametrize("kind", ["better", "trade"])
def test_a_student_that_was_not_picked_is_named_with_the_way_to_get_it(kind: str) -> None:
    adult = read_front("adult")
    named = str(adult.recommendation.student)
    findings = replace(adult, recommendation=replace(adult.recommendation, kind=kind))
    assert "folder" not in opening(findings)[0]
    assert opening(without_folder(findings, named))[0].endswith(
        f" {named} was not picked, so it has no folder: export again with '--pick {named}' and another '--out'."
    )


def without_folder(findings: Findings, name: str) -> Findings:
    return replace(
        findings, members=tuple(replace(m, exported=m.exported and m.id != name) for m in findings.members)
    )
