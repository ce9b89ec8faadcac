"""The characters that charts are drawn with, and their ASCII twins."""

from dataclasses import dataclass

from rich.cells import get_character_cell_size

_ASCII = str.maketrans(
    "…·–−±×→←↑↓│─━╸╺┄┊╌┼├┤┴└●◎○◦•▲▼■◆◇✚▶◀◐◪✓✗◼◌▌▪⊘≡αρη≥≤▴▾∞ ▀█▁▂▃▄▅▆▇▔",
    "~.--~x><^v|-===.:~+[]++o@o..^v#+<+><%#+x-~>!%=arn><^v8 ##_.-=+*O-",
)


def to_ascii(text: str, *, keep_width: bool = False) -> str:
    """Return text in ASCII, one character for each, so that nothing moves; a character without a twin becomes `?`.

    Args:
        keep_width: write two for a character that is two cells wide, and none for one without width.
    """
    if keep_width and not text.isascii():
        text = "".join(c if c.isascii() else c * get_character_cell_size(c) for c in text)
    return text.translate(_ASCII).encode("ascii", "replace").decode()


@dataclass(frozen=True)
class Glyphs:
    """The characters that the terminal can show.

    Attributes:
        ascii: it can show nothing but ASCII.
        mono: it has no colours, so that characters must say what colours would.
    """

    ascii: bool = False
    mono: bool = False

    def glyph(self, name: str) -> str:
        """Return the character of this name."""
        return GLYPHS[name][1 if self.ascii else 0]

    def series(self, slot: int) -> str:
        """Return the marker of a compared model: no sign of the front, of a state, or of a baseline."""
        return ("@12345678" if self.ascii else "◎▲■▼▶◀✚◐◪")[slot % 9]

    def heat(self, level: int) -> str:
        """Return a character as dark as a heat map's level (0 to 15), for terminals without colour."""
        ramp = " .:-=+*#" if self.ascii else " ·░░▒▒▓█"
        return ramp[max(0, level) // 2]

    def text(self, text: str) -> str:
        """Return a text in characters that the terminal can show."""
        if not self.ascii or text.isascii():
            return text
        for wide, narrow in _ASCII_WORDS:
            text = text.replace(wide, narrow)
        return to_ascii(text)


_ASCII_WORDS = (("±", "+-"), ("→", "->"), ("←", "<-"), ("≥", ">="), ("≤", "<="), ("∞", "inf"))
"""Characters that are clearer as several ASCII characters."""

GLYPHS = {
    "running": ("○", "o"),
    "done": ("✓", "+"),
    "stopped": ("◼", "-"),
    "failed": ("✗", "x"),
    "interrupted": ("◌", "~"),
    "front": ("●", "*"),
    "infeasible": ("⊘", "%"),
    "trivial": ("≡", "="),
    "pinned": ("▪", "!"),
    "cursor": ("▌", ">"),
    "hline": ("─", "-"),
    "vline": ("│", "|"),
    "dotted": ("┄", "."),
    "vdotted": ("┊", ":"),
    "corner": ("└", "+"),
    "tick": ("┴", "+"),
    "ltick": ("┤", "+"),
    "point": ("●", "o"),
    "dot": ("•", "."),
    "hollow_dot": ("·", "?"),
    "teacher": ("◆", "T"),
    "nds": ("◇", "N"),
    "chance": ("╌", "~"),
    "zero": ("│", "|"),
    "cap_low": ("├", "["),
    "cap_high": ("┤", "]"),
    "track": ("─", "."),
    "empty": ("○", "o"),
    "more": ("…", "~"),
}
