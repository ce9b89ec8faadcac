"""Names that look the same are told from names that do not."""

import pytest

from kdtune.errors import did_you_mean
from kdtune.lookalikes import differing, nearest_alike

M_CYRILLIC, A_CYRILLIC = "\u041c", "\u0430"


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ("sex", "Sex", ""),
        ("non white", "nonwhite", ""),
        ("M", M_CYRILLIC, " (U+041C)"),
        ("cat", f"c{A_CYRILLIC}t", " (U+0430)"),
        ("male", "ma\u200ble", " (U+200B)"),
        ("male", "ma\u00adle", " (U+00AD)"),
        ("non-white", "non\u2011white", " (U+2011)"),
        ("M", "\uff2d", " (U+FF2D)"),
    ],
)
def test_these_look_alike(first: str, second: str, codes: str) -> None:
    assert nearest_alike(first, ["x", second]) == second
    assert differing(first, second) == codes
    assert did_you_mean(first, ["something else", second]) == f"; did you mean {second!r}{codes}?"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("M", "F"),
        ("-1", "1"),
        ("<25", ">=25"),
        ("caf\u00e9", "cafe"),
        ("\u043c\u0438\u0440", "\u043c\u0438\u0433"),
        ("", "x"),
    ],
)
def test_these_do_not(first: str, second: str) -> None:
    assert nearest_alike(first, [second]) is None
    assert differing(first, second) == ""
