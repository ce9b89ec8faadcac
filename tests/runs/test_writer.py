"""The driver's writer: the order of writes, and drivers that are killed between two of them."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from kdtune.files import read_json
from kdtune.runs.events import read_state
from kdtune.runs.jsonl import read_records
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import Run
from kdtune.runs.state import fold
from kdtune.runs.writer import ModelEnd, RunWriter


def epochs_written(files: RunFiles, model_id: str = "t0000") -> list[int]:
    return [record["epoch"] for record in read_records(files.reports(model_id))]


def epochs_announced(files: RunFiles) -> list[int]:
    return [event["epoch"] for event in read_records(files.events) if event["kind"] == "report"]


def again(files: RunFiles) -> RunWriter:
    """Return the writer of the next driver."""
    from kdtune.runs.records import RunRecord

    writer = RunWriter(files)
    writer.record(RunRecord.read(files.record))
    return writer


def test_state_is_the_fold_of_the_file(make_run: Any, make_report: Any) -> None:
    files, writer = make_run()
    writer.run_state("running", "2 at once")
    writer.model_started("nds-y", "nds", {"architecture": "y"}, 1, cached=True)
    writer.report("nds-y", make_report(1), References())
    writer.model_state("nds-y", "done")
    writer.model_started("t0000", "student", {"alpha": 0.5}, 2)
    writer.report("t0000", make_report(1), References())
    writer.model_state("t0000", "failed", "no memory")
    writer.front(0, 0.0)
    assert writer.state == fold(read_records(files.events)) == Run(files).state()
    assert writer.state.unknown == 0
    assert writer.state.baselines["nds-y"].cached
    writer.close()
    assert read_json(files.config("t0000")) == {"id": "t0000", "model": "student", "epochs": 2, "alpha": 0.5}


def test_a_report_is_written_once_however_often_it_comes(make_run: Any, make_report: Any) -> None:
    files, writer = make_run()
    writer.model_started("t0000", "student", {}, 3)
    for epoch in (1, 1, 2, 1, 2, 3, 3):
        writer.report("t0000", make_report(epoch), References())
    writer.close()
    assert epochs_written(files) == epochs_announced(files) == [1, 2, 3]


def test_values_in_the_event_follow_from_the_counts_in_the_report(make_run: Any, make_report: Any) -> None:
    files, writer = make_run()
    writer.model_started("t0000", "student", {}, 3)
    values = writer.report("t0000", make_report(1), References())
    writer.close()
    [report] = Run(files).reports("t0000")
    assert values["eod"] == report.counts["sex"].eod
    assert fold(read_records(files.events)).trials["t0000"].values == pytest.approx(values)


def test_undefined_values_are_null_in_the_file(make_run: Any, make_report: Any) -> None:
    """One of three declared groups is empty of a class: EOD has no value, and JSON has no NaN."""
    files, writer = make_run()
    writer.model_started("t0000", "student", {}, 1)
    values = writer.report("t0000", make_report(1, n=1), References())
    writer.close()
    assert math.isnan(values["eod"])
    assert '"eod":null' in files.events.read_text()
    assert "NaN" not in files.events.read_text() + files.reports("t0000").read_text()


def test_killed_between_report_and_event(make_run: Any, make_report: Any) -> None:
    """The report is there, its event is not: the next driver writes the event, and not the report again."""
    files, writer = make_run()
    writer.model_started("t0000", "student", {}, 3)
    writer.report("t0000", make_report(1), References())
    writer.report("t0000", make_report(2), References())
    writer.close()
    lines = files.events.read_bytes().splitlines(keepends=True)
    files.events.write_bytes(b"".join(lines[:-1]))
    writer = again(files)
    writer.model_started("t0000", "student", {}, 3)
    for epoch in (1, 2, 3):
        writer.report("t0000", make_report(epoch), References())
    writer.close()
    assert epochs_written(files) == epochs_announced(files) == [1, 2, 3]


@pytest.mark.parametrize("kept", range(0, 400, 23))
def test_killed_at_any_byte_of_the_events(make_run: Any, make_report: Any, kept: int) -> None:
    """Whatever was torn off the end of events.jsonl, the next driver ends with each epoch once, in order."""
    files, writer = make_run()
    writer.model_started("t0000", "student", {}, 3)
    for epoch in (1, 2):
        writer.report("t0000", make_report(epoch), References())
    writer.close()
    content = files.events.read_bytes()
    files.events.write_bytes(content[: len(content) - kept])
    writer = again(files)
    writer.model_started("t0000", "student", {}, 3)
    for epoch in (1, 2, 3):
        writer.report("t0000", make_report(epoch), References())
    writer.model_state("t0000", "done")
    writer.close()
    assert epochs_written(files) == epochs_announced(files) == [1, 2, 3]
    assert Run(files).state().trials["t0000"].state == "done"
    assert Run(files).state().trials["t0000"].lost is None
    assert Run(files).state().unknown == 0


def test_killed_while_a_report_was_written(make_run: Any, make_report: Any) -> None:
    files, writer = make_run()
    writer.model_started("t0000", "student", {}, 2)
    writer.report("t0000", make_report(1), References())
    writer.close()
    with open(files.reports("t0000"), "a") as file:
        file.write(json.dumps(make_report(2).to_dict())[:50])
    writer = again(files)
    writer.report("t0000", make_report(2), References())
    writer.close()
    assert epochs_written(files) == epochs_announced(files) == [1, 2]


def test_what_is_done_is_on_the_disk_with_all_that_is_kept_of_it(
    make_run: Any, make_report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record outlives the machine; so must what it speaks of, with its name. Nothing waits for the disk before."""
    files, writer = make_run()
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    writer.model_started("t0000", "student", {}, 1)
    writer.report("t0000", make_report(1), References())
    files.checkpoint("t0000").write_bytes(b"x")
    assert synced == []
    writer.model_state("t0000", "done")
    writer.close()
    kept = ["checkpoint.pt", "config.json", "reports.jsonl", "t0000", "trials"]
    assert sorted(synced[:-2]) == kept
    assert synced[-2:] == ["r", "events.jsonl"]


def test_models_that_end_together_wait_for_the_disk_once_and_none_is_said_to_be_done_before(
    make_run: Any, make_report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, writer = make_run()
    names = ["t0000", "t0001", "t0002"]
    for name in names:
        writer.model_started(name, "student", {}, 1)
        writer.report(name, make_report(1), References())
        files.checkpoint(name).write_bytes(b"x")
    synced: list[str] = []

    def note(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        said = files.events.read_text().count('"done"')
        synced.append(f"{Path(path).parent.name}/{Path(path).name} {said}")

    monkeypatch.setattr(os, "fsync", note)
    writer.model_ends([ModelEnd(name, "done") for name in names])
    writer.close()
    assert [line for line in synced if "checkpoint.pt" in line or "events" in line][-1] == "r/events.jsonl 3"
    assert sum("events.jsonl" in line for line in synced) == 1
    assert {f"{name}/checkpoint.pt 0" for name in names} <= set(synced)
    assert {model.state for model in read_state(files.events).trials.values()} == {"done"}


def test_a_report_that_a_power_cut_took_is_written_again(make_run: Any, make_report: Any) -> None:
    """The disk had the events, and not yet the reports of a model in training."""
    files, writer = make_run()
    writer.model_started("t0000", "student", {}, 3)
    for epoch in (1, 2):
        writer.report("t0000", make_report(epoch), References())
    writer.close()
    files.reports("t0000").write_bytes(b"")
    writer = again(files)
    writer.model_started("t0000", "student", {}, 3)
    for epoch in (1, 2, 3):
        writer.report("t0000", make_report(epoch), References())
    writer.close()
    assert epochs_written(files) == epochs_announced(files) == [1, 2, 3]


def test_a_model_that_starts_over_leaves_nothing_of_its_first_life(make_run: Any, make_report: Any) -> None:
    files, writer = make_run()
    for life in (1, 2):
        writer.model_started("t0000", "student", {"alpha": 0.5}, 2)
        for epoch in (1, 2):
            writer.report("t0000", make_report(epoch, seed=life), References())
        files.checkpoint("t0000").write_bytes(b"x")
        writer.model_state("t0000", "done")
        if life == 1:
            writer.start_over("t0000", "checkpoint.pt: damaged")
            model = writer.state.trials["t0000"]
            assert (model.state, model.epoch, model.values) == ("interrupted", 0, {})
            assert model.message == "checkpoint.pt: damaged: it is trained again"
            assert model.lost is not None
            assert (model.lost.state, model.lost.epoch) == ("done", 2)
            assert model.lost.values
            assert not files.checkpoint("t0000").exists()
    writer.close()
    assert epochs_written(files) == [1, 2]
    assert [r.counts for r in Run(files).reports("t0000")] == [make_report(1, seed=2).counts] * 2
    assert Run(files).state() == fold(read_records(files.events)) == writer.state
    assert Run(files).state().trials["t0000"].state == "done"
    assert Run(files).state().trials["t0000"].lost is None
