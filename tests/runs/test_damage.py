"""A run that was half copied, cut off, or zeroed by a power cut says what it has lost, and shows the rest."""

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kdtune.cli import main
from kdtune.runs.measures.metrics import References
from kdtune.runs.reader import Run

TRIALS = ("t0000", "t0001", "t0002")


@pytest.fixture
def finished(make_run: Any, make_report: Any) -> Run:
    files, writer = make_run()
    writer.run_state("running")
    for k, name in enumerate(("teacher-x", *TRIALS)):
        kind = "student" if k else "teacher"
        writer.model_started(name, kind, {"alpha": k / 4, "architecture": "x", "student": "x"}, 1)
        writer.report(name, make_report(1, seed=k), References())
        writer.model_state(name, "done")
    writer.run_state("finished")
    writer.close()
    return Run(files)


def lines_with(path: Path, text: str) -> list[int]:
    return [k for k, line in enumerate(path.read_text().splitlines()) if text in line]


def zero(path: Path, numbers: list[int]) -> None:
    lines = path.read_bytes().split(b"\n")
    for k in numbers:
        lines[k] = bytes(len(lines[k]))
    path.write_bytes(b"\n".join(lines))


def test_a_whole_run_has_no_damage_whatever_its_line_ends(finished: Run) -> None:
    assert finished.damage() == ()
    events = finished.files.events
    events.write_bytes(events.read_bytes().replace(b"\n", b"\r\n"))
    assert finished.status().damage == ()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(finished.trials().index) == list(TRIALS)


def test_records_of_zeros_are_counted_and_the_trial_that_they_hide_is_named(finished: Run) -> None:
    events = finished.files.events
    zero(events, lines_with(events, "t0001"))
    damage = finished.status().damage
    assert damage == (
        f"{events}: 3 lines are no records: what they said is missing here",
        f"{events}: says nothing of t0001: left out here",
    )
    with pytest.warns(UserWarning, match="3 lines are no records"):
        assert list(finished.trials().index) == ["t0000", "t0002"]
    with pytest.warns(UserWarning, match="no records.*says nothing of t0001"):
        assert "t0001" not in finished.front().index


def test_a_beginning_that_is_lost_leaves_events_of_nobody(finished: Run) -> None:
    events = finished.files.events
    zero(events, lines_with(events, "t0001")[:1])
    assert "1 line is no record" in finished.damage()[0]
    assert "2 events are about a model whose beginning is missing" in finished.damage()[1]


def test_events_that_were_cut_off_name_the_trials_that_they_do_not_know(finished: Run) -> None:
    events = finished.files.events
    text = events.read_bytes()
    events.write_bytes(text[: text.index(b"t0001") - 30])
    assert finished.damage() == (f"{events}: says nothing of t0001 and t0002: left out here",)
    events.write_bytes(bytes(len(text)))
    assert "says nothing of t0000, t0001 and t0002" in finished.damage()[0]
    events.unlink()
    assert "is missing, and so is what is known of t0000" in finished.damage()[0]


def test_a_folder_without_event_is_no_damage_while_a_driver_writes(
    finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished.files.model("t0003").mkdir()
    finished.files.config("t0003").write_text("{}")
    assert finished.damage() == (), "a driver was killed before it recorded more"
    finished.files.reports("t0003").write_text("{}\n")
    assert "says nothing of t0003" in finished.damage()[0]
    monkeypatch.setattr("kdtune.runs.reader.driver_seems_alive", lambda files: True)
    assert finished.damage() == ()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("damage", [Path.unlink, cut, zeros])
def test_reports_that_are_gone_are_named(finished: Run, damage: Callable[[Path], None]) -> None:
    member = finished.front_states(finished.state())[0].id
    damage(finished.files.reports(member))
    [line] = finished.damage()
    assert f"the last report of {member} is missing or damaged" in line


def test_every_command_that_shows_numbers_says_it(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished.path, copy)
    zero(copy / "events.jsonl", lines_with(copy / "events.jsonl", "t0001"))
    for command in (
        ["status", str(copy)],
        ["export", str(copy), "--list"],
        ["compare", "r", str(copy)],
        ["runs"],
    ):
        asked = [str(finished.path) if part == "r" else part for part in command]
        assert main([*asked, *(["--runs-dir", str(tmp_path)] if command == ["runs"] else [])]) == 0
        said = capsys.readouterr().err
        assert "damaged: " in said, command
        assert "3 lines are no records" in said, command
    assert main(["status", str(copy), "--json"]) == 0
    assert "3 lines are no records" in json.loads(capsys.readouterr().out)["status"]["damage"][0]
    assert main(["compare", str(finished.path), str(copy), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["damage"]
    assert first == []
    assert len(second) == 2


@pytest.mark.parametrize("damage", [Path.unlink, zeros])
def test_a_record_that_is_lost_is_read_from_the_events_and_said(
    finished: Run, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(finished.files.record)
    assert main(["status", str(finished.path)]) == 0
    said = capsys.readouterr()
    assert "trials" in said.out
    assert f"damaged: {finished.files.record}: " in said.err
    assert "is read from the copy in events.jsonl" in said.err


def test_without_record_and_events_it_is_said_what_is_missing(
    finished: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    finished.files.record.unlink()
    zeros(finished.files.events)
    assert main(["status", str(finished.path)]) == 2
    assert "run.json: missing; the events hold no copy of it" in capsys.readouterr().err
