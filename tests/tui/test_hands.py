"""What hands expect: the mouse on tabs, footer, heads and points; the footer of a pane; places in lists; half typed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from kdtune.runs.records import RunRecord
from tests.tui.driving import idle, screen_text, turn, until
from tui.app import Monitor
from tui.charts.live.columns import columns
from tui.drawing.canvas import Canvas
from tui.drawing.glyphs import Glyphs, to_ascii
from tui.drawing.palette import DARK, LIGHT
from tui.screens.detail import Detail
from tui.sources import Replay
from tui.sources.synthetic import Synthetic
from tui.status import badges

WORLD = Synthetic(trials=60, epochs=4, classes=10, done=58, running=2, state="running", exact=False)
EVENTS = list(WORLD.events())


def monitor(**changes: object) -> Monitor:
    world = Synthetic(trials=60, epochs=4, classes=10, done=58, running=2, state="running", exact=False)
    world.events = lambda: iter(EVENTS)  # type: ignore[method-assign]
    for name, value in changes.items():
        setattr(world, name, value)
    return Monitor(world, clock=lambda: 0.0, hz=100)


async def ready(pilot: Pilot[None], app: Monitor) -> None:
    await until(pilot, lambda: app.session.store.reports and app.session.ids)
    app.session.view.follow = False
    app.session.move_to("t0003")
    await until(pilot, lambda: "t0003" in app.session.reader.found)


async def click(pilot: Pilot[None], app: Monitor, text: str, row: int) -> None:
    """Click on a text in a row of the screen."""
    line = screen_text(app).split("\n")[row]
    assert text in line, line
    await pilot.click(offset=(line.index(text) + 1, row))
    await turn(pilot)


async def test_tabs_footer_and_heads_answer_the_mouse() -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        await click(pilot, app, "Groups", 1)
        assert app.current_mode == "groups"
        await click(pilot, app, "Live", 1)
        await click(pilot, app, "EOD", 3)
        assert (app.session.view.sort, app.session.view.descending) == ("eod", False)
        values = [app.session.store.value(i, "eod") for i in app.session.ids]
        assert values == sorted(values)
        await click(pilot, app, "EOD", 3)
        assert app.session.view.descending
        app.session.message = None
        await until(pilot, lambda: "? help" in screen_text(app))
        await click(pilot, app, "? help", 47)
        assert len(app.screen_stack) == 2


async def test_a_narrow_window_has_its_panes_as_tabs() -> None:
    app = monitor()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, app)
        await click(pilot, app, "Class bias", 1)
        assert app.board is not None
        assert app.board.pane.pane_name == "bias"


@pytest.mark.parametrize(("key", "pane"), [("2", "front"), ("5", "slice"), ("5", "timeline")])
async def test_points_answer_the_mouse(key: str, pane: str) -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        await pilot.press(key)
        await turn(pilot)
        assert app.board is not None
        found = next(each for each in app.board.panes if each.pane_name == pane)
        canvas = found.draw(*found.size)
        if pane == "timeline":
            y, wanted = next(iter(canvas.row_ids.items()))
            x = 3
        else:
            xs, ys, ids = canvas.spots[0]
            k = next(k for k, i in enumerate(ids) if i != "t0003" and xs[k] >= 0)
            x, y, wanted = int(xs[k]), int(ys[k]), canvas.model_at(int(xs[k]), int(ys[k]))
        await pilot.click(found, offset=(x + found.gutter.left, y + found.gutter.top))
        assert app.session.view.cursor == wanted


async def test_the_footer_is_that_of_the_pane() -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        assert "s sort" in screen_text(app)
        await pilot.press("3", "shift+tab")
        await turn(pilot)
        assert "r rate" in screen_text(app)
        assert "s sort" not in screen_text(app)


async def test_lists_say_where_one_is_and_a_zoomed_chart_says_so() -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        await pilot.press("home", "j")
        await until(pilot, lambda: "2 of 62" in screen_text(app))
        await pilot.press("2", "z")
        await until(pilot, lambda: "zoom 1.5×, 0 shows all" in screen_text(app))
        await pilot.press("0")
        await until(pilot, lambda: "zoom" not in screen_text(app))


async def test_the_table_of_the_front_begins_at_its_top() -> None:
    app = monitor()
    async with app.run_test(size=(160, 24)) as pilot:
        await ready(pilot, app)
        await pilot.press("G")
        assert app.session.view.scroll["table"] > 0
        await pilot.press("2")
        await turn(pilot)
        assert app.session.view.scroll.get("front_table", 0) == 0


async def test_sorting_goes_through_the_columns_of_the_table() -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        assert app.board is not None
        shown = [c.name for c in columns(app.session.frame(*app.board.panes[0].size)) if c.name[0] != "#"]
        seen = []
        for _ in range(len(shown) + 1):
            await pilot.press("s")
            seen.append(app.session.view.sort)
        assert seen == ["state", *shown[1:], "id"]


async def test_a_filter_half_typed_filters_by_what_is_complete() -> None:
    app = monitor()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot, app)
        await pilot.press("slash", *"front")
        complete = list(app.session.ids)
        assert set(complete) == app.session.store.front
        await pilot.press("space", *"eod<")
        assert app.session.ids == complete
        assert "a value is missing" in screen_text(app)
        await pilot.press("escape")
        assert len(app.session.ids) == 60


async def test_a_replay_is_played_faster_by_key(tmp_path: Path) -> None:
    files = Synthetic(trials=3, epochs=2, classes=3).write(tmp_path / "run")
    app = Monitor(Replay(files, RunRecord.read(files.record), speed=20))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.session.source.loading is None)
        await pilot.press("greater_than_sign")
        assert any("replay 40×" in text for text, _ in badges(app.session))
        await pilot.press("less_than_sign", "less_than_sign")
        assert any("replay 10×" in text for text, _ in badges(app.session))


async def test_the_best_value_has_its_epoch_and_gaps_have_none() -> None:
    app = monitor()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, app)
        await pilot.press("enter")
        await turn(pilot)
        assert isinstance(app.screen, Detail)
        lines = screen_text(app).split("\n")
        line = app.session.store.series("t0003", "accuracy")
        best = int(np.argmax(line))
        assert any(f"{line[best]:.3f} in epoch {best + 1}" in row for row in lines)
        assert not any("EOD" in row and "in epoch" in row for row in lines)


async def test_the_raw_front_has_a_key_and_is_exported_as_it_is_shown() -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        await pilot.press("2", "e")
        assert app.session.message is not None
        assert not app.session.message[0].endswith("--raw")
        await pilot.press("R")
        await until(pilot, lambda: "raw front: " in screen_text(app))
        assert "On the front · by validation alone" in screen_text(app)
        await until(pilot, lambda: "on raw front" in screen_text(app))
        await pilot.press("e")
        assert app.session.message[0].endswith("--raw")
        await pilot.press("R")
        await until(pilot, lambda: "raw front: " not in screen_text(app))


async def test_a_study_has_models_and_no_front() -> None:
    app = monitor(record=replace(WORLD.record, kind="study"))
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        await pilot.press("2")
        await until(pilot, lambda: "All models" in screen_text(app))
        await pilot.press("v", "v")
        await turn(pilot)
        assert "Pareto" not in screen_text(app)
        assert "a projection" not in screen_text(app)
        await pilot.press("R")
        await turn(pilot)
        assert "by validation alone" not in screen_text(app)
        assert app.session.message is not None
        assert "a study has no front" in app.session.message[0]


async def test_a_pane_about_a_trivial_student_says_so() -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        app.session.store.state.trials["t0003"].values["answered_classes"] = 1.0
        app.session.store.done_revision += 1
        await pilot.press("3")
        await until(pilot, lambda: "Gaps between groups · t0003 ≡ trivial" in screen_text(app))


async def pane_text(app: Monitor, name: str) -> str:
    assert app.board is not None
    pane = next(pane for pane in app.board.panes if pane.pane_name == name)
    return "\n".join(pane.draw(*pane.size).lines())


async def test_the_cross_hair_of_a_chart_over_epochs_sets_the_epoch_of_all_panes() -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        await pilot.press("3")
        for name in ("groups", "group_classes"):
            assert "epoch 4" in await pane_text(app, name)
        await pilot.press("i", "left", "left")
        reports = app.session.reader.found["t0003"]
        for name in ("groups", "group_classes", "gap_curve", "group_rates"):
            assert "epoch 2 " in await pane_text(app, name), name
        eod = app.session.store.series("t0003", "eod")
        assert f"{eod[1]:.3f}" in (await pane_text(app, "groups")).split("\n")[1]
        n, k = reports[1].counts["color"].examples, reports[1].counts["color"].hits
        missed = 1 - k[0] / n[0]
        line = next(row for row in (await pane_text(app, "group_classes")).split("\n") if "class 0" in row)
        assert f"{missed[0]:.2f}" in line
        await pilot.press("4")
        await turn(pilot)
        for name in ("bias_curves", "class_map", "disagreement"):
            assert "epoch 2" in await pane_text(app, name), name
        await pilot.press("1")
        assert "epoch 2 " in await pane_text(app, "bias")
        await pilot.press("i")
        assert "epoch 4 " in await pane_text(app, "bias")


@pytest.mark.parametrize("cell", [0.0, 0.4, 0.99])
async def test_a_click_on_the_map_of_classes_is_on_the_epoch_that_is_there(cell: float) -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        await pilot.press("4")
        await turn(pilot)
        assert app.board is not None
        pane = next(pane for pane in app.board.panes if pane.pane_name == "class_map")
        left, top, width, _ = pane.plots[0]
        wide = (width - 1) // 3  # four epochs, from the middle of the first cell to that of the last one
        for epoch in range(1, 5):
            x = left - (wide - 1) // 2 + (epoch - 1) * wide + int(cell * wide)
            await pilot.click(pane, offset=(x + pane.gutter.left, top + pane.gutter.top))
            assert app.session.frame(0, 0).cross_epoch() == epoch


@pytest.mark.parametrize(("key", "name"), [("2", "front"), ("2", "hypervolume"), ("5", "slice")])
async def test_the_cross_hair_points_at_a_trial_and_all_panes_show_it(key: str, name: str) -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        await pilot.press(key)
        await turn(pilot)
        assert app.board is not None
        app.board.activate([pane.pane_name for pane in app.board.panes].index(name))
        await pilot.press("i")
        assert app.session.view.cursor == "t0003", "it begins at the cursor"
        seen = set()
        for _ in range(40):
            await pilot.press("right" if name == "hypervolume" else "left")
            seen.add(app.session.view.cursor)
            assert app.session.view.cursor == app.board.pane.draw(*app.board.pane.size).nearest
        assert len(seen) > 3
        await turn(pilot)
        if key == "2":
            assert app.session.view.cursor in await pane_text(app, "hypervolume")


async def test_a_stopped_run_says_how_to_go_on() -> None:
    app = monitor()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, app)
        app.session.store.apply(
            [{"t": EVENTS[-1]["t"] + 1, "kind": "run", "state": "stopped", "message": ""}]
        )
        await until(pilot, lambda: "kdtune search --resume synthetic goes on" in screen_text(app))
        await pilot.press("ctrl+c")
        assert app.session.message is not None
        assert "goes on" not in app.session.message[0]


async def test_time_without_a_driver_is_no_silence() -> None:
    app = monitor()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, app)
        last = EVENTS[-1]["t"]
        steps = [("stopped", last + 1), ("preparing", last + 10_000), ("running", last + 10_005)]
        app.session.store.apply([{"t": t, "kind": "run", "state": s, "message": ""} for s, t in steps])
        app.session.source._clock = last + 10_100  # type: ignore[attr-defined]
        assert not any("no report" in text for text, _ in badges(app.session))
        app.session.source._clock = last + 10_400  # type: ignore[attr-defined]
        assert any("no report for 6:00 min" in text for text, _ in badges(app.session))
        app.session.store.apply([{"t": last + 10_400, "kind": "away", "seconds": 390.0}])
        assert not any("no report" in text for text, _ in badges(app.session))


async def test_preparing_shows_its_steps_with_a_clock_and_the_baselines_progress() -> None:
    world = Synthetic(trials=3, epochs=4, classes=3)
    events = list(world.events())
    start = events[0]["t"]
    steps = [
        {"t": start + k, "kind": "run", "state": "preparing", "message": message}
        for k, message in ((0, "data: synthetic"), (30, "starting Ray"))
    ]
    world.events = lambda: iter(steps)  # type: ignore[method-assign]
    app = Monitor(world, clock=lambda: 0.0, hz=100)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.session.store.state.steps)
        world._clock = start + 45
        await until(pilot, lambda: "15 s" in screen_text(app))
        text = screen_text(app)
        assert "30 s  data: synthetic" in text
        assert "starting Ray" in text
        app.session.store.apply(events[1:4])
        await until(pilot, lambda: "2/4 epochs" in screen_text(app))


async def test_the_palette_is_ascii_in_an_ascii_terminal() -> None:
    app = Monitor(Synthetic(trials=3, epochs=2, classes=3), glyphs=Glyphs(ascii=True))
    written: list[str] = []
    async with app.run_test(size=(100, 30)) as pilot:
        await turn(pilot)
        driver = app._driver
        assert driver is not None
        before = driver.write
        assert to_ascii("🔎▔é", keep_width=True) == "??-?"
        driver.write = written.append  # type: ignore[method-assign,assignment]
        app._count_bytes()
        driver.write("▔▁ 🔎")
        assert written == ["-_ ??"]
        driver.write = before  # type: ignore[method-assign]
        await idle()


def test_decomposed_accents_are_kept() -> None:
    canvas = Canvas(8, 1)
    canvas.text(0, 0, "Zu\u0308rich")
    assert canvas.lines() == ["Zürich  "]


def luminance(colour: str) -> float:
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [DARK, LIGHT])
def test_dim_text_can_be_read_in_the_row_of_the_cursor(colours: object) -> None:
    a, b = sorted(luminance(c) for c in (colours.dim, colours.cursor))  # type: ignore[attr-defined]
    assert (b + 0.05) / (a + 0.05) >= 4.5


async def test_an_undefined_measure_is_called_undefined() -> None:
    app = monitor()
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot, app)
        for model in app.session.store.state.trials.values():
            model.values["eod"] = float("nan")
        app.session.store._last[:, app.session.store._columns["eod"]] = np.nan
        app.session.store.done_revision += 1
        app.session.store.revision += 1
        for key in "25":
            await pilot.press(key)
            await until(pilot, lambda: "EOD is undefined for all trials" in screen_text(app))
