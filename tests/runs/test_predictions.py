"""What models answered on validation: kept small, without code, and never taken for what it is not."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kdtune.errors import RunError
from kdtune.runs.jsonl import read_records
from kdtune.runs.measures.objectives import References
from kdtune.runs.predictions import (
    answers_file,
    digest_of,
    pack,
    read_answers,
    read_validation,
    unpack,
    validation_file,
)
from kdtune.runs.reader import Run
from kdtune.runs.records import Report
from kdtune.runs.writer import RunWriter


@given(arrays(np.int64, st.integers(0, 50), elements=st.integers(0, 70_000)))
def test_packed_predictions_come_back_from_json(answers: Any) -> None:
    assert np.array_equal(unpack(json.loads(json.dumps(pack(answers)))), answers)


@pytest.mark.parametrize(
    "packed",
    [
        {},
        None,
        {"width": 1},
        {"width": 3, "zlib": ""},
        {"width": 1, "zlib": "!"},
        {"width": 1, "zlib": "AAAA"},
    ],
)
def test_what_was_not_packed_is_refused(packed: Any) -> None:
    with pytest.raises(ValueError, match="predictions are damaged"):
        unpack(packed)


def test_a_file_holds_one_byte_an_example(tmp_path: Any) -> None:
    answers = np.random.default_rng(0).integers(100, size=5000)
    content = answers_file(answers, 3)
    assert len(content) < 5000 + 300
    (tmp_path / "p").write_bytes(content)
    assert np.array_equal(read_answers(tmp_path / "p", digest_of(content), 3), answers)
    with pytest.raises(RunError, match="holds the answers of epoch 3, not those of epoch 4"):
        read_answers(tmp_path / "p", digest_of(content), 4)


def test_damage_is_named(tmp_path: Any) -> None:
    path = tmp_path / "p"
    with pytest.raises(RunError, match="not readable"):
        read_answers(path, "0", 1)
    content = answers_file([0, 1], 1)
    path.write_bytes(content[:-1] + b"\x05")
    with pytest.raises(RunError, match="another SHA-256"):
        read_answers(path, digest_of(content), 1)
    for other in (b"", b"text", validation_file([0], {})):
        path.write_bytes(other)
        with pytest.raises(RunError, match="damaged"):
            read_answers(path, digest_of(other), 1)
    path.write_bytes(content)
    with pytest.raises(RunError, match="one label and one group"):
        read_validation(path, digest_of(content))


def test_validation_comes_back_with_unknown_groups(tmp_path: Any) -> None:
    content = validation_file([0, 300, 2], {"sex": [0, 1, -1], "race/age": [4, -1, 0]})
    (tmp_path / "v").write_bytes(content)
    read = read_validation(tmp_path / "v", digest_of(content))
    assert read.labels.tolist() == [0, 300, 2]
    assert {name: codes.tolist() for name, codes in read.groups.items()} == {
        "sex": [0, 1, -1],
        "race/age": [4, -1, 0],
    }


def written(make_run: Any, make_report: Any, answers: Any) -> tuple[Run, RunWriter]:
    """Write a run with one trial, whose last report has these answers."""
    files, writer = make_run()
    writer.model_started("t0000", "student", {}, 2)
    writer.report("t0000", make_report(1), References())
    writer.report("t0000", replace(make_report(2), predictions=answers), References())
    return Run(files), writer


def test_answers_are_kept_beside_the_reports_and_read_with_their_digest(
    make_run: Any, make_report: Any
) -> None:
    answers = np.array([0, 2, 1])
    run, writer = written(make_run, make_report, answers)
    writer.model_state("t0000", "done")
    writer.close()
    trial = run.state().trials["t0000"]
    assert trial.predictions == digest_of(run.files.predictions("t0000").read_bytes())
    assert run.predictions(trial).tolist() == [0, 2, 1]
    assert all("predictions" not in record for record in read_records(run.files.reports("t0000")))
    run.files.predictions("t0000").write_bytes(answers_file([0, 2, 2], 2))
    with pytest.raises(RunError, match="another SHA-256"):
        run.predictions(trial)


def test_a_driver_that_died_before_the_end_of_a_trial_gets_its_answers_again(
    make_run: Any, make_report: Any
) -> None:
    """The worker sends all its reports again; what is recorded is not written twice, but the answers are."""
    run, killed = written(make_run, make_report, np.array([0, 2, 1]))
    killed.close()
    writer = RunWriter(run.files)
    writer.report("t0000", replace(make_report(2), predictions=np.array([0, 2, 1])), References())
    writer.model_state("t0000", "done")
    writer.close()
    assert run.predictions(run.state().trials["t0000"]).tolist() == [0, 2, 1]
    assert len(run.reports("t0000")) == 2


def test_a_trial_that_starts_over_keeps_no_answers(make_run: Any, make_report: Any) -> None:
    run, writer = written(make_run, make_report, np.array([0, 2, 1]))
    writer.model_state("t0000", "done")
    writer.start_over("t0000", "damaged")
    writer.close()
    assert not run.files.predictions("t0000").exists()
    with pytest.raises(RunError, match="no predictions of t0000 on validation are recorded"):
        run.predictions(run.state().trials["t0000"])


def test_a_report_travels_with_its_predictions(make_report: Any) -> None:
    report = replace(make_report(2), predictions=np.array([1, 0]))
    read = Report.from_dict(json.loads(json.dumps(report.to_dict())))
    assert read.predictions is not None
    assert read.predictions.tolist() == [1, 0]
    with pytest.raises(RunError, match="not readable"):
        Report.from_dict({**report.to_dict(), "predictions": {"width": 1}})


def test_a_run_of_an_earlier_kdtune_says_that_it_kept_no_examples(make_run: Any) -> None:
    files, writer = make_run()
    writer.close()
    with pytest.raises(RunError, match="did not keep its validation examples"):
        Run(files).validation()
