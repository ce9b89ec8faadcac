"""The header with the run's state, and the footer with messages and keys."""

import math
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import cast

from textual import events

from kdtune.text import duration, plain

from ..drawing import raster
from ..drawing.canvas import Canvas
from ..drawing.text import fit, width
from ..host import HostBoard
from ..session import Session
from ..state.store import Store
from ..status import badges, resume_command, state_name, time_left, time_passed
from .pane import Drawn

SCREENS = (
    ("live", "Live"),
    ("front", "Front"),
    ("groups", "Groups"),
    ("classes", "Classes"),
    ("search", "Search"),
    ("journal", "Journal"),
)

STATE_SIGNS = {
    "preparing": ("running", "warn"),
    "running": ("running", "good"),
    "finished": ("done", "good"),
    "stopped": ("stopped", "warn"),
    "failed": ("failed", "bad"),
    "lost": ("failed", "bad"),
    "gone": ("failed", "bad"),
    "loading": ("interrupted", "dim"),
}

_ROOMY = 60
"""There is room for names from so many columns on."""

_LEAST = 12
"""An error is shown in part if there are more columns than these."""


class Header(Drawn):
    """Two rows: the state of the run, and the screens and panes, which can be clicked."""

    _links: Sequence[tuple[tuple[int, int], Callable[[], object]]] = ()

    @property
    def board(self) -> HostBoard:
        """The screen that this is the header of."""
        return cast(HostBoard, self.screen)

    def key(self) -> Hashable:
        """Return everything that the header shows."""
        session, board = self.session, self.board
        return (
            *session.key("store"),
            state_name(session),
            badges(session),
            int(session.source.now()) // 5,
            board.NAME,
            board.taking_turns,
            board.active,
        )

    def on_click(self, event: events.Click) -> None:
        """Go to the screen or pane whose name was clicked."""
        for (start, end), go in self._links:
            if event.y == 1 and start <= event.x < end:
                go()

    def draw(self, width: int, height: int) -> Canvas:
        """Return the two rows."""
        canvas = Canvas(width, height, ascii_only=self.session.glyphs.ascii)
        self._state_row(canvas)
        if height > 1:
            self._tabs_row(canvas)
        return canvas

    def _state_row(self, canvas: Canvas) -> None:
        session, glyphs = self.session, self.session.glyphs
        state = state_name(session)
        glyph, style = STATE_SIGNS.get(state, ("running", "dim"))
        right = canvas.width - 1
        for text, badge in reversed(badges(session)):
            label = f" {glyphs.text(text)} "
            canvas.right(right, 0, label, badge)
            right -= width(label) + 1
        x = canvas.text(1, 0, fit(plain(session.name), min(width(plain(session.name)), 28)), "strong") + 2
        x = canvas.text(x, 0, f"{glyphs.glyph(glyph)} {state}", style) + 2
        x = self._progress(canvas, x, right)
        parts = _facts(session)
        for text, name in parts:
            label = glyphs.text(text)
            if x + width(label) > right:
                if name == "bad" and right - x > _LEAST:
                    x = canvas.text(x, 0, fit(label, right - x), name) + 2
                break
            x = canvas.text(x, 0, label, name) + 2
        passed = _times(session)
        if passed and x + width(passed) <= right:
            canvas.right(right, 0, passed, "dim")

    def _progress(self, canvas: Canvas, x: int, right: int) -> int:
        """Draw the share of the trials that have ended; return the x after it."""
        store, glyphs = self.session.store, self.session.glyphs
        size = 16 if canvas.width >= 120 else 8 if canvas.width >= 80 else 0
        if not store.record.trials or not size or x + size >= right:
            return x
        share = min(1.0, (_ended(store) + _partial(store)) / store.record.trials)
        filled = raster.bar(share * size, size, ascii_only=glyphs.ascii)
        counts = store.counts()
        in_vain = counts["failed"] > 0 and not counts["done"] + counts["stopped"]
        end = canvas.text(x, 0, filled, "bad" if in_vain else "accent")
        canvas.text(end, 0, glyphs.glyph("track") * (x + size - end), "faint")
        return x + size + 1

    def _tabs_row(self, canvas: Canvas) -> None:
        board, glyphs = self.board, self.session.glyphs
        links: list[tuple[tuple[int, int], Callable[[], object]]] = []
        self._links = links
        x = 1
        roomy = canvas.width > sum(len(title) + 4 for _, title in SCREENS)
        for k, (mode, title) in enumerate(SCREENS):
            here, start = mode == board.NAME, x
            if here:
                x = canvas.text(x, 1, f" {k + 1} {title} ", "badge") + 1
            else:
                x = canvas.text(x, 1, f" {k + 1}", "key")
                x = canvas.text(x, 1, f" {title} " if roomy else " ", "dim") + 1
            links.append(((start, x), partial(self.host.switch_mode, mode)))
        names, active = board.taking_turns, board.active
        if len(names) < 2:
            return
        right = canvas.width - 1
        labels = [glyphs.text(name) for name in names]
        total = sum(width(label) + 2 for label in labels)
        if x + total + 6 > right:
            place = f"{active + 1}/{len(labels)}"
            whole = f"{labels[active]} {place}"
            labels = [whole if x + width(whole) + 8 <= right else place]
            active = 0
            total = width(labels[0]) + 2
        start = right - total
        if start < x:
            return
        canvas.right(start, 1, "tab ", "key")
        for k, label in enumerate(labels):
            target = k if len(labels) > 1 else board.active + 1
            links.append(((start, start + width(label)), partial(board.activate, target)))
            start = canvas.text(start, 1, label, "strong" if k == active else "dim") + 2


def _facts(session: Session) -> list[tuple[str, str]]:
    """Return the results of the run so far, each with its style, the most important first."""
    store, state = session.store, session.store.state
    counts = store.counts()
    failed = state_name(session) == "failed"
    found: list[tuple[str, str]] = []
    if state.message and state_name(session) == "preparing":
        found.append((plain(state.message), "dim"))
    ended, budget = _ended(store), store.record.trials
    said = f"{ended}/{budget}" if budget else f"{ended}"
    found.append((f"{said} trial{'' if (budget or ended) == 1 else 's'}", "text"))
    if counts["running"] and state_name(session) != "lost":
        found.append((f"{counts['running']} running", "accent"))
    if counts["failed"]:
        found.append((f"{counts['failed']} failed", "bad"))
    if state_name(session) in ("stopped", "lost"):
        found.append((f"{resume_command(session)} goes on", "warn"))
    if store.front:
        found.append(
            (f"{session.glyphs.glyph('front')} {len(store.front)} on {'raw ' * store.raw}front", "front")
        )
        found.append((f"hv {store.hypervolume:.4f}", "text"))
    if state.message and failed:
        found.append((plain(state.message), "bad"))
    return found


def _ended(store: Store) -> int:
    counts = store.counts()
    return counts["done"] + counts["stopped"] + counts["failed"]


def _times(session: Session) -> str:
    """Return how long the run has taken, and how long it may still take."""
    seconds = time_passed(session)
    if seconds is None:
        return ""
    passed = duration(seconds)
    left = time_left(session)
    return passed if left is None or not math.isfinite(left) else f"{passed}, about {duration(left)} left"


def _partial(store: Store) -> float:
    """Return the epochs of the running trials as a number of trials."""
    running = [t for t in store.state.trials.values() if t.state == "running" and t.epochs]
    return float(sum(t.epoch / t.epochs for t in running))


class Footer(Drawn):
    """One row: a message or, after the filter, the most important keys, which can be clicked."""

    _links: Sequence[tuple[int, int, str]] = ()

    def on_click(self, event: events.Click) -> None:
        """Do what the key that was clicked does."""
        for start, end, label in self._links:
            if start <= event.x < end:
                self.host.do_labelled(label)
                return

    @property
    def _has_header(self) -> bool:
        return bool(self.host.board and self.host.board.has_header)

    def _run_status(self, canvas: Canvas) -> int:
        """Draw the status of the run if there is no header; return the x after it."""
        if self._has_header:
            return 1
        session, glyphs = self.session, self.session.glyphs
        state = state_name(session)
        glyph, style = STATE_SIGNS.get(state, ("running", "dim"))
        x = 1
        if canvas.width >= _ROOMY or state not in ("running", "finished"):
            x = canvas.text(x, 0, f"{glyphs.glyph(glyph)} {state}", style) + 2
        for text, badge in badges(session):
            label = f" {glyphs.text(text)} "
            if x + width(label) < canvas.width:
                x = canvas.text(x, 0, label, badge) + 1
        return x + 1 if x > 1 else x

    def key(self) -> Hashable:
        """Return everything that the footer shows."""
        session = self.session
        return (
            session.view.revision,
            session.message,
            session.meter.line(),
            () if self._has_header else (state_name(session), badges(session)),
            self.app.theme,
            len(session.ids),
            self.host.footer_keys,
        )

    def draw(self, width_: int, height: int) -> Canvas:
        """Return the row."""
        session, glyphs = self.session, self.session.glyphs
        canvas = Canvas(width_, height, ascii_only=glyphs.ascii)
        self._links = ()
        meter = session.meter.line()
        if meter:
            canvas.text(1, 0, fit(glyphs.text(meter), width_ - 2), "dim")
            return canvas
        x = self._run_status(canvas)
        if session.message:
            text, style = session.message
            canvas.text(x, 0, fit(glyphs.text(plain(text)), width_ - x - 1), style)
            return canvas
        if session.view.filter:
            found = f"{len(session.ids)} of {len(session.store.state.trials)}"
            x = canvas.text(x, 0, "/", "key")
            x = canvas.text(
                x,
                0,
                fit(
                    glyphs.text(plain(session.view.filter)),
                    min(width(plain(session.view.filter)), width_ // 2),
                ),
                "strong",
            )
            x = canvas.text(x + 2, 0, found, "dim") + 3
        links: list[tuple[int, int, str]] = []
        self._links = links
        for shown, label in self.host.footer_keys:
            key = glyphs.text(shown)
            if x + width(f"{key} {label}") > width_ - 1:
                continue
            links.append((x, x + width(f"{key} {label}"), label))
            x = canvas.text(x, 0, key, "key")
            x = canvas.text(x + 1, 0, label, "dim") + 3
        return canvas
