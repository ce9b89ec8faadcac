"""How the cells of a study's tables show numbers."""

import math

from kdtune.report.study.published import PublishedSeries
from kdtune.report.study.statistics.quantities import Spread

PUBLISHED = "published"
"""Marks columns with the paper's own figures."""


def percent(found: Spread) -> str:
    """Return a share's mean ± spread, in %."""
    if math.isnan(found.mean):
        return "undefined"
    if math.isnan(found.std):
        return f"{100 * found.mean:.2f} (one seed)"
    return f"{100 * found.mean:.2f} ± {100 * found.std:.2f}"


def plain(found: Spread) -> str:
    """Return a mean ± spread, without a unit."""
    if math.isnan(found.mean):
        return "undefined"
    return f"{found.mean:.4f}" + (" (one seed)" if math.isnan(found.std) else f" ± {found.std:.4f}")


def share(value: float) -> str:
    """Return a share in %."""
    return "undefined" if math.isnan(value) else f"{100 * value:.2f}"


def signed(value: float) -> str:
    """Return a number with its sign."""
    return f"{value:+.2f}".replace("-", "−")


def theirs(series: PublishedSeries, label: str, digits: int = 2) -> str:
    """Return the paper's value for one row of a table."""
    value = {"teacher": series.teacher, "NDS": series.nds}.get(label)
    if value is None and label.startswith("T"):
        value = series.students.get(float(label.removeprefix("T = ")))
    return "–" if value is None else f"{value:.{digits}f}"
