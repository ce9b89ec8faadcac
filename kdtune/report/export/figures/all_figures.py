"""The figures of an export: the front, what T and alpha do, class bias, and rates by group."""

from functools import partial
from typing import TYPE_CHECKING

from kdtune.report.drawing.picture import Picture, picture
from kdtune.report.export.figures import class_bias, front, group_rates, settings
from kdtune.report.export.results.findings import Findings

if TYPE_CHECKING:
    from kdtune.report.drawing.style import Drawn


def draw_all(findings: Findings) -> list[Picture]:
    """Draw every figure for which there are data."""
    jobs: list[tuple[str, str, str, Drawn]] = [
        ("front", "The front", front.caption(findings), partial(front.draw, findings)),
    ]
    if settings.varied_settings(findings):
        jobs.append(
            (
                "settings",
                "What temperature and weight do",
                settings.caption(findings),
                partial(settings.draw, findings),
            )
        )
    if class_bias.references(findings):
        title = "Which classes gain and lose"
        jobs.append(("class-bias", title, class_bias.caption(findings), partial(class_bias.draw, findings)))
    jobs += [
        (
            name,
            f"Rates by {attribute}",
            group_rates.caption(findings, attribute),
            partial(group_rates.draw, findings, attribute),
        )
        for attribute, name in group_rates.names_of(findings.record.attributes).items()
    ]
    return [picture(*job) for job in jobs]
