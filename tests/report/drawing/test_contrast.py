"""Letters of pages and figures have a contrast of 4.5 or more, in the light, in the dark and on paper."""

import re
from pathlib import Path

import pytest

from kdtune.report.drawing import style

PAGE = (Path(style.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
SCHEMES = [dict(re.findall(r"--(\w+): (#\w+)", line)) for line in re.findall(r":root \{.*\}", PAGE)]
LETTERS = ("ink", "muted", "accent", "teacher", "nds")


def contrast(a: str, b: str) -> float:
    """Return the contrast ratio of two colours, as WCAG 2.2 defines it."""
    darker, lighter = sorted(map(_luminance, (a, b)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    shares = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_measure_knows_the_extremes() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1


@pytest.mark.parametrize("scheme", SCHEMES, ids=["light", "dark", "paper"])
@pytest.mark.parametrize("letters", LETTERS)
def test_of_a_page(scheme: dict[str, str], letters: str) -> None:
    assert contrast(scheme[letters], scheme["paper"]) >= 4.5
    assert contrast(scheme[letters], scheme["soft"]) >= 4.5


def test_of_figures_in_files() -> None:
    for colour in (style.INK, style.MUTED, *style.OF_NAMES.values()):
        assert contrast(colour, "#ffffff") >= 4.5


def test_every_colour_that_figures_take_from_a_page_is_the_page_s() -> None:
    taken = {variable.removeprefix("var(--").removesuffix(")") for variable in style._VARIABLES.values()}
    assert all(taken <= set(scheme) for scheme in SCHEMES)
