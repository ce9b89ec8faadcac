"""The help page: keys and signs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll

from .dialog import SCROLLING, Dialog

Rows = list[tuple[Text, Text]]


@dataclass(frozen=True)
class KeyLine:
    """One line of the page: keys, what they do, and what is missing if they do nothing here."""

    keys: str
    help: str
    missing: str = ""


class Help(Dialog):
    """What can be done here, and what the signs mean."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("question_mark,enter", "close", show=False), *SCROLLING]

    def __init__(self, lines: Mapping[str, Sequence[KeyLine]]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Yield the groups of keys in as many columns as fit."""
        with VerticalScroll(classes="box") as box:
            box.border_title = "Help"
            box.border_subtitle = self.session.glyphs.text("j k scroll · esc closes")
            yield self.page(box, self._page())

    def _page(self) -> Table:
        wide = 3 if self.app.size.width >= 150 else 2 if self.app.size.width >= 104 else 1
        parts = [(heading, self._keys(lines)) for heading, lines in self._lines.items()]
        parts.append(("Signs", self._signs()))
        columns: list[list[tuple[str, Rows]]] = [[] for _ in range(wide)]
        for part in parts:
            min(columns, key=lambda column: sum(len(rows) + 2 for _, rows in column)).append(part)
        page = Table.grid(padding=(0, 2))
        page.add_row(*(self._column(column) for column in columns))
        return page

    def _column(self, parts: list[tuple[str, Rows]]) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", no_wrap=True)
        table.add_column()
        for heading, rows in parts:
            table.add_row("", Text(heading, style="bold"))
            for row in rows:
                table.add_row(*row)
            table.add_row("", "")
        return table

    def _keys(self, lines: Sequence[KeyLine]) -> Rows:
        glyphs = self.session.glyphs
        key_style = f"bold {self.app.current_theme.primary}" if not self.app.current_theme.ansi else "bold"
        rows: Rows = []
        for line in lines:
            note = f" ({line.missing})" if line.missing else ""
            rows.append(
                (
                    Text(glyphs.text(line.keys), style="dim" if line.missing else key_style),
                    Text(glyphs.text(line.help + note), style="dim" if line.missing else ""),
                )
            )
        return rows

    def _signs(self) -> Rows:
        glyphs = self.session.glyphs
        signs = [
            (glyphs.glyph("front"), "on the Pareto front"),
            (glyphs.glyph("infeasible"), "done, but breaks a constraint"),
            (
                glyphs.glyph("trivial"),
                "trivial: the same answer to everybody, or no better than the majority",
            ),
            (glyphs.glyph("running"), "running"),
            (glyphs.glyph("done"), "done: trained to the last epoch"),
            (glyphs.glyph("stopped"), "stopped early by the scheduler"),
            (glyphs.glyph("failed"), "failed: enter shows why"),
            (glyphs.glyph("interrupted"), "interrupted: goes on when resumed"),
            (glyphs.glyph("teacher"), "teacher"),
            (glyphs.glyph("nds"), "NDS: the student without distillation"),
            (glyphs.text("–"), "undefined: a rate without examples"),
            ("hv", "hypervolume: share of the objectives' square that the front dominates"),
            ("±", "half of the 95 % interval, on its longer side; of class bias at most that"),
            ("+EOD −acc", "beyond noise better in EOD, worse in accuracy; =: no difference; ?: no test"),
            ("step", "members of the front that do not differ beyond noise share one"),
            ("dominated", "by that baseline: its values are nowhere worse, and somewhere better"),
            ("equal rates", "what a model with equal rates in all groups shows: mean, 95 of 100 data sets"),
        ]
        return [(Text(sign, style="bold"), Text(glyphs.text(meaning))) for sign, meaning in signs]
