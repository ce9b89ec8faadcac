"""Sources: what is damaged is passed over, and a replay shows what was known at the time."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kdtune.files import write_json
from kdtune.runs.events import read_state
from kdtune.runs.reader import open_run
from kdtune.runs.records import RunRecord
from kdtune.runs.state import fold
from kdtune.runs.time_left import seconds_left
from tests.limits import PATIENCE
from tui.background import reading
from tui.background.reading import Reader
from tui.session import Session
from tui.sources import Live, Replay
from tui.sources.synthetic import Synthetic
from tui.state.store import Store


@pytest.fixture
def run(tmp_path):
    world = Synthetic(trials=6, epochs=4, classes=4, done=6)
    return world.write(tmp_path / "run"), world


def until(condition, seconds=PATIENCE) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it took too long"
        time.sleep(0.01)


def take_all(source, store, count) -> None:
    def step():
        while (batch := source.drain()) is not None:
            store.apply(batch.events)
        return store.reports >= count

    until(step)


def reports_in(files):
    return sum(json.loads(line)["kind"] == "report" for line in files.events.read_text().splitlines())


def test_live_reads_all_and_then_what_is_added(run) -> None:
    files, _ = run
    record = RunRecord.read(files.record)
    source, store = Live(files, record), Store(record)
    source.start()
    try:
        total = reports_in(files)
        take_all(source, store, total)
        with open(files.events, "a") as file:
            line = json.dumps(
                {
                    "t": 9e9,
                    "kind": "report",
                    "id": "t0001",
                    "epoch": 5,
                    "seconds": 1,
                    "values": {"accuracy": 0.5},
                }
            )
            file.write(line[:20])
            file.flush()
            time.sleep(0.3)
            assert source.drain() is None
            file.write(line[20:] + "\n")
        take_all(source, store, total + 1)
        assert store.value("t0001", "accuracy") == 0.5
        assert source.loading is None
    finally:
        source.stop()


def test_lines_that_are_not_json_are_counted_and_passed_over(run) -> None:
    files, _ = run
    lines = files.events.read_text().splitlines(keepends=True)
    files.events.write_text(
        "".join(
            [*lines[:10], "what is this\n", "[1, 2]\n", '{"half": \n', *lines[10:], '{"t": 1, "kind": "tri']
        )
    )
    record = RunRecord.read(files.record)
    source, store = Live(files, record), Store(record)
    source.start()
    try:
        take_all(source, store, sum('"report"' in line for line in lines))
        assert source.skipped == 3
    finally:
        source.stop()


def test_a_run_deleted_while_watched_is_said_to_be_gone(run) -> None:
    files, _ = run
    source = Live(files, RunRecord.read(files.record))
    source.start()
    try:
        shutil.rmtree(files.root)
        until(lambda: source.health.gone)
        assert source.reports("t0001", ()) is None
        assert source.log() is None
    finally:
        source.stop()


def test_a_driver_that_died_is_lost(run) -> None:
    files, _ = run
    files.heartbeat.write_text(json.dumps({"time": time.time() - 100, "pid": 1, "host": "elsewhere"}))
    source = Live(files, RunRecord.read(files.record))
    source.start()
    try:
        until(lambda: source.health.lost, seconds=30)  # it is watched whether another heartbeat comes
    finally:
        source.stop()


def test_a_missing_trial_folder_and_a_damaged_report_are_passed_over(run) -> None:
    files, _ = run
    shutil.rmtree(files.model("t0002"))
    path = files.reports("t0003")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "nonsense\n", '{"epoch": 2}\n', *lines[2:]]))
    source = Live(files, RunRecord.read(files.record))
    reader = Reader(source)
    reader.start()
    try:
        reader.want(["t0002", "t0003", "t0004"])
        until(lambda: "t0004" in reader.found)
        assert [report.epoch for report in reader.found["t0003"]] == [1, 3, 4]
        assert "t0002" not in reader.found
    finally:
        reader.stop()


def test_reports_that_nobody_looks_at_are_forgotten_and_come_back(run, monkeypatch) -> None:
    files, world = run
    reader = Reader(Live(files, RunRecord.read(files.record)))
    one = 4 * reading.size(world.report("t0001", 4))
    monkeypatch.setattr(reading, "KEPT_BYTES", int(1.5 * one))
    reader.start()
    try:
        for model_id in ("t0000", "t0001", "t0002", "t0003"):
            reader.want([model_id])
            until(lambda model_id=model_id: model_id in reader.found)
        assert list(reader.found) == ["t0002", "t0003"]
        reader.want(["t0000"])
        until(lambda: "t0000" in reader.found)
        assert len(reader.found["t0000"]) == 4
    finally:
        reader.stop()


def test_disagreements_are_kept_as_they_were(run) -> None:
    files, world = run
    [*_, last] = Live(files, RunRecord.read(files.record)).reports("t0001", ())
    cells = world.report("t0001", 4).disagreement
    assert list(last.disagreement) == list(cells)
    assert last.disagreement[:2] == list(cells[:2])
    assert last.disagreement[0] == cells[0]
    assert last.to_dict() == world.report("t0001", 4).to_dict()


def test_the_log_comes_without_escapes(run) -> None:
    files, _ = run
    files.log.write_bytes(b"one\n\x1b[31mtwo\x1b[0m\n10%\r20%\r30%\nrest without newline")
    source = Live(files, RunRecord.read(files.record))
    assert list(source.log()) == ["one", "two", "30%"]
    assert source.log() is None


def loaded_replay(files, speed=1e9):
    source = Replay(files, RunRecord.read(files.record), speed)
    source.start()
    until(lambda: source.loading is None)
    return source


def state_of(source):
    store = Store(source.record)

    def take():
        nonlocal store
        batch = source.drain()
        if batch is not None:
            if batch.reset:
                store = Store(source.record)
            store.apply(batch.events)
        return store

    return take


def test_a_replay_ends_where_the_run_ended(run) -> None:
    files, world = run
    source = loaded_replay(files)
    take = state_of(source)
    until(lambda: take() is not None and source.ended)
    assert take().state == fold(world.events())
    source.stop()


def test_seeking_gives_what_was_known_then(run) -> None:
    files, world = run
    events = list(world.events())
    source = loaded_replay(files, speed=1e-9)
    source.running = False
    take = state_of(source)
    for share in (0.5, 0.9, 0.2, 1.0, 0.0):
        source.seek(share)
        until_time = events[0]["t"] + share * (events[-1]["t"] - events[0]["t"])
        assert take().state == fold(event for event in events if event["t"] <= until_time)
    source.stop()


def test_steps_go_report_by_report_and_back(run) -> None:
    files, _ = run
    source = loaded_replay(files, speed=1e-9)
    take = state_of(source)
    source.seek(0.5)
    start = take().reports
    source.step(1)
    assert take().reports == start + 1
    source.step(2)
    assert take().reports == start + 3
    source.step(-1)
    assert take().reports == start + 2
    source.step(-1000)
    assert take().reports == 0
    source.stop()


def test_synthetic_counts_give_the_events_values() -> None:
    world = Synthetic(trials=2, epochs=2, classes=5)
    store = Store(world.record)
    store.apply(list(world.events()))
    report = world.report("t0001", 2)
    assert report.counts["all"].accuracy == store.value("t0001", "accuracy")
    assert report.counts["color"].eod == store.value("t0001", "eod")


def test_a_record_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    world = Synthetic(trials=4, epochs=2, classes=3)
    files = world.write(tmp_path / "run")
    session = Session(Live(files, RunRecord.read(files.record)))
    session.start()
    try:
        write_json(files.record, {**world.record.to_dict(), "trials": 22})
        limit = time.monotonic() + PATIENCE
        while session.store.record.trials != 22:
            assert time.monotonic() < limit
            session.update()
            time.sleep(0.05)
    finally:
        session.stop()


def test_a_run_that_is_resumed_with_a_larger_budget_shows_it_as_status_does(run) -> None:
    """The monitor is open meanwhile, and has seen the run lost."""
    files, world = run
    record = RunRecord.read(files.record)
    session = Session(Live(files, record))
    session.start()
    try:
        until(lambda: (session.update(), session.store.reports == reports_in(files))[1])
        larger = replace(record, trials=record.trials + 10)
        t = list(world.events())[-1]["t"]
        trial = {
            "kind": "trial",
            "id": "t0006",
            "model": "student",
            "config": {},
            "epochs": 4,
            "state": "running",
        }
        write_json(files.record, larger.to_dict())
        with open(files.events, "a") as file:
            for event in (
                {"kind": "record", "record": larger.to_dict()},
                {"kind": "run", "state": "running"},
                trial,
            ):
                file.write(json.dumps({"t": t + 1, **event}) + "\n")
        until(lambda: (session.update(), session.store.state.trials.get("t0006"))[1], 10)
        until(lambda: (session.update(), session.store.record.trials == larger.trials)[1], 3)
        status = open_run(files.root).status()
        assert status.budget == session.store.record.trials == larger.trials
        now = session.source.now()
        shown = seconds_left(session.store.state, session.store.record, now)
        assert shown == pytest.approx(seconds_left(read_state(files.events), larger, now))
        assert shown > 0
    finally:
        session.stop()
