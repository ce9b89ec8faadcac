"""The last line of a sweep and the remarks beside a front."""

from dataclasses import replace

import pytest

from kdtune.runs.comparison.resolution import Resolution
from kdtune.runs.comparison.verdict import conclusion, remarks
from kdtune.runs.measures.objectives import Objective
from tests.runs.comparison.test_resolution import with_baselines

OBJECTIVES = ("accuracy", "eod")


def test_a_sweep_without_a_finding_says_so() -> None:
    found = with_baselines(2, 6, [0.7, 0.8], n=400).resolve()
    line = conclusion(found, OBJECTIVES)
    assert line.startswith(
        "No student beats NDS or the teacher in accuracy or eod beyond noise (400 validation examples"
    )
    assert f"about {found.needed:,} validation examples, or folds, would resolve" in line


def test_without_baselines_nothing_is_said_of_them() -> None:
    found = with_baselines(2, 6, [0.7, 0.8], n=400).resolve()
    alone = replace(found, against=tuple(v for v in found.against if v.role == "neighbour"))
    assert conclusion(alone, OBJECTIVES).startswith("There is neither NDS nor a teacher")
    nds = replace(found, against=tuple(v for v in found.against if v.role == "nds"))
    assert conclusion(nds, OBJECTIVES).startswith("No student beats NDS in accuracy or eod beyond noise")


def test_a_sweep_with_a_finding_names_it() -> None:
    sweep = with_baselines(0, 2, [0.8, 0.8], n=2000, nds=[0.6, 0.9])
    found = sweep.resolve()
    line = conclusion(found, OBJECTIVES)
    members = len(sweep.front())
    assert line.startswith(
        f"Beyond noise, {members} of {members} students on the front beat NDS "
        f"({members} in accuracy and {members} in eod), and none beats the teacher."
    ), line
    assert "The clearest: t000" in line
    assert "against nds-y in eod: −0.2" in line
    assert f"better than NDS beyond noise: in accuracy {'all' if members > 1 else 't000'}" in "\n".join(
        remarks(found)
    )


def test_what_a_better_student_pays_is_said() -> None:
    sweep = with_baselines(0, 0, [0.85, 0.85], n=2000, nds=[0.6, 0.9])
    sweep.add("t0000", [0.55, 0.55])
    line = conclusion(sweep.resolve(), OBJECTIVES)
    assert line.startswith(
        "Beyond noise, the only student on the front beats NDS (in eod; worse in accuracy) "
        "and does not beat the teacher."
    ), line
    sweep = with_baselines(0, 0, [0.5, 0.9], n=2000, nds=[0.85, 0.85])
    sweep.add("t0000", [0.85, 0.85])
    assert conclusion(sweep.resolve(), OBJECTIVES).startswith(
        "Beyond noise, the only student on the front does not beat NDS and beats the teacher (in accuracy and eod)."
    )


def test_fewer_weights_than_a_teacher_are_no_finding() -> None:
    from kdtune.runs.comparison.resolution import Compared

    sweep = with_baselines(5, 1, [0.7, 0.8])
    sweep.objectives = [Objective.parse(name, []) for name in ("accuracy", "parameters")]
    for model in list(sweep.models.values()):
        weights = 100.0 if model.role == "student" else 5000.0
        values = {**model.values, "parameters": weights}
        sweep.models[model.id] = Compared(model.id, model.role, values, model.answers, model.references)
    found = sweep.resolve()
    versus = found.versus("t0000", "teacher")
    assert versus is not None
    assert (versus.better_in, versus.beats_in) == (("parameters",), ())
    assert conclusion(found, ("accuracy", "parameters")).startswith("No student beats NDS or the teacher")


@pytest.mark.parametrize("name", ["f1", "latency", "equal_opportunity_difference@sex"])
def test_of_what_has_no_test_nothing_is_claimed(name: str) -> None:
    """`No student beats NDS in f1 beyond noise` would be a finding of a test that nobody made."""
    sweep = with_baselines(2, 6, [0.7, 0.8], n=400)
    untested = Objective.parse(name, ["race", "sex"])
    sweep.objectives = [sweep.objectives[0], untested]
    for k, model in enumerate(list(sweep.models.values())):
        values = {**model.values, name: 0.1 * k}
        sweep.models[model.id] = replace(model, values=values)
    found = sweep.resolve()
    assert found.untested == (name,)
    assert found.judged == ("accuracy",)
    assert conclusion(found, ("accuracy", name)).startswith(
        "No student beats NDS or the teacher in accuracy beyond"
    )
    steps = [line for line in remarks(found) if line.startswith("steps")]
    assert bool(steps) == (sum(map(len, found.steps)) > 1)
    assert all("(members of one step do not differ beyond noise in accuracy): 1: t" in line for line in steps)
    sweep.objectives = [untested]
    assert not [line for line in remarks(sweep.resolve()) if "beyond noise" in line]
    assert conclusion(sweep.resolve(), (name,)) == (
        f"Whether a student beats NDS or the teacher beyond noise is not known: there is no test for {name}."
    )


def test_baselines_that_are_as_good_in_everything_are_named() -> None:
    sweep = with_baselines(1, 3, [0.6, 0.75], nds=[0.8, 0.8])
    ids = ", ".join(member.id for member in sweep.front())
    assert f"nds-y has values at least as good in all objectives as {ids}" in remarks(sweep.resolve())


@pytest.mark.parametrize("why", ["no predictions of t0001 on validation are recorded"])
def test_what_is_not_known_is_not_claimed(why: str) -> None:
    found = Resolution(unknown=why)
    assert remarks(found) == []
    assert conclusion(found, OBJECTIVES) == f"What of this front is beyond noise is not known: {why}"
