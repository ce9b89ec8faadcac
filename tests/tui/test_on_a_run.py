"""The monitor on a run's folder: stopping it, replaying it, and the numbers that status has."""

import json
import time

import pytest

from kdtune.runs.lock import requested_stop
from kdtune.runs.records import RunRecord
from tests.tui.driving import screen_text, settled, turn, until
from tests.tui.monitors import WORLDS
from tui.app import Monitor
from tui.charts.classes.bias import bias_of
from tui.sources import Live, Replay
from tui.sources.synthetic import Synthetic


@pytest.fixture
def run(tmp_path):
    files = Synthetic(**WORLDS["running"]).write(tmp_path / "run")
    files.heartbeat.write_text(json.dumps({"time": time.time(), "pid": 1, "host": "elsewhere"}))
    return files, RunRecord.read(files.record)


async def test_stopping_needs_the_typed_word(run) -> None:
    files, record = run
    app = Monitor(Live(files, record))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("Q", *"yes", "enter")
        assert requested_stop(files) is None
        await pilot.press("Q", *"stop", "enter")
        await turn(pilot)
        assert requested_stop(files) == "clean"


async def test_read_only_cannot_stop(run) -> None:
    files, record = run
    app = Monitor(Live(files, record), readonly=True)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("Q")
        assert len(app.screen_stack) == 1
        assert "read-only" in app.session.message[0]


async def test_export_copies_the_command(run) -> None:
    files, record = run
    app = Monitor(Live(files, record))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("e")
        assert app.clipboard == f"kdtune export {files.root}"
        await pilot.press("y", "y")
        assert "t0003" in app.clipboard


async def test_replay_steps_and_seeks(run) -> None:
    files, record = run
    app = Monitor(Replay(files, record, speed=1e-6))
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot)
        # A silence is skipped after moments, and a busy machine takes moments for a key.
        await pilot.press("P")
        await pilot.press("g", *"50%", "enter")
        half = app.session.store.reports
        assert half > 0
        await pilot.press("right_square_bracket")
        assert app.session.store.reports == half + 1
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert app.session.store.reports == half - 1
        await pilot.press("3", "2", "4", "1")
        assert app.failures == []


async def test_numbers_are_those_of_status(run, capsys) -> None:
    from kdtune.runs import open_run
    from kdtune.terminal.console import print_summary

    files, record = run
    print_summary(open_run(files.root), as_json=True)
    status = json.loads(capsys.readouterr().out)
    app = Monitor(Live(files, record))
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot)
        assert app.session.store.front == set(status["status"]["front"])
        assert app.session.store.hypervolume == status["status"]["hypervolume"]
        assert app.session.store.counts() == status["status"]["trials"]
        text = screen_text(app)
        for member in status["front"]:
            assert f"{member['values']['accuracy']:.3f}" in text
            assert f"{member['values']['eod']:.3f}" in text
        for trial in status["trials"]:
            series = app.session.store.model(trial["id"])
            assert (series.state, series.epoch, series.values) == (
                trial["state"],
                trial["epoch"],
                trial["values"],
            )
        member = status["front"][0]
        app.session.move_to(member["id"])
        await until(pilot, lambda: member["id"] in app.session.reader.found)
        frame, model = app.session.frame(80, 24), app.session.store.model(member["id"])
        counts = frame.reports_of(member["id"])[-1].counts["all"]
        for kind in ("teacher", "nds"):
            assert bias_of(frame, model, counts, kind).tolist() == member["class_bias"][kind]
        await pilot.press("3")
        key = (member["id"], member["epoch"], "eod")
        await until(pilot, lambda: key in app.session.intervals.doubts)
        doubt = app.session.intervals.doubts[key]
        assert (doubt.low, doubt.high, doubt.chance) == tuple(
            member["doubts"]["eod"][k] for k in ("low", "high", "chance")
        )
