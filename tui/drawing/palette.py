"""The colours that charts are drawn in, which the colour-blind can tell apart.

Charts name styles (`axis`, `series3`, `heat7`); a `Palette` turns the names into colours of the current theme. No
series is recognised by its colour alone: each has a glyph and a label too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.color import Color
from rich.style import Style

# Okabe and Ito's colours, the most visible on each background first, without those of the front, teacher and NDS; the
# last three are further ones, because eight models can be compared.
_ON_DARK = (
    "#ffffff", "#e69f00", "#f0e442", "#e8743b", "#6f9bf5", "#b8bcc4", "#c9a3ff", "#a3c940", "#c49a6c",
)  # fmt: skip
_ON_LIGHT = (
    "#000000", "#d55e00", "#b87f00", "#3d95cc", "#6b5b00", "#5f6670", "#7a3fc0", "#557a00", "#8a4b2a",
)  # fmt: skip

# Cividis in 16 steps: its lightness grows evenly, and the colour-blind see it as others do.
_HEAT = (
    "#00224e", "#0a2d63", "#1f3870", "#30436e", "#3e4e6c", "#4b596b", "#57646d", "#636f71",
    "#707b76", "#7e8777", "#8d9376", "#9d9f72", "#aeac6b", "#c0b961", "#d4c853", "#f5e23f",
)  # fmt: skip


@dataclass(frozen=True)
class Colours:
    """The colours of one theme."""

    text: str
    dim: str
    faint: str
    accent: str
    good: str
    bad: str
    warn: str
    series: Sequence[str]
    cursor: str
    gain: str
    loss: str
    teacher: str
    nds: str


DARK = Colours(
    text="#dfe5ec",
    dim="#98a5b3",
    faint="#46525f",
    accent="#56b4e9",
    good="#2bbd8f",
    bad="#f0683c",
    warn="#e6b422",
    series=_ON_DARK,
    cursor="#1f3347",
    gain="#56b4e9",
    loss="#e8843b",
    teacher="#d98cb9",
    nds="#2bbd8f",
)
LIGHT = Colours(
    text="#1c232b",
    dim="#56606b",
    faint="#b9bfc4",
    accent="#0072b2",
    good="#007a58",
    bad="#c2410c",
    warn="#9a6700",
    series=_ON_LIGHT,
    cursor="#d6e6f2",
    gain="#0072b2",
    loss="#c8560a",
    teacher="#b0578d",
    nds="#008a64",
)
ANSI = Colours(
    text="default",
    dim="bright_black",
    faint="bright_black",
    accent="cyan",
    good="green",
    bad="red",
    warn="yellow",
    series=(
        "default",
        "yellow",
        "bright_yellow",
        "red",
        "blue",
        "white",
        "bright_blue",
        "bright_green",
        "bright_red",
    ),
    cursor="default",
    gain="cyan",
    loss="yellow",
    teacher="magenta",
    nds="green",
)

_BOLD, _BADGE = Style(bold=True), Style(bold=True, reverse=True)
_NAMED: dict[str, tuple[str, Style]] = {
    "text": ("text", Style()),
    "strong": ("text", _BOLD),
    "dim": ("dim", Style()),
    "label": ("dim", Style()),
    "cloud": ("dim", Style()),
    "heading": ("dim", _BOLD),
    "axis": ("faint", Style()),
    "faint": ("faint", Style()),
    "accent": ("accent", Style()),
    "key": ("accent", _BOLD),
    "front": ("accent", _BOLD),
    "good": ("good", Style()),
    "bad": ("bad", _BOLD),
    "warn": ("warn", _BOLD),
    "gain": ("gain", Style()),
    "loss": ("loss", Style()),
    "nds": ("nds", Style()),
    "teacher": ("teacher", Style()),
    "badge": ("accent", _BADGE),
    "badge-warn": ("warn", _BADGE),
    "badge-bad": ("bad", _BADGE),
}
"""Name of a style -> a field of `Colours`, and what is added to its colour."""


class Palette:
    """Styles by name, on the background of one widget.

    `a|b` is style a on the background of b; `heatK` has the colour of level K as its background, and `heatK:L` is that
    of a half-block, K above and L below.
    """

    def __init__(self, colours: Colours, base: Style, *, mono: bool = False) -> None:
        self.colours = colours
        self.base = base
        self.mono = mono
        self._cache: dict[str, Style] = {}

    def __call__(self, name: str) -> Style:
        """Return the style of this name."""
        found = self._cache.get(name)
        if found is None:
            found = self._cache[name] = self.base + self._style(name)
        return found

    def _style(self, name: str) -> Style:
        first, bar, background = name.partition("|")
        if bar:
            return self._style(first) + self._background(background)
        if first.startswith("heat"):
            upper, colon, lower = first[4:].partition(":")
            top = _colour(_HEAT[int(upper)])
            if colon:
                return Style(color=top, bgcolor=_colour(_HEAT[int(lower)]) if lower else None)
            ink = "#ffffff" if int(upper) < 9 else "#000000"
            return Style(color=_colour(ink), bgcolor=top)
        if first.startswith("series"):
            slot = int(first[6:])
            return Style(color=_colour(self.colours.series[slot % 9]), bold=slot == 0)
        field, extra = _NAMED.get(first, ("text", Style()))
        return Style(color=_colour(getattr(self.colours, field))) + extra

    def _background(self, name: str) -> Style:
        if name == "cursor":
            if self.mono:
                return Style(reverse=True)
            if self.colours is ANSI:  # one background for the whole row, whatever the colours of its cells
                return Style(color="bright_white", bgcolor="blue")
            return Style(bgcolor=_colour(self.colours.cursor))
        return Style()


def _colour(name: str) -> Color:
    return Color.parse(name)
