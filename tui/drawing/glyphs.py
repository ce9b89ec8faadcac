"""The characters that charts are drawn with, and their ASCII twins."""

from dataclasses import dataclass

_ASCII = str.maketrans(
    "…·–−×→←↑↓│─━╸╺┄┊┼├┤┴└●◎○◦•▲▼■◆◇★✚▶✓✗◼◌▌▪αρη≥≤▴▾∞ ▀█▁▂▃▄▅▆▇",
    "~.--x><^v|-===.:+[]++o@o..^v#+<*+>+x-~>!arn><^v8 ##_.-=+*O",
)


def to_ascii(text: str) -> str:
    """Return text in ASCII, character for character, so that nothing moves; what has no twin becomes `?`."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


@dataclass(frozen=True)
class Glyphs:
    """What the terminal can draw.

    Attributes:
        ascii: nothing but ASCII.
        mono: no colours: what colour would say must be said by characters.
    """

    ascii: bool = False
    mono: bool = False

    def glyph(self, name: str) -> str:
        """Return the character for a thing."""
        return GLYPHS[name][1 if self.ascii else 0]

    def series(self, slot: int) -> str:
        """Return the marker of a compared model."""
        return ("o*x+#@%&$" if self.ascii else "◎●▲■◆▼★✚▶")[slot % 9]

    def heat(self, level: int) -> str:
        """Return a character as dark as a heat map's level (0 to 15), for terminals without colour."""
        ramp = " .:-=+*#" if self.ascii else " ·░░▒▒▓█"
        return ramp[max(0, level) // 2]

    def text(self, text: str) -> str:
        """Return a label in what the terminal can draw."""
        if not self.ascii or text.isascii():
            return text
        for wide, narrow in _ASCII_WORDS:
            text = text.replace(wide, narrow)
        return text.encode("ascii", "replace").decode()


_ASCII_WORDS = (
    ("α", "a"), ("→", "->"), ("←", "<-"), ("↑", "^"), ("↓", "v"), ("·", "."), ("–", "-"), ("−", "-"), ("…", "~"),
    ("×", "x"), ("●", "*"), ("◎", "o"), ("▲", "^"), ("▼", "v"), ("■", "#"), ("◆", "+"), ("★", "*"), ("✚", "+"),
    ("ρ", "r"), ("η", "n"), ("≥", ">="), ("≤", "<="), ("│", "|"), ("─", "-"), ("━", "="), ("∞", "inf"), ("▶", ">"),
    ("◇", "<"), ("◦", "."), ("┄", "."), ("┊", ":"), ("├", "["), ("┤", "]"),
)  # fmt: skip

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
    "target": ("◎", "@"),
    "zero": ("│", "|"),
    "cap_low": ("├", "["),
    "cap_high": ("┤", "]"),
    "track": ("─", "."),
    "best": ("▲", "^"),
    "separator": ("│", "|"),
    "block": ("█", "#"),
    "upper": ("▀", "#"),
    "empty": ("○", "o"),
    "more": ("…", "~"),
    "left": ("←", "<"),
    "right": ("→", ">"),
}
