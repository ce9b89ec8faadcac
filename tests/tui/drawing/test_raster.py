"""Rasters against brute force: every point's cell is lit, bounds included, and nothing else."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.drawing import raster
from tui.drawing.raster import Scale

places = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


@given(places, st.integers(1, 40), st.integers(1, 20))
def test_points_light_exactly_their_dots(points, width, height) -> None:
    x, y = np.array(points).T
    dots = raster.points(x, y, width, height)
    expected = np.zeros((4 * height, 2 * width), bool)
    for a, b in points:
        expected[round((1 - b) * (4 * height - 1)), round(a * (2 * width - 1))] = True
    assert (dots == expected).all()


@pytest.mark.parametrize(
    ("x", "y", "row", "column"), [(0, 0, -1, 0), (1, 1, 0, -1), (0, 1, 0, 0), (1, 0, -1, -1)]
)
def test_points_on_the_border_are_drawn(x, y, row, column) -> None:
    assert raster.points([x], [y], 7, 5)[row, column]


def test_points_outside_and_undefined_are_not_drawn() -> None:
    assert not raster.points([1.2, -0.1, math.nan, 0.5], [0.5, 0.5, 0.5, math.nan], 5, 5).any()


@given(places, st.integers(1, 30), st.integers(1, 15))
def test_a_line_holds_its_points_and_has_no_holes(points, width, height) -> None:
    x, y = np.array(points).T
    dots = raster.line(x, y, width, height)
    assert (dots | raster.points(x, y, width, height) == dots).all()
    if len(points) > 1:
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            alone = raster.line([ax, bx], [ay, by], width, height)
            rows, columns = np.nonzero(alone)
            assert (alone <= dots).all()
            span = max(np.ptp(rows), np.ptp(columns)) + 1
            along = columns if np.ptp(columns) >= np.ptp(rows) else rows
            assert len(set(along.tolist())) == span


def test_nan_breaks_a_line() -> None:
    dots = raster.line([0, 0.25, 0.5, 0.75, 1], [0.5, 0.5, math.nan, 0.5, 0.5], 20, 3)
    columns = np.nonzero(dots.any(axis=0))[0]
    assert not ((columns > 11) & (columns < 28)).any()
    assert 0 in columns
    assert 39 in columns


def test_one_point_is_one_dot() -> None:
    assert raster.line([0.5], [0.5], 9, 9).sum() == 1


@given(st.integers(1, 255))
def test_braille_patterns_are_their_dots(mask) -> None:
    char = chr(0x2800 + mask)
    lit = {k for k in range(8) if mask >> k & 1}
    places = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1)]
    dots = np.zeros((4, 2), bool)
    for k in lit:
        dots[places[k]] = True
    assert raster.characters(raster.masks(dots))[0, 0] == char
    assert raster.characters(raster.masks(dots), ascii_only=True)[0, 0].isascii()


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=20), st.booleans())
def test_a_scale_holds_what_it_is_made_over(values, log) -> None:
    scale = Scale.over(values, log=log)
    places = scale(np.array(values, float)) if values else np.zeros(0)
    known = np.array([not math.isnan(v) and (v > 0 or not log) for v in values], bool)
    assert ((places[known] >= -1e-9) & (places[known] <= 1 + 1e-9)).all()
    assert np.isnan(places[~known]).all()


@given(st.floats(-10, 10), st.booleans())
def test_a_scale_of_one_value_places_one_value_as_of_many(value, log) -> None:
    scale = Scale(0.5, 8.0, log=log)
    one, many = scale.place(value), float(scale([value])[0])
    assert one == pytest.approx(many, nan_ok=True)
    assert raster.dot(one, 50) == raster.pixel([many], 50)[0]
    if not math.isnan(one):
        assert scale.inverse(one) == pytest.approx(value)


def test_a_constant_series_lies_inside() -> None:
    scale = Scale.over([0.3, 0.3])
    assert 0 < scale.place(0.3) < 1


def test_log_scale_spaces_by_ratio() -> None:
    scale = Scale(1, 100, log=True)
    assert scale([1, 10, 100]) == pytest.approx([0, 0.5, 1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12, unique=True))
def test_a_staircase_bounds_what_its_points_dominate(xs) -> None:
    x = np.sort(xs)
    y = 1 - x
    sx, sy = raster.staircase(x, y, 1.0, 1.0)
    assert (sx[0], sy[0]) == (x[0], 1.0)
    assert (sx[-1], sy[-1]) == (1.0, y[-1])
    assert (np.diff(sx) >= 0).all()
    assert (np.diff(sy) <= 0).all()
    assert ((np.diff(sx) == 0) | (np.diff(sy) == 0)).all()
    corners = set(zip(sx.tolist(), sy.tolist(), strict=True))
    assert set(zip(x.tolist(), y.tolist(), strict=True)) <= corners


@given(st.floats(-1e4, 1e4), st.floats(1e-6, 1e4), st.integers(1, 12))
def test_ticks_are_inside_even_and_few(low, span, most) -> None:
    found = raster.ticks(low, low + span, most)
    assert len(found) <= most
    assert all(low - 1e-6 * span <= v <= low + span * (1 + 1e-6) for v in found)
    if len(found) > 2:
        assert np.ptp(np.diff(found)) < 1e-6 * span + 8 * math.ulp(abs(low) + span)


@given(st.floats(-2, 20), st.integers(0, 15))
def test_bars_keep_their_width(cells, width) -> None:
    assert len(raster.bar(cells, width)) <= width
    assert len(raster.bar_left(cells, width)) == width
    assert len(raster.bar(cells, width, ascii_only=True)) <= width


def test_levels_take_both_ends_and_mark_nan() -> None:
    assert raster.levels([0.0, 1.0, 0.5, math.nan], 0, 1, 16).tolist() == [0, 15, 8, -1]


@given(st.lists(st.floats(0, 1), max_size=40), st.integers(0, 20))
def test_sparks_keep_their_width(values, width) -> None:
    assert len(raster.spark(np.array(values), width)) == width


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (1.3, 38.0, 6, [2, 5, 10, 20]),
        (1.3, 38.0, 2, [2, 20]),
        (2.1, 9.2, 9, [3, 4, 5, 6, 7, 8, 9]),
        (1e-3, 1e-1, 8, [1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1]),
        (1e-6, 1e6, 5, [1e-6, 1e-3, 1, 1e3, 1e6]),
    ],
)
def test_logarithmic_ticks_go_within_decades(
    low: float, high: float, most: int, expected: list[float]
) -> None:
    found = raster.ticks(low, high, most, log=True)
    assert found == pytest.approx(expected)


@given(st.floats(0.001, 1), st.floats(0.01, 1))
def test_a_low_panel_has_two_ticks(low: float, span: float) -> None:
    assert len(raster.ticks(low, low + span, 2)) == 2


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([-0.5, 0.5], ["-0.5", "0.5"]),
        ([0.25, 0.5, 0.75], ["0.25", "0.50", "0.75"]),
        ([1, 2, 3], ["1", "2", "3"]),
        ([0.0, 0.05], ["0", "0.05"]),
    ],
)
def test_labels_of_ticks_say_their_values(marks: list[float], expected: list[str]) -> None:
    assert raster.tick_labels(marks) == expected


@given(st.floats(-2, 2), st.floats(0.01, 3), st.integers(2, 8))
def test_no_label_is_another_value_than_its_tick(low: float, span: float, most: int) -> None:
    marks = raster.ticks(low, low + span, most)
    labels = raster.tick_labels(marks)
    assert len(set(labels)) == len(labels)
    for mark, label in zip(marks, labels, strict=True):
        assert float(label) == pytest.approx(mark, abs=2e-4 + 0.01 * abs(mark))


def test_a_robust_scale_leaves_the_first_epoch_out_and_says_so() -> None:
    line = [0.9, 0.10, 0.11, 0.12, 0.11, 0.10, 0.09, 0.10]
    scale, beyond = Scale.robust(line)
    assert beyond == 1
    assert scale.high < 0.2
    assert Scale.robust([0.1] * 9)[1] == 0
    assert Scale.robust([0.9, 0.1])[0].high > 0.9
