"""The versions of the software: recorded when a run begins, compared when it is resumed."""

import platform
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from kdtune.files import write_json
from kdtune.runs.records import RunRecord
from kdtune.sweep.plan import Plan
from kdtune.sweep.run_record import record_of, versions_now, with_versions_now


def test_a_run_records_the_software_that_numbers_depend_on(plan_of: Callable[..., Plan]) -> None:
    record = record_of(plan_of(), "r", "sweep")
    assert record.versions["python"] == platform.python_version()
    for name in ("torch", "ray", "kdtune", "optuna", "numpy"):
        assert record.versions[name] == version(name)
    assert with_versions_now(record) == (record, [])


def test_other_versions_are_said_once_and_added_to_the_record(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    begun = record_of(plan_of(), "r", "sweep")
    old = replace(begun, versions={**begun.versions, "torch": "2.0.1", "python": "3.10.1"})
    record, changes = with_versions_now(old)
    now = versions_now()
    assert changes == [f"torch 2.0.1, now {now['torch']}", f"python 3.10.1, now {now['python']}"]
    assert record.versions["torch"] == f"2.0.1, then {now['torch']}"
    assert with_versions_now(record) == (record, [])
    write_json(tmp_path / "run.json", record.to_dict())
    assert RunRecord.read(tmp_path / "run.json").versions == record.versions


def test_a_run_of_an_older_kdtune_without_versions_is_resumed(plan_of: Callable[..., Plan]) -> None:
    record, changes = with_versions_now(replace(record_of(plan_of(), "r", "sweep"), versions={}))
    assert changes == []
    assert record.versions == versions_now()
