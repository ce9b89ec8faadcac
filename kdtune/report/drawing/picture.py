"""A figure as files, and as parts of a page."""

from dataclasses import dataclass

from kdtune.report.drawing.style import NARROW, WIDE, Drawn, inline, look, png, svg
from kdtune.text import file_name


@dataclass(frozen=True)
class Picture:
    """A figure as files and as parts of a page.

    Attributes:
        svg, png: as files.
        wide, narrow: SVG for a page, on a desktop and on a phone.
        caption: what it shows, and how that was measured.
    """

    name: str
    title: str
    caption: str
    svg: bytes
    png: bytes
    wide: str
    narrow: str


def picture(name: str, title: str, caption: str, draw: Drawn) -> Picture:
    """Draw a figure at the width of a page and of a phone, and write it in every format."""
    with look():
        wide, narrow = draw(WIDE), draw(NARROW)
        file = svg(wide, f"{name} wide")
        return Picture(
            name=file_name(name),
            title=title,
            caption=caption,
            svg=file.encode(),
            png=png(wide),
            wide=inline(file, title, grow=1.3),
            narrow=inline(svg(narrow, f"{name} narrow"), title, grow=1.4),
        )
