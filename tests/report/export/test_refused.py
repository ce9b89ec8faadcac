"""Runs that can't be exported: nothing in them is feasible, or their data have changed."""

import json
from pathlib import Path

import pytest

from kdtune.errors import RunError
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs.reader import Run
from tests.report.export.edited import edit_record


def test_no_feasible_trial_says_what_is_in_the_way(run_copy: Run, tmp_path: Path) -> None:
    run = edit_record(run_copy, constraints=[{"name": "accuracy", "direction": ">=", "bound": 2.0}])
    with pytest.raises(RunError, match=r"4 break accuracy >= 2 \(the nearest has 0\.\d+\)"):
        run_export(ExportRequest(run=run.path, out=tmp_path / "out"))


def test_where_only_triviality_is_in_the_way_the_remedy_is_another(run_copy: Run, tmp_path: Path) -> None:
    space = {**run_copy.record.space, "trivial": "exclude", "constraints": {}}
    bound = [{"name": "over_majority", "direction": ">=", "bound": 1000.0}]
    run = edit_record(run_copy, constraints=bound, space=space)
    with pytest.raises(RunError, match=r"4 break over_majority >= 1000 .*'trivial: keep' in a new search"):
        run_export(ExportRequest(run=run.path, out=tmp_path / "out"))


def test_data_that_changed_are_refused(run_copy: Run, tmp_path: Path) -> None:
    dataset = {**json.loads(run_copy.files.record.read_text())["dataset"], "fingerprint": "0" * 64}
    run = edit_record(run_copy, dataset=dataset)
    with pytest.raises(RunError, match="data have changed"):
        run_export(ExportRequest(run=run.path, out=tmp_path / "out"))
