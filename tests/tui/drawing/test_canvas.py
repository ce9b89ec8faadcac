"""Canvases: rows have their width, whatever is written on them."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from tui.drawing.canvas import Canvas


@given(
    st.integers(0, 30),
    st.integers(0, 5),
    st.lists(
        st.tuples(
            st.integers(-5, 35),
            st.integers(-1, 6),
            st.text(st.characters(categories=["L", "N", "So"]), max_size=12),
        ),
        max_size=5,
    ),
)
def test_rows_keep_their_width(width, height, writings) -> None:
    canvas = Canvas(width, height)
    for x, y, words in writings:
        canvas.text(x, y, words, f"style{x}")
    rows = canvas.rows(lambda _: Style())
    assert len(rows) == height
    for row in rows:
        assert len("".join(segment.text for segment in row)) <= width
        if not any(cell_len(c) == 2 for _, _, words in writings for c in words):
            assert sum(cell_len(segment.text) for segment in row) == width


def test_a_wide_character_takes_two_cells() -> None:
    canvas = Canvas(6, 1)
    assert canvas.text(0, 0, "猫a") == 3
    assert cell_len(canvas.lines()[0]) == 6
    canvas = Canvas(2, 1)
    canvas.text(1, 0, "猫")
    assert canvas.lines() == ["  "]


def test_segments_break_where_the_style_does() -> None:
    canvas = Canvas(6, 1)
    canvas.text(1, 0, "ab", "x")
    canvas.text(3, 0, "c", "y")
    row = canvas.rows(lambda name: Style(bold=name == "x"))[0]
    assert [segment.text for segment in row] == [" ", "ab", "c", "  "]


def test_highlight_keeps_the_ink() -> None:
    canvas = Canvas(3, 1)
    canvas.text(0, 0, "abc", "good")
    canvas.highlight(0, "cursor")
    names = []
    canvas.rows(lambda name: names.append(name) or Style())
    assert "good|cursor" in names
