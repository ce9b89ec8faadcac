"""The six screens, and the panes that they hold."""

from collections.abc import Sequence

from ..charts.beside import beside
from ..charts.classes.accuracy_map import class_map, disagreement
from ..charts.classes.bias import bias, bias_rows
from ..charts.classes.bias_curves import bias_curves
from ..charts.doubt import front_wish
from ..charts.front.members import front_table
from ..charts.front.scatter import front
from ..charts.groups.classes import group_classes
from ..charts.groups.gaps import gap_curve, interval_wish
from ..charts.groups.last_epoch import groups
from ..charts.groups.rates import group_rates
from ..charts.journal.events import journal
from ..charts.journal.log import log
from ..charts.journal.machine import machine
from ..charts.live.curves import curves
from ..charts.live.hypervolume import hypervolume
from ..charts.live.table import table, table_wish
from ..charts.ranks import front_rows
from ..charts.search.ranking import importances, ranking_wish
from ..charts.search.settings import parallel, slice_
from ..charts.search.timeline import started_order, timeline
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
            Pane("table", "Trials", table, every=2, counts=True, wish=table_wish),
            Pane("curves", "Learning curves", curves, shared=EPOCH, every=3),
            Pane("bias", "Class bias", bias, depends="reports", every=2, scrolls=True),
        )

    def grid_rows(self, height: int) -> tuple[str, str] | None:
        """Give class bias the rows that it can use, and the curves the rest."""
        return "1fr", str(min(height // 2, _FRAME + bias_rows(len(self.host.session.store.record.classes))))


class Front(Board):
    """The front, the hypervolume, and the trials on the front."""

    NAME = "front"
    BESIDE = 2  # what made each member

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("front", "Pareto front", front, every=3, wish=front_wish, without_front="All models"),
            Pane("hypervolume", "Hypervolume", hypervolume, depends="done"),
            Pane(
                "front_table",
                "On the front",
                front_table,
                depends="doubts",
                counts=True,
                rows=front_rows,
                wish=front_wish,
            ),
        )


class Groups(Board):
    """Groups: the gaps between them, since when, and in which classes."""

    NAME = "groups"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("groups", "Gaps between groups", beside(groups), depends="reports", wish=interval_wish),
            Pane(
                "group_classes",
                "Who gets which class wrong",
                beside(group_classes),
                depends="reports",
                scrolls=True,
            ),
            Pane(
                "gap_curve",
                "Gaps by epoch",
                beside(gap_curve),
                depends="reports",
                shared=EPOCH,
                wish=interval_wish,
            ),
            Pane("group_rates", "Rates by group", beside(group_rates), depends="reports", shared=EPOCH),
        )


class Classes(Board):
    """Classes: since when which of them loses, and to which one it is lost."""

    NAME = "classes"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("bias_curves", "Class bias by epoch", beside(bias_curves), depends="reports", shared=EPOCH),
            Pane(
                "class_map", "Class × epoch", beside(class_map), depends="reports", shared=EPOCH, scrolls=True
            ),
            Pane(
                "disagreement",
                "Disagreement with the teacher",
                beside(disagreement),
                depends="reports",
                scrolls=True,
            ),
        )


class Search(Board):
    """The search: settings against results."""

    NAME = "search"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("parallel", "Parallel coordinates", parallel, depends="done"),
            Pane("importance", "Importance", importances, depends="rankings", wish=ranking_wish),
            Pane("slice", "Slice", slice_, depends="done"),
            Pane("timeline", "Timeline", timeline, every=3, counts=True, rows=started_order),
        )


class Journal(Board):
    """What happened, what the machine does, and what the driver prints."""

    NAME = "journal"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("journal", "Journal", journal, depends="done", scrolls=True),
            Pane("machine", "Machine", machine, depends="machine"),
            Pane("log", "driver.log", log, depends="log", scrolls=True),
        )


BOARDS: dict[str, type[Board]] = {
    board.NAME: board for board in (Live, Front, Groups, Classes, Search, Journal)
}
