"""The figures of a run, and what draws them, found by its name: readers of runs need nothing of it."""

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RunPlots(Protocol):
    """Figures of a run on validation, in the style of an export's; each is drawn into `ax` where one is given."""

    def front(self, x: str | None = None, y: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the front among all trials, with 95 % intervals; by default the first two objectives."""

    def gaps(self, measure: str = "eod", *, ax: "Axes | None" = None) -> "Axes":
        """Draw a gap between groups, or another measure, a row for each model of the front."""

    def curves(self, measure: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Draw a measure by epoch, by default the first objective."""


def plots_of(run: object) -> RunPlots:
    """Return what draws the figures of a run."""
    return cast(RunPlots, import_module("kdtune.report.plots").Plots(run))
