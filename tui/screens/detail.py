"""Everything known about one trial."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll

from kdtune.runs.measures.objectives import why_trivial
from kdtune.runs.sizes import weights_bytes
from kdtune.runs.state import ModelState
from kdtune.text import byte_size, duration, plain, setting

from ..charts.frame import Frame
from ..charts.groups.gaps import gap_names, interval_wish
from ..drawing.text import measured, number, short
from ..session import WishOf
from .dialog import SCROLLING, Dialog

REFRESH_SECONDS = 0.5


class Detail(Dialog):
    """Everything known about one trial."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("enter", "close", show=False), *SCROLLING]
    wishes: ClassVar[Sequence[WishOf]] = (interval_wish,)

    def __init__(self, model: ModelState) -> None:
        super().__init__()
        self.model = model

    def compose(self) -> ComposeResult:
        """Yield a page with the state, the measures and the settings."""
        with VerticalScroll(classes="box") as box:
            box.border_title = plain(self.model.id)
            box.border_subtitle = self.session.glyphs.text("j k scroll · esc closes")
            self._said = self.page(box, self._page())
            yield self._said

    def on_mount(self) -> None:
        """Follow the trial while the page is open."""
        super().on_mount()
        self._shown = self.session.key("reports")
        self.set_interval(REFRESH_SECONDS, self._refresh)

    def _refresh(self) -> None:
        key = self.session.key("reports")
        if key != self._shown:
            self._shown = key
            self.model = self.session.store.model(self.model.id) or self.model
            self._said.update(self._page())

    def _page(self) -> Table:
        model, session = self.model, self.session
        frame = session.frame(80, 24)
        settings = Table.grid(padding=(0, 2))
        settings.add_row(Text("setting", style="bold"), "")
        for name, value in model.config.items():
            settings.add_row(Text(plain(name), style="dim"), Text(session.glyphs.text(setting(value))[:60]))
        page = Table.grid(padding=(0, 4))
        measures = self._measures(frame)
        if self.app.size.width >= 100:
            page.add_row(measures, settings)
        else:
            page.add_row(measures)
            page.add_row(settings)
        outer = Table.grid()
        outer.add_row(self._state())
        outer.add_row("")
        outer.add_row(page)
        return outer

    def _state(self) -> Text:
        model, store = self.model, self.session.store
        words = [
            model.state,
            f"epoch {model.epoch} of {model.epochs}",
            f"{duration(model.seconds)} of training",
        ]
        if model.id in store.front:
            words.append("on the front")
        elif model.state == "done" and not store.feasible(model):
            words.append("breaks a constraint")
        if model.cached:
            words.append("from the cache")
        size = None if self.session.files is None else weights_bytes(self.session.files, store.state, model)
        if size is not None:
            words.append(f"weights {byte_size(size)} on disk")
        if why := why_trivial(model.values, store.record.objectives):
            words.append(why)
        text = Text(self.session.glyphs.text(" · ".join(words)))
        if model.message:
            text.append("\n" + plain(model.message), style="bold")
        return text

    def _measures(self, frame: Frame) -> Table:
        model, glyphs = self.model, self.session.glyphs
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        table.add_column()
        table.add_column(justify="right")
        table.add_row(
            Text("measure", style="bold"),
            Text("last", style="bold"),
            Text("95 % interval; equal rates", style="bold"),
            Text("best", style="bold"),
        )
        gaps = gap_names(frame)
        for name in frame.store.measures:
            best = _best(frame, model, name)
            doubt = frame.doubts.get((model.id, model.epoch, name)) if name in gaps else None
            said = (
                ""
                if doubt is None
                else f"[{number(doubt.low)}, {number(doubt.high)}]; {number(doubt.chance)}, "
                f"{number(doubt.chance_high)}"
            )
            table.add_row(
                Text(glyphs.text(short(name)), style="" if name in frame.store.record.objectives else "dim"),
                glyphs.text(measured(name, model.values.get(name, float("nan")))),
                Text(said, style="dim"),
                Text(glyphs.text(best), style="dim"),
            )
        return table


def _best(frame: Frame, model: ModelState, name: str) -> str:
    """Return the best value with its epoch; none of what is better when small.

    Such a measure is a gap, and the gap of a model that has hardly been trained is small without being good.
    """
    line = frame.store.series(model.id, name)
    if frame.store.direction(name) != "max" or not np.isfinite(line).any():
        return ""
    epoch = int(np.nanargmax(line))
    return f"{measured(name, float(line[epoch]))} in epoch {epoch + 1}"
