"""What `kdtune export` says of the student to ship, and on the axes of its figures."""

from dataclasses import replace

import pytest

from kdtune.report.export.labels import axis_label
from kdtune.report.export.page.sentences import opening
from kdtune.report.export.results.findings import Findings
from kdtune.runs.measures.objectives import Objective
from tests.report.export.real_fronts import read_front


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


def test_what_a_measure_of_one_s_own_means_stands_in_full_beside_an_axis() -> None:
    eod = Objective.parse("eod@city", {"city": ("a", "b")})
    assert axis_label(eod, two_lines=True) == "EOD over city,\npercentage points (lower is better)"
    meaning = "Largest share of a group's deserving applicants that are refused although they would pay."
    own = replace(eod, measure=replace(eod.measure, name="worst_refusal", meaning=meaning))
    for two_lines, longest in ((True, 48), (False, 80)):
        label = axis_label(own, two_lines=two_lines)
        assert max(map(len, label.splitlines())) <= longest
        assert " ".join(label.split()) == f"worst refusal over city, {meaning[:-1]} (lower is better)"
