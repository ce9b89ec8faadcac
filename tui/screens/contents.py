"""The five screens, and the panes that they hold."""

from collections.abc import Sequence

from ..charts.bias import bias, bias_rows
from ..charts.classes import class_map, disagreement, map_rows
from ..charts.curves import curves
from ..charts.front import front, hypervolume
from ..charts.gaps import gap_curve, interval_wish
from ..charts.groups import groups
from ..charts.log import log
from ..charts.ranking import importances, ranking_wish
from ..charts.search import parallel, slice_
from ..charts.table import front_rows, front_table, table
from ..charts.timeline import started_order, timeline
from ..state.view import EPOCH
from ..widgets.pane import Pane
from .board import Board

_FRAME = 2
"""Rows that the frame of a pane takes."""


class Live(Board):
    """Trials, learning curves, class bias."""

    NAME = "live"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("table", "Trials", table, every=2),
            Pane("curves", "Learning curves", curves, shared=EPOCH, every=3),
            Pane("bias", "Class bias", bias, depends="reports", every=2, scrolls=True),
        )

    def grid_rows(self, height: int) -> tuple[str, str] | None:
        """Give class bias the rows that it can use, and the curves the rest."""
        return "1fr", str(min(height // 2, _FRAME + bias_rows(len(self.host.session.store.record.classes))))


class Front(Board):
    """The front, the hypervolume, and the trials on the front."""

    NAME = "front"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("front", "Pareto front", front, every=3),
            Pane("hypervolume", "Hypervolume", hypervolume, depends="done"),
            Pane("front_table", "On the front", front_table, depends="done", rows=front_rows),
        )


class Classes(Board):
    """Classes and groups."""

    NAME = "classes"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("class_map", "Class × epoch", class_map, depends="reports", scrolls=True),
            Pane(
                "disagreement", "Disagreement with the teacher", disagreement, depends="reports", scrolls=True
            ),
            Pane(
                "gap_curve", "Gaps by epoch", gap_curve, depends="reports", shared=EPOCH, wish=interval_wish
            ),
            Pane("groups", "Gaps between groups", groups, depends="reports", wish=interval_wish),
        )

    def grid_rows(self, height: int) -> tuple[str, str] | None:
        """Give the charts of classes the rows that they can use, and the gaps the rest."""
        return str(min(height // 2, _FRAME + map_rows(len(self.host.session.store.record.classes)))), "1fr"


class Search(Board):
    """The search: settings against results."""

    NAME = "search"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("parallel", "Parallel coordinates", parallel, depends="done"),
            Pane("importance", "Importance", importances, depends="rankings", wish=ranking_wish),
            Pane("slice", "Slice", slice_, depends="done"),
            Pane("timeline", "Timeline", timeline, every=3, rows=started_order),
        )


class Log(Board):
    """What the driver prints."""

    NAME = "log"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (Pane("log", "driver.log", log, depends="log", scrolls=True),)


BOARDS: dict[str, type[Board]] = {board.NAME: board for board in (Live, Front, Classes, Search, Log)}
