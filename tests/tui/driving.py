"""Drives a monitor in a test: its clock is turned by hand, and nobody sleeps until it "should" be done.

A test that sleeps waits too long on a fast machine and not long enough on a busy one. Here a key is done when no task
of the event loop can go on, and a frame is drawn when the test turns the clock.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from textual.pilot import Pilot

from kdtune.runs import lock
from tests.limits import PATIENCE
from tui.app import AWAY, Monitor
from tui.background import intervals
from tui.background.helper import Helper
from tui.background.questions import Question
from tui.screens.board import HEADER_EVERY
from tui.sources import Live, live

TURNS = 2 * AWAY * HEADER_EVERY
"""So many turns of the clock draw every pane, also those that are drawn rarely and those of a monitor at rest."""


async def idle(*_: float) -> None:
    """Wait until no task of the event loop can go on: what is left waits for a timer, a thread or a process."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    while loop._ready:  # type: ignore[attr-defined]
        await asyncio.sleep(0)


async def turn(pilot: Pilot[Any], turns: int = TURNS) -> None:
    """Turn the clock of the monitor: it applies what has been read, and draws what changed."""
    app = pilot.app
    assert isinstance(app, Monitor)
    for _ in range(turns):
        app.turn()
        await idle()
    app.screen._on_timer_update()
    await idle()


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Turn the clock until a condition holds; threads and processes work meanwhile."""
    limit = time.monotonic() + PATIENCE
    while True:
        await turn(pilot, 1)
        if condition():
            return
        assert time.monotonic() < limit, "it took too long"
        await asyncio.sleep(0.002)


async def resize(pilot: Pilot[Any], width: int, height: int) -> None:
    """Give the terminal another size; Textual itself waits whether more changes follow."""
    await pilot.resize_terminal(width, height)
    pilot.app._check_resize()
    await turn(pilot)


def read(app: Monitor) -> bool:
    """Tell whether all that the source has is on the screen's side."""
    source = app.session.source
    return source.loading is None and not (isinstance(source, Live) and source.waiting)


def answered(app: Monitor) -> bool:
    """Tell whether threads and the helper process have nothing left to answer."""
    session = app.session
    return read(app) and session.intervals.idle and session.reader.idle


async def settled(pilot: Pilot[Any]) -> None:
    """Turn the clock until all is read, computed and drawn."""
    app = pilot.app
    assert isinstance(app, Monitor)
    await until(pilot, lambda: answered(app))
    await turn(pilot)


def screen_text(app: Monitor) -> str:
    """Return what is on the screen, line by line."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


class SharedHelper:
    """A helper process, as a monitor sees it: when the monitor ends, the process answers the next one."""

    _idle: ClassVar[list[Helper]] = []

    def __init__(self) -> None:
        self._helper = self._idle.pop() if self._idle else Helper()
        self._asking, self._closing = threading.Lock(), threading.Lock()
        self._is_over = self._is_closed = False

    def ask(self, question: Question, attributes: list[str]) -> Any:
        with self._asking:
            answer = None if self._is_over else self._helper.ask(question, attributes)
        if self._is_over:
            raise EOFError
        return answer

    def kill(self) -> None:
        self._is_over = True  # a question that is being answered takes milliseconds

    def close(self) -> None:
        with self._closing, self._asking:
            if not self._is_closed and self._helper.process.poll() is None:
                self._idle.append(self._helper)
            elif not self._is_closed:
                end(self._helper)
            self._is_closed = True


def end(helper: Helper) -> None:
    helper.kill()
    helper.close()


@pytest.fixture(scope="session", autouse=True)
def one_helper() -> Iterator[None]:
    """Let the monitors of all tests ask one helper process, one after the other: each would import NumPy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "Helper", SharedHelper)
        yield
    while SharedHelper._idle:
        end(SharedHelper._idle.pop())


@pytest.fixture(autouse=True)
def keys_without_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Textual's pilot wait for tasks instead of for a processor that does nothing for 20 ms."""
    for module in ("textual.app", "textual.pilot"):
        monkeypatch.setattr(f"{module}.wait_for_idle", idle)


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the thread that follows a run look at it every few milliseconds, and not wait long for a heartbeat."""
    monkeypatch.setattr(lock, "_CHANGE_SECONDS", 0.05)
    for name in ("POLL_SECONDS", "QUIET_POLL_SECONDS", "EXAMINE_SECONDS", "LOST_EXAMINE_SECONDS"):
        monkeypatch.setattr(live, name, 0.005)
