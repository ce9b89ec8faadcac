"""The five screens: which panes they hold."""

from collections.abc import Sequence

from tui.charts.bias import bias
from tui.charts.curves import curves
from tui.charts.table import table
from tui.screens.board import Board
from tui.view import EPOCH
from tui.widgets.pane import Pane


class Live(Board):
    """Trials, learning curves, per-class bias."""

    NAME = "live"

    def make_panes(self) -> Sequence[Pane]:
        """Return the panes."""
        return (
            Pane("table", "Trials", table),
            Pane("curves", "Learning curves", curves, shared=EPOCH),
            Pane("bias", "Class bias", bias, depends="reports"),
        )
