"""What the loader made of the data: recorded with the run, said while it runs, and part of its status."""

import json
from pathlib import Path
from typing import Any

import pytest

from kdtune.cli import main
from kdtune.errors import RunError
from kdtune.runs.reader import Run
from kdtune.runs.records import RunRecord
from kdtune.terminal.progress import Progress

NOTES = [
    "features: 2 numbers (age, hours); label income: no 698, yes 302",
    "a name that does \x1b[2J not print",
]
SHOWN = (
    "features: 2 numbers (age, hours); label income: no 698, yes 302",
    "a name that does \\x1b[2J not print",
)


@pytest.fixture
def run(make_run: Any) -> Run:
    files, writer = make_run(dataset={"name": "table", "fingerprint": "f", "splits": SPLITS, "notes": NOTES})
    writer.run_state("finished")
    writer.close()
    return Run(files)


SPLITS = {"train": {"n": 640}, "validation": {"n": 160}}


def test_the_record_keeps_them_and_shows_them_safely(run: Run) -> None:
    record = RunRecord.read(run.files.record)
    assert record.dataset["notes"] == NOTES
    assert record.data_notes == SHOWN


@pytest.mark.parametrize(("notes", "shown"), [(None, ()), ([], ())])
def test_a_run_of_earlier_days_has_none(make_run: Any, notes: Any, shown: Any) -> None:
    dataset = {"name": "table", "fingerprint": "f", **({} if notes is None else {"notes": notes})}
    files, writer = make_run(dataset=dataset)
    writer.close()
    assert RunRecord.read(files.record).data_notes == shown


def test_notes_of_another_kind_are_damage(make_run: Any) -> None:
    files, writer = make_run()
    writer.close()
    content = json.loads(files.record.read_text())
    content["dataset"]["notes"] = "one text"
    files.record.write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"dataset\.notes is str"):
        RunRecord.read(files.record)


def test_status_has_them(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "r", "--json", "--runs-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == list(SHOWN)
    assert main(["status", "r", "--runs-dir", str(tmp_path)]) == 0
    assert f"data: {SHOWN[0]}" in capsys.readouterr().out


def test_a_sweep_says_them_once(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(run.files, plain=True) as progress:
        for _ in range(3):
            progress.show(run.state())
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if line.startswith("data: ")] == [f"data: {line}" for line in SHOWN]
