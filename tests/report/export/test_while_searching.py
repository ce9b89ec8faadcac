"""An export while the search goes on: what it holds stays its own."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import kdtune
from kdtune.report.export import run as exporting
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs.reader import Run


def test_a_member_that_leaves_the_front_while_it_is_read_costs_the_export_nothing(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep goes on: a better student is done, and the weights of the one before it are deleted."""
    from kdtune.report.export.results import members

    first = run_copy.front().index[0]
    real = members.load_trained

    def while_the_sweep_goes_on(run: Run, model_id: str) -> Any:
        files = run.files
        if not files.model("t9999").exists():
            shutil.copytree(files.model(first), files.model("t9999"))
            names = zip(run.record.objectives, run.objectives, strict=True)
            best = {name: float(objective.measure.direction == "max") for name, objective in names}
            trial = {"kind": "trial", "id": "t9999", "model": "student", "config": {"pair": "x"}, "epochs": 2}
            report = {"kind": "report", "id": "t9999", "epoch": 2, "seconds": 1.0, "values": best}
            events = [{**trial, "state": "running"}, report, {**trial, "state": "done"}]
            with open(files.events, "a") as file:
                file.writelines(json.dumps({"t": 9e9, **event}) + "\n" for event in events)
            files.checkpoint(first).unlink()
        return real(run, model_id)

    monkeypatch.setattr(members, "load_trained", while_the_sweep_goes_on)
    held = members.hold_front(run_copy, lambda front: [trial.id for trial in front], required=False)
    assert [trained.job for trained, _ in held.members] == [real(run_copy, "t9999").job]
    assert held.picked == ["t9999"]
    assert held.notes == []
    assert list(run_copy.trials(held.state).index[run_copy.trials(held.state)["front"]]) == ["t9999"]


def test_weights_that_are_deleted_after_they_were_read_are_exported(
    run_copy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data take a while to load; meanwhile a search may delete what left its front."""
    real = exporting.load_data

    def meanwhile(run: Run) -> Any:
        for name in run.front().index:
            run.files.checkpoint(name).unlink()
        return real(run)

    monkeypatch.setattr(exporting, "load_data", meanwhile)
    out, findings = run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    for member in findings.members:
        assert kdtune.load_student(out / member.id).config["id"] == member.id


@pytest.mark.parametrize("state", ["running", "stopped", "finished"])
def test_a_search_that_has_not_ended_is_said_to_have_not(
    run_copy: Run, tmp_path: Path, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(run_copy.files.events, "a") as file:
        file.write(json.dumps({"t": 9e9, "kind": "run", "state": state, "message": ""}) + "\n")
    out, findings = run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out", pick=["knee"]))
    done, asked = sum(run_copy.trials()["state"] == "done"), run_copy.record.trials
    told = [f"The search has not reached its end: {done} of {asked} trials are done."]
    said = [note for note in findings.notes if note.startswith("The search has not")]
    assert [note.split(" Students")[0] for note in said] == (told if state != "finished" else [])
    printed, page = capsys.readouterr().err, (out / "report.html").read_text()
    assert [told[0] in text for text in (printed, page)] == [bool(said)] * 2
