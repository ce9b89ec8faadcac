"""The characters that charts are drawn with, and their ASCII twins."""

from dataclasses import dataclass

_ASCII = str.maketrans(
    "…·–−×→←↑↓│─━╸╺┄┊┼├┤┴└●◎○◦•▲▼■◆◇★✚▶✓✗◼◌▌▪αρη≥≤▴▾∞ ▀█▁▂▃▄▅▆▇",
    "~.--x><^v|-===.:+[]++o@o..^v#+<*+>+x-~>!arn><^v8 ##_.-=+*O",
)


def to_ascii(text: str) -> str:
    """Return text in ASCII, one character for each, so that nothing moves; a character without a twin becomes `?`."""
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
        """Return the marker of a compared model."""
        return ("o*x+#@%&$" if self.ascii else "◎●▲■◆▼★✚▶")[slot % 9]

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


_ASCII_WORDS = (("→", "->"), ("←", "<-"), ("≥", ">="), ("≤", "<="), ("∞", "inf"))
"""Characters that are clearer as several ASCII characters."""

GLYPHS = {
    "running": ("●", "*"),
    "done": ("✓", "+"),
    "stopped": ("◼", "-"),
    "failed": ("✗", "x"),
    "interrupted": ("◌", "~"),
    "front": ("★", "*"),
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
    "hollow": ("○", "o"),
    "dot": ("•", "."),
    "hollow_dot": ("·", "?"),
    "teacher": ("◆", "T"),
    "nds": ("◇", "N"),
    "zero": ("│", "|"),
    "cap_low": ("├", "["),
    "cap_high": ("┤", "]"),
    "track": ("─", "."),
    "empty": ("○", "o"),
    "more": ("…", "~"),
}
