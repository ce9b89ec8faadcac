"""What `kdtune export` says of the student to ship."""

from dataclasses import replace

import pytest

from kdtune.report.export.page.sentences import opening
from kdtune.report.export.results.findings import Findings
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
