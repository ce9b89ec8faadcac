"""A pane: a chart in a frame, which is drawn again only if something that it shows has changed."""

import time
from collections.abc import Callable, Hashable, Sequence

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kdtune.text import counted

from ..charts.frame import Frame
from ..charts.ranks import table_rows
from ..drawing.canvas import Canvas
from ..drawing.palette import Palette
from ..drawing.plot import message
from ..host import Host, host_of
from ..session import Session, WishOf
from ..state.store import Store
from .themes import colours_of

OF_THE_FRONT = ("front", "front_table")
"""Panes that show the front, and say so where it is the raw one."""

FROM_THE_END = ("log", "journal")
"""Lists that are read from their end."""

Chart = Callable[[Frame], Canvas]
Rows = Callable[[Store, Sequence[str]], Sequence[str]]


class Drawn(Widget):
    """A widget that shows a canvas; subclasses draw it, and say what it depends on.

    Attributes:
        plots: left, top, width and height of its charts with a cross-hair.
    """

    DEFAULT_CSS = "Drawn { overflow: hidden; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.plots: list[tuple[int, int, int, int]] = []
        self._canvas: Canvas | None = None
        self._strips: list[Strip] = []
        self._drawn_key: Hashable = None
        self._drawn_size: Size | None = None
        self._palette: Palette | None = None
        self._palette_key: Hashable = None

    @property
    def host(self) -> Host:
        """The app."""
        return host_of(self)

    @property
    def session(self) -> Session:
        """The run, and how it is looked at."""
        return self.host.session

    def key(self) -> Hashable:
        """Return everything that the picture depends on: equal keys mean equal pictures."""
        raise NotImplementedError

    def draw(self, width: int, height: int) -> Canvas:
        """Return the picture."""
        raise NotImplementedError

    def update(self) -> bool:
        """Draw again if the picture has changed, and repaint the rows that differ; return whether any do."""
        before, size = self._strips, self._drawn_size
        if not self.size or not self._redraw():
            return False
        if size != self.size or len(before) != len(self._strips):
            self.refresh()
            return True
        width = self.size.width
        changed = [
            Region(0, y, width, 1)
            for y, (old, new) in enumerate(zip(before, self._strips, strict=True))
            if old != new
        ]
        if changed:
            self.refresh(*changed)
        return bool(changed)

    @property
    def palette(self) -> Palette:
        """The colours of the theme on this widget's background."""
        base = self.rich_style
        key = (self.app.theme, base, self.app.no_color)
        if self._palette is None or key != self._palette_key:
            self._palette = Palette(colours_of(self.app.current_theme), base, mono=self.session.glyphs.mono)
            self._palette_key = key
            self._drawn_key = None
        return self._palette

    def render_line(self, y: int) -> Strip:
        """Return one row."""
        if self._drawn_size != self.size or self._drawn_key is None:
            self._redraw()
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _redraw(self) -> bool:
        """Draw if the contents, the size or the colours have changed; return whether they have."""
        palette = self.palette
        key = self.key()
        if key == self._drawn_key and self.size == self._drawn_size:
            return False
        begun = time.perf_counter()
        width, height = self.size
        canvas = self.draw(width, height)
        self._strips = [Strip(row, width) for row in canvas.rows(palette)]
        self.plots, self._canvas = canvas.plots, canvas
        self._drawn_key, self._drawn_size = key, self.size
        self.session.meter.drew(self.id or type(self).__name__, time.perf_counter() - begun)
        return True

    def notify_style_update(self) -> None:
        """Forget the rows, because their colours have changed."""
        super().notify_style_update()
        self._drawn_key = None

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """Return the width of the container, all of which is filled."""
        return container.width

    def render(self) -> str:
        """Return nothing, because rows come from `render_line`."""
        return ""


class Pane(Drawn, can_focus=True):
    """A chart in a frame.

    Attributes:
        pane_name: the name by which the view remembers how far it is scrolled.
        place: the name by which the view remembers its zoom and cross-hair.
        depends: what the picture depends on, as `Session.key` understands it.
        every: new data are shown once in so many frames.
        scrolls: whether it holds a list of its own; in the others the keys move the cursor over the trials.
        counts: whether its border says how many rows it has, and which of them the cursor is on.
        wish: returns what its chart wants computed.

    Args:
        without_front: its title for a run that has no front; by default the same.
    """

    class Clicked(Message):
        """A place in a pane was clicked, x columns and y rows from its corner."""

        def __init__(self, pane: "Pane", x: int, y: int) -> None:
            super().__init__()
            self.pane = pane
            self.x = x
            self.y = y

    class Scrolled(Message):
        """The wheel was turned over a pane, by so many rows."""

        def __init__(self, pane: "Pane", by: int) -> None:
            super().__init__()
            self.pane = pane
            self.by = by

    def __init__(
        self,
        name: str,
        title: str,
        chart: Chart,
        *,
        depends: str = "store",
        shared: str | None = None,
        every: int = 1,
        scrolls: bool = False,
        counts: bool = False,
        rows: Rows = table_rows,
        wish: WishOf | None = None,
        without_front: str = "",
    ) -> None:
        super().__init__(id=name, classes="pane")
        self.pane_name = name
        self.place = shared or name
        self._title = title
        self._without_front = without_front or title
        self.border_title = title
        self.chart = chart
        self.depends = depends
        self.every = every
        self.scrolls = scrolls
        self.counts = counts
        self.wish = wish
        self._rows = rows

    @property
    def title(self) -> str:
        """What it shows of this run."""
        return self._title if self.session.store.record.has_front else self._without_front

    def model_at(self, x: int, y: int) -> str | None:
        """Return the id of the model that is drawn at a cell of its inside, None if there is none."""
        return None if self._canvas is None else self._canvas.model_at(x, y)

    def _below(self) -> str:
        """Return what stands in the lower border: the place in a list, the zoom, and that the cursor follows."""
        view, said = self.session.view, []
        if self.pane_name == "table" and view.follow and self.session.store.state.state == "running":
            said.append("follows the newest report")
        if self.scrolls:
            last, rows = view.last.get(self.pane_name, 0), view.rows.get(self.pane_name, 0)
            if last:
                start = view.scroll.get(self.pane_name, 0)
                start = last - start if self.pane_name in FROM_THE_END else start
                said.append(f"rows {start + 1}–{start + rows - last} of {rows:,}")
        elif self.counts:
            rows_ = self.rows()
            place = rows_.index(view.cursor) + 1 if view.cursor in rows_ else 0
            said.append(f"{place:,} of {len(rows_):,}" if place else counted(len(rows_), "row"))
        if self._canvas is not None and self._canvas.note:
            said.insert(0, self._canvas.note)
        zoom = view.zoom.get(self.place)
        if zoom is not None and self.plots:
            said.append(f"zoom {zoom.factor:.3g}×, 0 shows all")
        return self.session.glyphs.text(" · ".join(said))

    def update(self) -> bool:
        """Repaint if the picture has changed; the title names the models that it shows."""
        view = self.session.view
        title, below = self.title, self._below()
        if self.depends == "reports" and view.cursor is not None:
            named = self.session.frame(0, 0).named(view.cursor)
            trivial = " trivial" if view.cursor in self.session.store.trivial else ""
            title = self.session.glyphs.text(f"{self.title} · {named}{trivial}")
        elif self.session.store.raw and self.pane_name in OF_THE_FRONT:
            title = self.session.glyphs.text(f"{self.title} · by validation alone")
        # Not if they are the same, because setting either repaints the whole pane.
        if title != self.border_title:
            self.border_title = title
        if below != (self.border_subtitle or ""):
            self.border_subtitle = below
        return super().update()

    def rows(self) -> Sequence[str]:
        """Return the ids of what the cursor can be on, in the order in which the pane shows them."""
        return self._rows(self.session.store, self.session.ids)

    def key(self) -> Hashable:
        """Return what the chart depends on."""
        return self.session.key(self.depends)

    def draw(self, width: int, height: int) -> Canvas:
        """Return the chart; one that fails is replaced by a message, and the other panes go on."""
        frame = self.session.frame(width, height)
        try:
            return self.chart(frame)
        except Exception as error:
            self.log(f"{self.pane_name}: {error!r}")
            self.host.failures.append((self.pane_name, error))
            return message(
                frame.canvas(),
                frame.glyphs,
                "this pane can't be drawn",
                repr(error),
                glyph="failed",
                style="bad",
            )

    def on_click(self, event: events.Click) -> None:
        """Post the click to the app."""
        self.post_message(self.Clicked(self, event.x, event.y))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Post the turn of the wheel to the app."""
        event.stop()
        self.post_message(self.Scrolled(self, 3))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Post the turn of the wheel to the app."""
        event.stop()
        self.post_message(self.Scrolled(self, -3))
