"""Text from data can't drive the terminal, and fits its cells."""

import math

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui import text


@given(st.text(max_size=60))
def test_plain_text_holds_no_control_characters(given_text):
    assert all(c.isprintable() for c in text.plain(given_text))


def test_escapes_are_taken_out_whole():
    assert text.plain("\x1b[31mred\x1b[0m") == "red"
    assert text.plain("\x1b]0;title\x07name") == "name"
    assert text.plain("a\x1b[2Jb\nc\td") == "ab c d"


@given(
    st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=30),
    st.integers(0, 20),
    st.sampled_from(["left", "right", "center"]),
)
def test_fit_gives_exactly_the_cells(words, cells, align):
    assert cell_len(text.fit(words, cells, align=align)) == cells


def test_numbers():
    assert text.number(math.nan) == "–"
    assert text.number(0.12345) == "0.123"
    assert text.number(12345.0) == "12,345"
    assert text.signed(-0.004, 2) == "0.00"
    assert text.signed(-0.5, 2) == "−0.50"
    assert text.duration(80) == "1:20 min"
    assert text.duration(math.inf) == "–"
