"""The monitor as one would write it first, as a comparison: a DataTable and textual-plotext, one repaint per report."""

import json
import threading
import time
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.widgets import DataTable, Footer, Header
from textual_plotext import PlotextPlot


class Naive(App[None]):
    """A table of trials, and a plot of the trial under the cursor."""

    CSS = "DataTable { width: 1fr; } PlotextPlot { width: 1fr; }"

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.run_path = run
        self.values: dict[str, list[float]] = {}
        self.reports = 0
        self.late = 0.0

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal():
            yield DataTable(cursor_type="row")
            yield PlotextPlot()
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for name in ("trial", "epoch", "accuracy", "eod", "dpd"):
            table.add_column(name, key=name)
        table.focus()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        with open(self.run_path / "events.jsonl", encoding="utf-8") as file:
            rest = ""
            while True:
                rest += file.readline()
                if not rest.endswith("\n"):
                    time.sleep(0.02)
                    continue
                event, rest = json.loads(rest), ""
                if event.get("kind") == "report":
                    try:
                        self.call_from_thread(self._report, event)
                    except RuntimeError:
                        return

    def _report(self, event: dict[str, Any]) -> None:
        table = self.query_one(DataTable)
        model, values = event["id"], event["values"]
        self.reports += 1
        self.late = max(self.late, time.time() - event["t"])
        if model not in self.values:
            self.values[model] = []
            table.add_row(model, "", "", "", "", key=model)
        self.values[model].append(values["accuracy"] or 0.0)
        table.update_cell(model, "epoch", event["epoch"])
        for name in ("accuracy", "eod", "dpd"):
            table.update_cell(model, name, f"{values[name]:.3f}")
        self._plot()

    def on_data_table_row_highlighted(self) -> None:
        self._plot()

    def _plot(self) -> None:
        table = self.query_one(DataTable)
        if not table.row_count:
            return
        model = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        plot = self.query_one(PlotextPlot)
        plot.plt.clear_data()
        plot.plt.title(f"cursor {model}")
        plot.plt.plot(self.values[str(model)])
        plot.plt.scatter(
            [v[-1] for v in list(self.values.values())], [len(v) for v in list(self.values.values())]
        )
        plot.refresh()
