"""What keys and clicks do in the monitor."""

import pytest

from tests.tui.driving import screen_text, settled, turn
from tests.tui.monitors import monitor_of
from tui.actions.table import ACTIONS
from tui.app import Monitor
from tui.sources.synthetic import Synthetic
from tui.status import badges


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


async def test_what_the_cross_hair_says_fits_into_80_columns() -> None:
    app = monitor_of("finished")
    async with app.run_test(size=(80, 24)) as pilot:
        await turn(pilot)
        await pilot.press("i")
        assert app.session.message is not None
        assert app.session.message[0].startswith("cross-hair: ")
        assert len(app.session.message[0]) <= 78


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
