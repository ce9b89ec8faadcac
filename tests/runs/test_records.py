"""Reports and run records survive a round trip to the disk; damaged or newer ones are refused."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.errors import RunError
from kdtune.fairness import Counts, count
from kdtune.files import dumps, read_json, write_json
from kdtune.pareto import Constraint
from kdtune.runs.paths import SCHEMA
from kdtune.runs.records import Report, RunRecord

finite = st.floats(allow_nan=False, allow_infinity=False)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def some_counts(draw: st.DrawFn) -> Counts:
    n_classes, n_groups = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(0, 30))
    labels, guesses = rng.integers(n_classes, size=(2, n))
    groups = rng.integers(-1, n_groups, size=n)
    return count(labels, guesses, groups, n_classes=n_classes, n_groups=n_groups)


reports = st.builds(
    Report,
    epoch=st.integers(1, 10_000),
    counts=st.dictionaries(st.text(max_size=5), some_counts(), max_size=3),
    time=finite,
    seconds=finite,
    train_loss=finite,
    validation_loss=finite,
    learning_rate=finite,
    disagreement=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 99)), max_size=3
    ).map(tuple),
    scalars=st.dictionaries(st.text(max_size=5), finite, max_size=3),
)


@given(reports)
def test_a_report_comes_back_as_it_went(report: Report) -> None:
    assert Report.from_dict(json.loads(dumps(report.to_dict()))) == report


def test_undefined_numbers_come_back_undefined(make_report: Any) -> None:
    report = replace(make_report(), train_loss=float("nan"), scalars={"latency": float("inf")})
    back = Report.from_dict(json.loads(dumps(report.to_dict())))
    assert np.isnan(back.train_loss)
    assert np.isnan(back.scalars["latency"])


@given(data=st.data())
def test_a_damaged_report_is_a_run_error_and_nothing_else(data: st.DataObject) -> None:
    record: dict[str, Any] = data.draw(reports.filter(lambda r: bool(r.counts))).to_dict()
    key = data.draw(st.sampled_from(sorted(record)))
    if data.draw(st.booleans()):
        del record[key]
    else:
        record[key] = data.draw(junk)
    with contextlib.suppress(RunError):
        Report.from_dict(record)


@pytest.mark.parametrize("table", ["examples", "predicted", "hits"])
def test_counts_that_no_counting_gives_are_refused(make_report: Any, table: str) -> None:
    record = make_report().to_dict()
    record["counts"]["sex"][table][0][0] += 1000
    with pytest.raises(RunError, match="report is not readable"):
        Report.from_dict(record)


def test_run_record_round_trip(make_run: Any) -> None:
    files, writer = make_run(constraints=(Constraint("accuracy", ">=", 0.4),), minutes=3.5, trials=None)
    writer.close()
    record = RunRecord.read(files.record)
    assert record.classes == ("a", "b", "c")
    assert record.attributes == {"sex": ("f", "m")}
    assert record.constraints == (Constraint("accuracy", ">=", 0.4),)
    assert (record.minutes, record.trials) == (3.5, None)
    write_json(files.record, record.to_dict())
    assert RunRecord.read(files.record) == record


def test_what_a_later_kdtune_adds_to_the_form_is_left_out(make_run: Any) -> None:
    files, writer = make_run()
    writer.close()
    record = RunRecord.read(files.record)
    files.record.write_text(json.dumps({**json.loads(files.record.read_text()), "of_later": [1]}))
    assert RunRecord.read(files.record) == record


def test_a_newer_schema_is_refused_with_the_remedy(make_run: Any) -> None:
    files, writer = make_run()
    writer.close()
    write_json(files.record, {**read_json(files.record), "schema": SCHEMA + 1, "unheard-of": 1})
    with pytest.raises(RunError, match=rf"newer kdtune \(form {SCHEMA + 1}.*upgrade kdtune") as caught:
        RunRecord.read(files.record)
    assert str(files.record) in str(caught.value)


@pytest.mark.parametrize("schema", [None, "1", 1.0, True, []])
def test_a_record_without_a_schema_is_no_run(make_run: Any, schema: object) -> None:
    files, writer = make_run()
    writer.close()
    write_json(files.record, {**read_json(files.record), "schema": schema})
    with pytest.raises(RunError, match="no 'schema'"):
        RunRecord.read(files.record)


@given(data=st.data())
def test_a_damaged_record_is_a_run_error_and_nothing_else(
    new_folder: Callable[[], Path], data: st.DataObject
) -> None:
    good = {
        "name": "r", "kind": "sweep", "created": 1.0, "dataset": {}, "classes": ["a"], "attributes": {"s": ["f"]},
        "objectives": ["accuracy"], "constraints": [{"name": "accuracy", "direction": ">=", "bound": 0.5}],
        "pairs": ["a->b"], "epochs": 1, "trials": 1, "minutes": None, "seed": 0, "space": {}, "versions": {},
        "machine": {}, "schema": SCHEMA,
    }  # fmt: skip
    key = data.draw(st.sampled_from(sorted(good)))
    record = {**good, key: data.draw(junk)}
    path = new_folder() / "run.json"
    path.write_text(json.dumps(record))
    with contextlib.suppress(RunError):
        RunRecord.read(path)


def test_a_record_that_is_lost_is_read_from_the_events(make_run: Any) -> None:
    """The last copy counts: a resume with a larger budget writes another."""
    files, writer = make_run()
    record = RunRecord.read(files.record)
    writer.record(replace(record, trials=99))
    writer.close()
    files.record.write_bytes(b"")
    assert RunRecord.read(files.record).trials == 99
    files.events.write_bytes(b"")
    with pytest.raises(RunError, match=r"run\.json: not readable as JSON .* hold no copy of it"):
        RunRecord.read(files.record)


@pytest.mark.parametrize(
    ("kind", "resume", "conclude"),
    [("sweep", "search --resume", "export"), ("study", "study --resume", "study --figures-only")],
)
def test_commands_about_a_run_name_the_modules_that_it_needs(
    kind: str, resume: str, conclude: str, make_run: Any
) -> None:
    for modules, needs in (((), ""), (("audit", "my.models"), " --import audit --import my.models")):
        files, writer = make_run(f"{len(modules)}", kind=kind, space={"imports": list(modules)})
        writer.close()
        record = RunRecord.read(files.record)
        assert record.resuming("r") == f"kdtune {resume} r{needs}"
        assert record.concluding("r") == f"kdtune {conclude} r{needs}"
