"""Every chart, at every size: rows of the right width, nothing raised, ASCII where ASCII is asked for."""

import io
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segments
from rich.style import Style

from kdtune.fairness import class_bias
from kdtune.runs.records import ALL
from tui.charts.beside import beside
from tui.charts.classes import bias as bias_module
from tui.charts.classes.accuracy_map import class_map, disagreement
from tui.charts.classes.bias import bias, ranked, window
from tui.charts.classes.bias_curves import bias_curves
from tui.charts.frame import Frame
from tui.charts.front.members import front_table
from tui.charts.front.scatter import front
from tui.charts.groups.classes import group_classes
from tui.charts.groups.gaps import gap_curve, gap_names
from tui.charts.groups.last_epoch import groups
from tui.charts.groups.rates import group_rates
from tui.charts.journal.events import journal
from tui.charts.journal.log import log
from tui.charts.journal.machine import machine
from tui.charts.lines import Line, Panel, draw_panel
from tui.charts.live.curves import curves, smoothed
from tui.charts.live.hypervolume import hypervolume
from tui.charts.live.table import table
from tui.charts.search.ranking import importances, ranked_measures, settings_and_results
from tui.charts.search.settings import parallel, slice_
from tui.charts.search.timeline import timeline
from tui.drawing.glyphs import Glyphs
from tui.drawing.palette import ANSI, DARK, LIGHT, Palette
from tui.sources.synthetic import NDS, TEACHER, Synthetic
from tui.state.importance import importance
from tui.state.store import Store
from tui.state.view import View
from tui.widgets.themes import THEMES, colours_of

CHARTS = (
    curves, bias, front, hypervolume, class_map, disagreement, gap_curve, groups, importances, parallel, slice_,
    timeline, table, front_table, log, group_rates, group_classes, bias_curves, journal, machine, beside(groups),
    beside(group_rates), beside(group_classes), beside(bias_curves), beside(class_map),
)  # fmt: skip
SIZES = ((1, 1), (2, 1), (1, 9), (7, 3), (20, 5), (40, 10), (60, 20), (100, 30), (240, 80))


@cache
def reports_of(world, model_id):
    return world.reports(model_id, ())


@cache
def events_of(world):
    return list(world.events())


def frame_of(world, width, height, *, glyphs=None, view=None, cursor="t0003"):
    store = Store(world.record)
    store.apply(events_of(world))
    view = view or View(cursor=cursor, selected=["t0001"])
    reports = {i: reports_of(world, i) for i in (cursor, "t0001", TEACHER, NDS) if i}
    frame = Frame(store, view, width, height, ids=list(store.state.trials))
    rankings = {name: importance(*settings_and_results(frame, name)) for name in ranked_measures(store)}
    lines = [f"line {k} ─ error" + 30 * " 猫" for k in range(50)]
    return Frame(
        store,
        view,
        width,
        height,
        glyphs=glyphs or Glyphs(),
        ids=list(store.state.trials),
        reports=reports,
        rankings=rankings,
        log=lines,
    )


WORLDS = {
    "ten": Synthetic(trials=14, epochs=5, classes=10, done=11, running=2, state="running"),
    "thousand": Synthetic(trials=5, epochs=2, classes=1000, groups=4),
    "no groups": Synthetic(trials=9, epochs=4, classes=4, groups=0),
    "wide names": Synthetic(trials=7, epochs=3, classes=3, names=["猫の子", "\x1b[31mdog", "x" * 60]),
}
EMPTY = Synthetic(trials=3, epochs=2, classes=3, done=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", WORLDS)
def test_rows_have_the_width_of_the_region(name, size) -> None:
    frame = frame_of(WORLDS[name], *size)
    for glyphs in (Glyphs(), Glyphs(ascii=True), Glyphs(mono=True)):
        for chart in CHARTS:
            canvas = chart(
                Frame(frame.store, frame.view, *size, glyphs=glyphs, ids=frame.ids, reports=frame.reports)
            )
            lines = canvas.lines()
            assert len(lines) == size[1]
            assert {cell_len(line) for line in lines} == {size[0]}
            assert not any("\x1b" in line for line in lines)
            if glyphs.ascii:
                assert all(line.isascii() for line in lines), chart


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("cursor", [None, TEACHER, "t0013", "gone"])
def test_charts_bear_any_cursor_and_no_data(chart, cursor) -> None:
    frame = frame_of(
        WORLDS["ten"], 80, 24, view=View(cursor=cursor, crosshair=True, smoothing=2), cursor=None
    )
    assert chart(frame).lines()
    store = Store(EMPTY.record)
    for loading, error in ((None, ""), (0.4, ""), (None, "gone")):
        assert chart(Frame(store, View(cursor=cursor), 60, 12, loading=loading, error=error)).lines()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("finished", "the run has finished"),
        ("stopped", "the run was stopped"),
        ("failed", "the run has failed"),
    ],
)
@pytest.mark.parametrize(
    "chart", [curves, bias, front, hypervolume, gap_curve, timeline, parallel, slice_, front_table, machine]
)
def test_an_empty_pane_of_a_run_that_has_ended_promises_nothing(chart, state, said) -> None:
    store = Store(EMPTY.record)
    promised = "\n".join(chart(Frame(store, View(), 100, 12)).lines())
    store.state.state = state
    shown = "\n".join(chart(Frame(store, View(), 100, 12)).lines())
    assert said in shown
    assert said not in promised
    for promise in (" yet", "starts with", "appears", "will be"):
        assert promise not in shown


@pytest.mark.parametrize("chart", CHARTS)
def test_charts_bear_cross_hair_zoom_and_log(chart) -> None:
    from tui.state.view import EPOCH, Zoom

    places = (EPOCH, "front", "hypervolume", "class_map", "slice")
    view = View(
        cursor="t0003",
        crosshair=True,
        cross=dict.fromkeys(places, (1.0, 0.0)),
        zoom={place: Zoom(0.9, 0.1, 5.0) for place in places},
        log={"curves", "front", "hypervolume", "gap_curve", "slice"},
        scroll=dict.fromkeys(("bias", "class_map", "disagreement", "log"), 10_000),
    )
    assert chart(frame_of(WORLDS["ten"], 90, 30, view=view)).lines()


@pytest.mark.parametrize("colours", [DARK, LIGHT, ANSI])
@pytest.mark.parametrize("chart", CHARTS)
def test_every_style_is_known_to_every_theme(chart, colours) -> None:
    frame = frame_of(WORLDS["ten"], 120, 40)
    for row in chart(frame).rows(Palette(colours, Style())):
        assert all(segment.style is not None for segment in row)


@pytest.mark.parametrize("colour_system", ["truecolor", "256", None])
@pytest.mark.parametrize("colours", [DARK, LIGHT, ANSI])
def test_rows_keep_their_width_in_every_terminal(colours, colour_system) -> None:
    console = Console(
        color_system=colour_system,
        no_color=colour_system is None,
        force_terminal=True,
        width=200,
        file=io.StringIO(),
    )
    palette = Palette(colours, Style(), mono=colour_system is None)
    for chart in CHARTS:
        for row in chart(frame_of(WORLDS["ten"], 100, 30)).rows(palette):
            written = console.file.tell()
            console.print(Segments(row), end="", soft_wrap=True)
            console.file.seek(written)
            text = re.sub(r"\x1b\[[0-9;]*m", "", console.file.read())
            assert cell_len(text) == 100
            assert colour_system or "[3" not in text


def test_both_own_themes_have_colours() -> None:
    assert [colours_of(theme) for theme in THEMES] == [DARK, LIGHT]


def contrast(a, b):
    def luminance(colour):
        channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("theme", "colours"), [(THEMES[0], DARK), (THEMES[1], LIGHT)])
def test_colours_can_be_read_on_their_ground(theme, colours) -> None:
    assert contrast(colours.text, theme.background) >= 10
    assert contrast(colours.dim, theme.background) >= 4.5
    for colour in (
        *colours.series,
        colours.accent,
        colours.good,
        colours.bad,
        colours.warn,
        colours.gain,
        colours.loss,
    ):
        assert contrast(colour, theme.background) >= 3.0, colour


def test_bias_bars_are_the_class_bias_ranked() -> None:
    world = WORLDS["ten"]
    frame = frame_of(world, 48, 12)
    student = world.reports("t0003", ())[-1].counts[ALL]
    teacher = world.reports(TEACHER, ())[-1].counts[ALL]
    expected = class_bias(student, teacher)
    lines = bias(frame).lines()[1:]
    shown = [line[:8].strip() for line in lines if line.strip()]
    assert shown == [world.record.classes[k] for k in np.argsort(expected, kind="stable")]
    for line, k in zip(lines, np.argsort(expected, kind="stable"), strict=False):
        shown_value = float(line.split()[-2].replace("−", "-"))
        assert line.split()[-1].startswith("±")
        assert shown_value == pytest.approx(expected[k], abs=0.0051)


def test_of_a_thousand_classes_the_extremes_are_shown_and_the_rest_is_reached() -> None:
    frame = frame_of(WORLDS["thousand"], 60, 12)
    first = bias(frame).lines()
    assert any("classes between" in line for line in first)
    seen = set()
    for start in range(0, 1000, 5):
        frame.view.scroll["bias"] = start
        seen |= {line.split()[1] for line in bias(frame).lines() if line.startswith("class ")}
    assert len(seen) == 1000


def test_windows() -> None:
    assert window(3, 5, 0) == ([0, 1, 2], 0)
    assert window(10, 5, 0) == ([0, 1, -1, 8, 9], 6)
    assert window(10, 5, 99) == ([5, 6, 7, 8, 9], 5)
    assert ranked(np.array([0.2, np.nan, -0.3])).tolist() == [2, 1, 0]
    assert bias_module.window(1, 1, 0) == ([0], 0)


def test_of_a_run_whose_driver_is_gone_nothing_is_in_training() -> None:
    """What was in training is interrupted, whichever chart shows it."""
    at_work = frame_of(WORLDS["ten"], 120, 40)
    lost = replace(at_work, lost=True)
    running, interrupted = (at_work.glyphs.glyph(state) for state in ("running", "interrupted"))
    for chart in (table, timeline, front, machine):
        assert running in "\n".join(chart(at_work).lines()), chart
        assert running not in "\n".join(chart(lost).lines()), chart
    for chart in (table, timeline):
        assert "\n".join(chart(lost).lines()).count(interrupted) == 2, chart
    assert any("no worker: the run's driver is gone" in line for line in machine(lost).lines())


def test_each_front_member_is_a_point() -> None:
    frame = frame_of(WORLDS["ten"], 100, 40, view=View(cursor="t0012"))
    text = "\n".join(front(frame).lines()[1:])
    xs = {
        (round(frame.store.value(i, "accuracy"), 3), round(frame.store.value(i, "eod"), 3))
        for i in frame.store.front
    }
    assert 1 <= text.count("●") <= len(xs)


def test_gaps_of_every_attribute_are_named() -> None:
    assert gap_names(frame_of(WORLDS["ten"], 10, 10)) == ["eod", "dpd"]
    assert gap_names(frame_of(WORLDS["no groups"], 10, 10)) == []


def test_the_gaps_of_teacher_and_nds_are_named_in_the_legend_where_there_is_room() -> None:
    assert gap_curve(frame_of(WORLDS["ten"], 80, 24)).lines()[0].rstrip().endswith("◆┄ teacher  ◇┄ NDS")
    assert "teacher" not in gap_curve(frame_of(WORLDS["ten"], 36, 24)).lines()[0]


def test_smoothing_is_a_weighted_mean_and_keeps_gaps() -> None:
    line = np.array([1.0, np.nan, 3.0])
    found = smoothed(line, 1)
    assert found[0] == 1.0
    assert np.isnan(found[1])
    assert found[2] == pytest.approx((0.4 * 0.6 * 1 + 0.6 * 3) / (0.4 * 0.6 + 0.6))
    assert smoothed(line, 0) is line


def test_a_replay_does_not_see_ahead() -> None:
    frame = frame_of(WORLDS["ten"], 80, 24)
    frame.store.model("t0003").epoch = 2
    assert len(frame.reports_of("t0003")) == 2


def test_a_long_line_of_the_log_goes_on_in_the_next_row() -> None:
    frame = replace(frame_of(WORLDS["ten"], 20, 4), log=["first", "x" * 45])
    assert [row.rstrip() for row in log(frame).lines()] == ["first", "x" * 20, "x" * 20, "x" * 5]


@pytest.mark.parametrize("chart", [front, slice_, timeline, table, importances])
def test_a_filter_that_leaves_nothing_is_named(chart) -> None:
    view = View(cursor="t0003", filter="zzz")
    frame = replace(frame_of(Synthetic(trials=16, done=14), 100, 30, view=view), ids=())
    assert "no trial passes the filter" in "\n".join(chart(frame).lines())


@pytest.mark.parametrize("chart", [curves, gap_curve])
def test_a_measure_that_is_never_defined_is_no_empty_chart(chart) -> None:
    world = WORLDS["ten"]
    store = Store(world.record)
    for event in events_of(world):
        undefined = {"values": {**event["values"], "eod": None}} if "values" in event else {}
        store.apply([{**event, **undefined}])
    frame = replace(frame_of(world, 100, 30), store=store)
    assert "EOD is undefined" in "\n".join(chart(frame).lines())
    assert "undefined" not in "\n".join(chart(frame_of(world, 100, 30)).lines())
    assert chart(replace(frame, width=12, height=6)).lines()


def test_lines_that_are_never_defined_are_no_empty_panel() -> None:
    frame = frame_of(WORLDS["ten"], 80, 12)
    for values, said in ((np.full(4, np.nan), True), (np.array([np.nan, 0.5, np.nan, np.nan]), False)):
        canvas = frame.canvas()
        draw_panel(frame, canvas, Panel("TPR", [Line("red", 1, values, "–")]), 0, 12, values)
        assert ("undefined in every epoch" in "\n".join(canvas.lines())) is said
