"""The figures of an export: the front, what T and alpha do, class bias, and rates by group."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from kdtune.report.drawing.style import NARROW, WIDE, inline, look, png, svg
from kdtune.report.export.figures import bias as figure_bias
from kdtune.report.export.figures import front as figure_front
from kdtune.report.export.figures import groups as figure_groups
from kdtune.report.export.figures import settings as figure_settings
from kdtune.report.export.findings import Findings
from kdtune.text import file_name

if TYPE_CHECKING:
    from kdtune.report.drawing.style import Drawn


@dataclass(frozen=True)
class Picture:
    """A figure in all its forms.

    Attributes:
        svg, png: as files.
        wide, narrow: as parts of a page, for a desk and for a phone.
        caption: what is to be seen, and how it was measured.
    """

    name: str
    title: str
    caption: str
    svg: bytes
    png: bytes
    wide: str
    narrow: str


def draw_all(findings: Findings) -> list[Picture]:
    """Draw the figures that these data give."""
    jobs: list[tuple[str, str, str, Drawn]] = [
        ("front", "The front", figure_front.caption(findings), partial(figure_front.draw, findings)),
    ]
    if figure_settings.settings(findings):
        jobs.append(
            (
                "settings",
                "What temperature and weight do",
                figure_settings.caption(findings),
                partial(figure_settings.draw, findings),
            )
        )
    if figure_bias.references(findings):
        title = "Which classes gain and lose"
        jobs.append(("class-bias", title, figure_bias.caption(), partial(figure_bias.draw, findings)))
    jobs += [
        (
            f"groups-{attribute}",
            f"Rates by {attribute}",
            figure_groups.caption(findings, attribute),
            partial(figure_groups.draw, findings, attribute),
        )
        for attribute in findings.record.attributes
    ]
    return [picture(*job) for job in jobs]


def picture(name: str, title: str, caption: str, draw: "Drawn") -> Picture:
    """Draw a figure in all its forms, at the width of a page and of a phone."""
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
