"""Dialogs: help, a trial's details, the filter, seeking, and the confirmation that stops a sweep."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from kdtune.runs.state import ModelState
from tui.actions import Action, groups
from tui.charts.frame import Frame
from tui.charts.gaps import gap_names
from tui.text import duration, number, plain, setting, short

if TYPE_CHECKING:
    from tui.app import Monitor


Rows = list[tuple[Text, Text]]


class Dialog(ModalScreen[str | None]):
    """A box over the panes; escape closes it."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("escape,q", "close", show=False)]  # type: ignore[assignment]

    def on_mount(self) -> None:
        """Use plain lines where the terminal has no others."""
        self.set_class(self.monitor.look.ascii, "-ascii")

    @property
    def monitor(self) -> "Monitor":
        """The app."""
        return self.app  # type: ignore[return-value]

    def page(self, box: Widget, table: Table) -> Static:
        """Return a table as the contents of a box that is as wide as the table, if the screen is."""
        console = self.app.console
        options = console.options.update(width=400)
        box.styles.width = min(self.app.size.width - 2, Measurement.get(console, options, table).maximum + 7)
        return Static(table, classes="said")

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class Help(Dialog):
    """What can be done, and what the signs mean."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("question_mark,enter", "close", show=False)]

    def compose(self) -> ComposeResult:
        """Lay the groups out in as many columns as fit."""
        with VerticalScroll(classes="box") as box:
            box.border_title = "Help"
            box.border_subtitle = "esc closes"
            yield self.page(box, self._page())

    def _page(self) -> Table:
        wide = 3 if self.app.size.width >= 150 else 2 if self.app.size.width >= 104 else 1
        parts = [(heading, self._keys(actions)) for heading, actions in groups().items()]
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

    def _keys(self, actions: list[Action]) -> Rows:
        look = self.monitor.look
        key_style = f"bold {self.app.current_theme.primary}" if not self.app.current_theme.ansi else "bold"
        rows: Rows = []
        for action in actions:
            off = (action.needs == "replay" and not self.monitor.is_replay) or (
                action.needs == "write" and self.monitor.readonly
            )
            note = "" if not off else " (in a replay)" if action.needs == "replay" else " (read-only)"
            rows.append(
                (
                    Text(look.text(action.shown), style="dim" if off else key_style),
                    Text(look.text(action.help + note), style="dim" if off else ""),
                )
            )
        return rows

    def _signs(self) -> Rows:
        look = self.monitor.look
        signs = [
            (look.glyph("front"), "on the Pareto front"),
            (look.glyph("running"), "running"),
            (look.glyph("done"), "done: trained to the last epoch"),
            (look.glyph("stopped"), "stopped early by the scheduler"),
            (look.glyph("failed"), "failed: enter says why"),
            (look.glyph("interrupted"), "interrupted: goes on with the run"),
            (look.glyph("teacher"), "teacher"),
            (look.glyph("nds"), "NDS: the student without distillation"),
            (look.text("–"), "undefined: a rate without examples"),
            ("hv", "hypervolume: share of the objectives' square that the front dominates"),
            ("chance", "what a model that ignores the group would show at these group sizes"),
        ]
        return [(Text(sign, style="bold"), Text(look.text(meaning))) for sign, meaning in signs]


class Detail(Dialog):
    """All that is known of one trial."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("enter", "close", show=False)]

    def __init__(self, model: ModelState) -> None:
        super().__init__()
        self.model = model

    def compose(self) -> ComposeResult:
        """Show settings beside measures."""
        with VerticalScroll(classes="box") as box:
            box.border_title = plain(self.model.id)
            box.border_subtitle = "esc closes"
            yield self.page(box, self._page())

    def _page(self) -> Table:
        model, monitor = self.model, self.monitor
        frame = monitor.frame(80, 24)
        settings = Table.grid(padding=(0, 2))
        settings.add_row(Text("setting", style="bold"), "")
        for name, value in model.config.items():
            settings.add_row(Text(plain(name), style="dim"), Text(monitor.look.text(setting(value))[:60]))
        page = Table.grid(padding=(0, 4))
        measures = self._measures(frame)
        if self.app.size.width >= 100:
            page.add_row(measures, settings)
        else:
            page.add_row(measures)
            page.add_row(settings)
        outer = Table.grid(padding=(0, 0, 1, 0))
        outer.add_row(self._state())
        outer.add_row(page)
        return outer

    def _state(self) -> Text:
        model, store = self.model, self.monitor.store
        words = [model.state, f"epoch {model.epoch} of {model.epochs}", f"{duration(model.seconds)} at work"]
        if model.id in store.front:
            words.append("on the front")
        elif model.state == "done" and not store.feasible(model):
            words.append("breaks a constraint")
        if model.cached:
            words.append("taken from the cache")
        text = Text(self.monitor.look.text(" · ".join(words)))
        if model.message:
            text.append("\n" + plain(model.message), style="bold")
        return text

    def _measures(self, frame: Frame) -> Table:
        model, look = self.model, self.monitor.look
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        table.add_column()
        table.add_column(justify="right")
        table.add_row(
            Text("measure", style="bold"),
            Text("last", style="bold"),
            Text("95 %, chance", style="bold"),
            Text("best", style="bold"),
        )
        gaps = gap_names(frame)
        for name in frame.store.measures:
            line = frame.store.series(model.id, name)
            known = line[np.isfinite(line)]
            best = (
                (known.max() if frame.store.direction(name) == "max" else known.min())
                if len(known)
                else float("nan")
            )
            doubt = frame.doubts.get((model.id, model.epoch, name)) if name in gaps else None
            said = (
                "" if doubt is None else f"[{number(doubt.low)}, {number(doubt.high)}] {number(doubt.chance)}"
            )
            table.add_row(
                Text(look.text(short(name)), style="" if name in frame.store.record.objectives else "dim"),
                look.text(number(model.values.get(name, float("nan")))),
                Text(said, style="dim"),
                Text(look.text(number(float(best))), style="dim"),
            )
        return table


class Prompt(Dialog):
    """One line of input at the foot of the screen; `check` says what is wrong with it as it is typed."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("tab", "complete", show=False, priority=True)]

    def __init__(
        self,
        title: str,
        hint: str,
        *,
        value: str = "",
        check: Callable[[str], str] = lambda _: "",
        complete: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._title = title
        self._hint = hint
        self._value = value
        self._check = check
        self._complete = complete

    def compose(self) -> ComposeResult:
        """Show the line with its hint."""
        with Vertical(classes="box") as box:
            box.border_title = self._title
            yield Input(value=self._value, select_on_focus=False)
            yield Static(self._hint, classes="hint", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong."""
        wrong = self._check(event.value)
        hint = self.query_one(Static)
        hint.update(wrong or self._hint)
        hint.set_class(bool(wrong), "wrong")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with the line, if nothing is wrong with it."""
        if not self._check(event.value):
            self.dismiss(event.value)

    def action_complete(self) -> None:
        """Complete the name at the end of the line."""
        line = self.query_one(Input)
        found = self._complete(line.value)
        if found is not None:
            line.value = found
            line.cursor_position = len(found)


class ConfirmStop(Dialog):
    """Asks to type `stop` before a sweep is asked to stop."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def compose(self) -> ComposeResult:
        """Say what will happen."""
        with Vertical(classes="box") as box:
            box.border_title = f"Stop {self._name}?"
            yield Static(
                "The sweep ends after the epochs now at work. Nothing is lost:\n"
                f"kdtune search --resume {self._name} goes on from there.\n"
                "Type stop (or now, to cut the epochs at work short) and press enter.",
                classes="hint",
                markup=False,
            )
            yield Input(placeholder="stop")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with what was typed, if it is one of the two words."""
        word = event.value.strip().lower()
        if word in ("stop", "now"):
            self.dismiss(word)
        else:
            self.dismiss(None)
