"""What goes wrong under a monitor that is open: it says so, and goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from kdtune.runs.lock import LOST_AFTER_SECONDS
from kdtune.runs.records import RunRecord
from tests.tui.driving import screen_text, settled, turn, until
from tui.app import Monitor
from tui.sources import Live
from tui.sources.synthetic import Synthetic
from tui.status import state_name

WORLD = {"trials": 8, "epochs": 3, "classes": 4, "done": 5, "running": 2, "state": "running"}


@pytest.fixture
def run(tmp_path):
    files = Synthetic(**WORLD).write(tmp_path / "run")
    beat(files, age=0)
    return files


def beat(files, *, age, host="elsewhere") -> None:
    files.heartbeat.write_text(json.dumps({"time": time.time() - age, "pid": 1, "host": host}))


def monitor_of(files):
    return Monitor(Live(files, RunRecord.read(files.record)), hz=30)


async def read(pilot, app) -> None:
    source = app.session.source
    await until(pilot, lambda: source.loading is None and not source.waiting and app.session.store.reports)
    await settled(pilot)


async def every_screen(pilot, app):
    """Return the text of all screens, no chart of which may fail."""
    texts = []
    for key in "123456":
        await pilot.press(key)
        await turn(pilot)
        texts.append(screen_text(app))
    assert app.failures == []
    return texts


async def test_torn_and_damaged_lines_and_a_missing_trial_folder(run) -> None:
    lines = run.events.read_text().splitlines(keepends=True)
    damaged = [*lines[:7], "no JSON\n", '{"t": 1, "kind": "report", "id": "t9"}\n', "[]\n", *lines[7:]]
    run.events.write_text("".join(damaged) + '{"t": 2, "kind": "rep')
    shutil.rmtree(run.model("t0003"))
    run.reports("t0004").write_text("{\n" + run.reports("t0004").read_text()[:-40])
    app = monitor_of(run)
    async with app.run_test(size=(160, 48)) as pilot:
        await read(pilot, app)
        assert app.session.store.reports == sum('"report"' in line for line in lines)
        for model_id in ("t0003", "t0004", "t0000"):
            app.session.view.follow = False
            app.session.move_to(model_id)
            await every_screen(pilot, app)


async def test_a_run_deleted_while_watched(run) -> None:
    app = monitor_of(run)
    async with app.run_test(size=(160, 48)) as pilot:
        await read(pilot, app)
        known = app.session.store.reports
        shutil.rmtree(run.root)
        await until(pilot, lambda: state_name(app.session) == "gone")
        assert all("gone" in text.split("\n")[0] for text in await every_screen(pilot, app))
        assert app.session.store.reports == known
        await pilot.press("Q")
        assert "nothing to stop" in app.session.message[0]


async def test_events_that_cannot_be_read(run) -> None:
    run.events.unlink()
    run.events.mkdir()
    app = monitor_of(run)
    async with app.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: app.session.source.health.error)
        assert all("can't be read" in text.split("\n")[0] for text in await every_screen(pilot, app))
        run.events.rmdir()
        Synthetic(**WORLD).write(run.root)
        await until(pilot, lambda: app.session.store.reports and not app.session.source.health.error)


async def test_a_run_replaced_while_watched_is_read_anew(run, tmp_path) -> None:
    app = monitor_of(run)
    async with app.run_test(size=(160, 48)) as pilot:
        await read(pilot, app)
        other = Synthetic(**{**WORLD, "trials": 2, "done": 2, "running": 0}).write(tmp_path / "other")
        os.replace(other.events, run.events)
        await until(pilot, lambda: len(app.session.store.trials) == 2)
        await every_screen(pilot, app)


async def test_a_killed_driver_is_lost_once_its_heartbeat_is_old(run) -> None:
    hold = (
        "import sys, time\nfrom pathlib import Path\nfrom kdtune.runs.paths import RunFiles\n"
        "from kdtune.runs.lock import driver_lock\n"
        "with driver_lock(RunFiles(Path(sys.argv[1]))):\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", hold, str(run.root)], stdout=subprocess.PIPE)
    try:
        assert driver.stdout.readline() == b"held\n"
        beat(run, age=LOST_AFTER_SECONDS + 5)
        app = monitor_of(run)
        async with app.run_test(size=(160, 48)) as pilot:
            await read(pilot, app)
            for _ in range(2):
                seen = app.session.source.health
                await until(pilot, lambda seen=seen: app.session.source.health is not seen)
            assert state_name(app.session) == "running"  # slow, but it holds the lock
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            await until(pilot, lambda: state_name(app.session) == "lost")
            assert all("lost" in text.split("\n")[0] for text in await every_screen(pilot, app))
    finally:
        driver.kill()
        driver.wait()
        driver.stdout.close()


async def test_a_run_that_failed_says_why(run) -> None:
    with open(run.events, "a") as file:
        event = {"t": time.time(), "kind": "run", "state": "failed", "message": "no room on the disk " * 9}
        file.write(json.dumps(event) + "\n")
    app = monitor_of(run)
    async with app.run_test(size=(100, 30)) as pilot:
        await read(pilot, app)
        await until(pilot, lambda: state_name(app.session) == "failed")
        assert all("failed" in text.split("\n")[0] for text in await every_screen(pilot, app))
        app.session.store.state.message = "no room on the disk"
        app.session.view.changed()
        await turn(pilot)
        assert "no room on the disk" in (await every_screen(pilot, app))[0].split("\n")[0]


async def test_without_a_header_the_footer_says_how_the_run_stands(run) -> None:
    beat(run, age=LOST_AFTER_SECONDS + 5)
    app = monitor_of(run)
    async with app.run_test(size=(40, 10)) as pilot:
        await read(pilot, app)
        await until(pilot, lambda: state_name(app.session) == "lost")
        assert all("lost" in text.split("\n")[-1] for text in await every_screen(pilot, app))


async def test_a_pause_loses_nothing_and_keeps_nothing_in_memory(run) -> None:
    app = monitor_of(run)
    async with app.run_test(size=(160, 48)) as pilot:
        await read(pilot, app)
        source, store = app.session.source, app.session.store
        known = store.reports
        await pilot.press("P")
        line = {
            "t": time.time(),
            "kind": "report",
            "id": "t0005",
            "seconds": 1.0,
            "values": {"accuracy": 0.5},
        }
        with open(run.events, "a") as file:
            for epoch in range(4, 20_004):
                file.write(json.dumps({**line, "epoch": epoch}) + "\n")
        await until(pilot, lambda: source.held == 20_000)
        assert source.waiting == 0
        assert store.reports == known
        assert "paused +20,000" in (await every_screen(pilot, app))[0]
        await pilot.press("P")
        await until(pilot, lambda: app.session.store.reports == known + 20_000)
        assert app.session.store.model("t0005").epoch == 20_003


async def test_a_file_cut_off_during_a_pause_is_read_anew(run) -> None:
    app = monitor_of(run)
    async with app.run_test(size=(160, 48)) as pilot:
        await read(pilot, app)
        await pilot.press("P")
        lines = run.events.read_text().splitlines(keepends=True)
        run.events.write_text("".join(lines[:9]))
        counted = app.session.source._unread
        await until(pilot, lambda: counted._end == run.events.stat().st_size)
        await pilot.press("P")
        want = sum('"report"' in line for line in lines[:9])
        await until(pilot, lambda: app.session.store.reports == want)
        await every_screen(pilot, app)
