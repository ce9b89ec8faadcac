"""The app over states and sizes: every screen, every theme, no pane that fails."""

from typing import Never

import pytest

from tests.tui.driving import resize, screen_text, settled, turn, until
from tests.tui.monitors import WORLDS, monitor_of
from tui.app import Monitor
from tui.charts.search.ranking import settings_and_results
from tui.drawing.glyphs import Glyphs
from tui.sources import Health
from tui.state.importance import importance
from tui.status import badges, state_name

SIZES = ((40, 10), (60, 20), (100, 30), (160, 48))


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
