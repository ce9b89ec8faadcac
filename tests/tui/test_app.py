"""The app over states and sizes: every key, every screen, no pane that fails."""

import copy
import json
import time
from functools import cache
from typing import Never

import pytest

from kdtune.runs.lock import requested_stop
from kdtune.runs.records import RunRecord
from tests.tui.driving import resize, screen_text, settled, turn, until
from tui.actions.table import ACTIONS
from tui.actions.timing import moment
from tui.app import Monitor
from tui.charts.classes.bias import bias_of
from tui.charts.search.ranking import settings_and_results
from tui.drawing.glyphs import Glyphs
from tui.sources import Health, Live, Replay
from tui.sources.synthetic import Synthetic
from tui.state.importance import importance
from tui.status import badges, state_name

SIZES = ((40, 10), (60, 20), (100, 30), (160, 48))

WORLDS = {
    "empty": {"trials": 3, "epochs": 3, "classes": 3, "done": 0, "state": "preparing"},
    "running": {"trials": 12, "epochs": 4, "classes": 10, "done": 7, "running": 2, "state": "running"},
    "finished": {"trials": 9, "epochs": 4, "classes": 10},
    "one trial": {"trials": 1, "epochs": 3, "classes": 4},
    "thousand trials": {"trials": 1000, "epochs": 2, "classes": 5, "exact": False},
}


@cache
def made(name):
    world = Synthetic(**WORLDS[name])
    events = list(world.events())
    world.events = lambda: iter(events)
    return world


def world_of(name):
    """Return a fresh source over events that were made once."""
    return copy.copy(made(name))


def monitor_of(name, **options):
    return Monitor(world_of(name), **options)


async def test_the_first_paint_shows_what_has_been_read_so_far(monkeypatch) -> None:
    monkeypatch.setattr(Monitor, "turn", lambda self: None)  # the clock stands still
    app = monitor_of("finished")
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        assert "t0003" in screen_text(app)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", WORLDS)
async def test_every_screen_in_every_state_and_size(name, size) -> None:
    app = monitor_of(name)
    async with app.run_test(size=size) as pilot:
        await turn(pilot)
        for key in "123456":
            await pilot.press(key)
            await turn(pilot)
            lines = screen_text(app).split("\n")
            assert len(lines) == size[1]
            for _ in app.board.panes:
                await pilot.press("tab")
        assert app.failures == []


@pytest.mark.parametrize("pane", ["bias", "class_map", "disagreement"])
async def test_lists_of_classes_scroll_to_their_ends_and_back(pane) -> None:
    app = Monitor(Synthetic(trials=2, epochs=2, classes=100))
    async with app.run_test(size=(160, 40)) as pilot:
        await settled(pilot)
        await pilot.press("1" if pane == "bias" else "4")
        await pilot.pause()
        app.board.activate([each.pane_name for each in app.board.panes].index(pane))
        await pilot.pause()
        seen = [app.board.pane.draw(*app.board.pane.size).lines()]
        for key in ("G", "pageup", "home"):
            await pilot.press(key)
            await pilot.pause()
            seen.append(app.board.pane.draw(*app.board.pane.size).lines())
        assert seen[0] != seen[1], "end does nothing"
        assert seen[1] != seen[2], "a page back from the end does nothing"
        assert seen[3] == seen[0]


async def test_where_all_classes_are_in_sight_the_keys_go_through_the_trials() -> None:
    app = Monitor(Synthetic(trials=5, epochs=2, classes=3))
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot)
        await pilot.press("tab", "tab", "home")
        first = app.session.view.cursor
        await pilot.press("G")
        assert first != app.session.view.cursor == app.session.ids[-1]


@pytest.mark.parametrize("size", [(160, 48)])
async def test_every_key_on_every_screen(size) -> None:
    app = monitor_of("running", readonly=True)
    passed_over = {"q", "ctrl+s", "ctrl+p", *"123456"}
    async with app.run_test(size=size) as pilot:
        await turn(pilot)
        for screen in "123456":
            await pilot.press(screen)
            for action in ACTIONS:
                for key in action.keys.split(","):
                    if key not in passed_over:
                        await pilot.press(key)
                        if len(app.screen_stack) > 1:
                            await pilot.press("escape")
                        assert app.is_running, key
        assert app.failures == []
        assert len(app.screen_stack) == 1


async def test_breakpoints() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(160, 48)) as pilot:
        shown = {}
        for width, height in ((160, 48), (110, 30), (80, 24), (50, 24), (160, 18)):
            await resize(pilot, width, height)
            board = app.board
            shown[width, height] = (
                [pane.pane_name for pane in board.panes if pane.display],
                board.header.display,
            )
        assert shown[160, 48] == (["table", "curves", "bias"], True)
        assert shown[110, 30] == (["table", "curves"], True)
        assert shown[80, 24] == (["table"], True)
        assert shown[50, 24] == (["table"], True)
        assert shown[160, 18][1] is False


async def test_moving_selecting_filtering_and_sorting() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(160, 48)) as pilot:
        await turn(pilot)
        await pilot.press("home", "j", "j")
        assert app.session.view.cursor == "t0000"
        await pilot.press("space", "j", "space", "j", "p")
        assert app.session.view.selected == ["t0000", "t0001"]
        assert app.session.view.pinned == ["t0002"]
        assert app.session.ids[0] == "t0002"
        await pilot.press("slash", *"front", "enter")
        assert set(app.session.ids) == set(app.session.store.front) | {"t0002"}
        await pilot.press("escape")
        assert len(app.session.ids) == 9
        await pilot.press("escape")
        assert app.session.view.selected == []
        while app.session.view.sort != "accuracy":  # through the columns of the table
            await pilot.press("s")
        values = [app.session.store.value(i, "accuracy") for i in app.session.ids[1:]]
        assert app.session.view.sort == "accuracy"
        assert values == sorted(values, reverse=True)


async def test_the_cursor_follows_the_order_of_the_pane() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(160, 48)) as pilot:
        await turn(pilot)
        await pilot.press("2", "tab", "tab", "home")
        seen = [app.session.view.cursor]
        for _ in range(len(app.session.store.front) + 1):
            await pilot.press("j")
            seen.append(app.session.view.cursor)
        members = seen[len(app.session.store.baselines) :]
        assert set(members) == set(app.session.store.front)
        values = [app.session.store.value(i, "accuracy") for i in members]
        assert values == sorted(values, reverse=True)


async def test_a_click_chooses_a_trial_or_a_place_in_a_chart() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(160, 48)) as pilot:
        await turn(pilot)
        table, curves = app.board.panes[:2]
        baselines = len(app.session.store.baselines)
        await pilot.click(table, offset=(8, table.gutter.top + 1 + baselines + 2))
        assert app.session.view.cursor == "t0002"
        left, top, width, _ = curves.plots[0]
        await pilot.click(curves, offset=(curves.gutter.left + left + width - 1, curves.gutter.top + top))
        assert app.session.view.crosshair
        assert app.session.view.cross[curves.place] == (1.0, 1.0)
        # From the table, too, the arrows move the cross-hair that is in sight.
        await pilot.press("shift+tab", "left")
        assert app.session.view.cross[curves.place][0] < 1.0


async def test_importance_comes_from_the_helper_process_and_is_that_of_the_trials_shown() -> None:
    app = monitor_of("thousand trials")
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.press("5")
        for wanted in (None, "T<20"):
            if wanted:
                assert app.session.set_filter(wanted) == ""
            columns, values = settings_and_results(app.session.frame(0, 0), "accuracy")
            expected = importance(columns, values)
            await until(
                pilot, lambda wanted=expected: app.session.intervals.rankings.get("accuracy") == wanted
            )
        await until(pilot, lambda: f"{expected[0].strength:.2f}" in screen_text(app))


async def test_help_scrolls_with_the_keys_that_move() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        await turn(pilot)
        await pilot.press("j", "j", "j", "j", "j", "j", "j", "k")
        await turn(pilot)
        assert app.screen.query_one(".box").scroll_offset.y == 6
        await pilot.press("q")
        assert len(app.screen_stack) == 1
        assert app.is_running


async def test_control_c_says_how_to_leave() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+c")
        assert "q leaves" in app.session.message[0]


async def test_a_wrong_filter_says_so_and_changes_nothing() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(100, 30)) as pilot:
        await turn(pilot)
        await pilot.press("slash", *"eo<1", "enter")
        assert len(app.screen_stack) == 2
        assert "eo" in screen_text(app)
        await pilot.press("escape")
        assert app.session.view.filter == ""


async def test_a_ninth_is_not_compared() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(100, 30)) as pilot:
        await turn(pilot)
        await pilot.press("home", "j")
        for _ in range(9):
            await pilot.press("j", "space")
        assert len(app.session.view.selected) == 8


async def test_pause_holds_the_view_and_nothing_is_lost() -> None:
    world = Synthetic(trials=9, epochs=4, classes=4, rate=1)
    app = Monitor(world, hz=50)
    async with app.run_test(size=(160, 48)) as pilot:
        await turn(pilot)
        await pilot.press("P")
        held = app.session.store.reports
        await turn(pilot)
        assert app.session.store.reports == held
        assert any("paused +" in text for text, _ in badges(app.session))
        app.session.source.rate = None
        await pilot.press("P")
        await turn(pilot)
        assert app.session.store.reports == sum(event["kind"] == "report" for event in world.events())


async def test_stale_lost_and_gone_are_said() -> None:
    app = monitor_of("running")
    async with app.run_test(size=(160, 48)) as pilot:
        await turn(pilot)
        app.session.source._clock += 400
        assert ("no report for 6:00 min", "badge-warn") in badges(app.session)
        app.session.source.health = Health(lost=True)
        assert state_name(app.session) == "lost"
        app.session.source.health = Health(gone=True)
        assert state_name(app.session) == "gone"
        await turn(pilot)
        assert "gone" in screen_text(app)
        assert app.failures == []


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
        await pilot.press("g", *"50%", "enter")
        half = app.session.store.reports
        assert half > 0
        await pilot.press("right_square_bracket")
        assert app.session.store.reports == half + 1
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert app.session.store.reports == half - 1
        await pilot.press("3", "2", "4", "1")
        assert app.failures == []


def test_moments() -> None:
    assert moment("50%", 200) == 0.5
    assert moment("1:40", 200) == 0.5
    assert moment("100", 200) == 0.5
    assert moment("300", 200) is None
    assert moment("soon", 200) is None


@pytest.mark.parametrize("theme", ["kdtune-light", "ansi-dark", "nord", "textual-light"])
async def test_themes(theme) -> None:
    app = monitor_of("running", theme=theme)
    async with app.run_test(size=(160, 48)) as pilot:
        for key in "123456":
            await pilot.press(key)
            await turn(pilot)
        assert app.failures == []


async def test_ascii_is_ascii() -> None:
    app = monitor_of("running", glyphs=Glyphs(ascii=True))
    async with app.run_test(size=(160, 48)) as pilot:
        for key in "123456":
            await pilot.press(key)
            await turn(pilot)
            assert screen_text(app).isascii(), next(c for c in screen_text(app) if not c.isascii())


async def test_a_chart_that_fails_leaves_the_others_alone() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(160, 48)) as pilot:
        await turn(pilot)

        def broken(_) -> Never:
            raise ZeroDivisionError("no")

        app.board.panes[1].chart = broken
        app.session.view.changed()
        await turn(pilot)
        text = screen_text(app)
        assert "can't be drawn" in text
        assert "t0003" in text


async def test_nothing_is_drawn_twice_without_a_change() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(160, 48)) as pilot:
        drawn, written = [], []
        app.session.meter.drew = lambda name, seconds: drawn.append(name)
        await settled(pilot)
        drawn.clear()
        for pane in app.board.panes:
            pane.refresh = lambda *regions, **options: written.append(regions)
        await turn(pilot)
        assert set(drawn) <= {"header"}
        assert written == []


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
