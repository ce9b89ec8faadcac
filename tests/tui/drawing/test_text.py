"""Text fits its cells."""

import math

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.drawing import text


@given(
    st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=30),
    st.integers(0, 20),
    st.sampled_from(["left", "right", "center"]),
)
def test_fit_gives_exactly_the_cells(words, cells, align) -> None:
    assert cell_len(text.fit(words, cells, align=align)) == cells


def test_an_undefined_number_is_a_dash() -> None:
    assert text.number(math.nan) == "–"
    assert text.number(0.12345) == "0.123"
