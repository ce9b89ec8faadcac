"""What the screens look like, as plain text: states × sizes, with made-up runs whose clock stands still.

`KDTUNE_SNAPSHOTS=write pytest tests/tui/test_snapshots.py` writes them anew; look at what changed before you commit.
"""

import os
from pathlib import Path

import pytest

from tests.tui.driving import screen_text, settled, turn
from tui.app import Monitor
from tui.sources import Health
from tui.sources.synthetic import Synthetic

FOLDER = Path(__file__).with_name("snapshots")
SIZES = ((60, 20), (100, 30), (160, 48))

STATES = {
    "empty": {"trials": 3, "epochs": 3, "classes": 3, "done": 0, "state": "preparing"},
    "loading": {"trials": 3, "epochs": 3, "classes": 3, "done": 0, "state": "preparing"},
    "running": {"trials": 12, "epochs": 4, "classes": 10, "done": 7, "running": 2, "state": "running"},
    "paused": {"trials": 12, "epochs": 4, "classes": 10, "done": 7, "running": 2, "state": "running"},
    "stale": {"trials": 12, "epochs": 4, "classes": 10, "done": 7, "running": 2, "state": "running"},
    "lost": {"trials": 12, "epochs": 4, "classes": 10, "done": 7, "running": 2, "state": "running"},
    "read error": {"trials": 3, "epochs": 3, "classes": 3, "done": 0, "state": "preparing"},
    "finished": {"trials": 12, "epochs": 4, "classes": 10},
    "one trial": {"trials": 1, "epochs": 4, "classes": 10},
    "thousand trials": {"trials": 1000, "epochs": 2, "classes": 5, "exact": False},
}


class Unread(Synthetic):
    """A run of which nothing has been read yet."""

    def drain(self) -> None:
        self.loading = 0.42


async def text_of(name, size, keys=()):
    unread = name in ("loading", "read error")
    source = (Unread if unread else Synthetic)(**STATES[name])
    app = Monitor(source, clock=lambda: 0.0, hz=100)
    async with app.run_test(size=size) as pilot:
        await turn(pilot)
        if name == "stale":
            source._clock += 400
        if name == "read error":
            source.loading = None
            source.drain = lambda: None
            source.health = Health(error="events.jsonl can't be read: Permission denied")
        if name == "lost":
            source.health = Health(lost=True)
        if name == "paused":
            await pilot.press("P")
        for key in keys:
            await pilot.press(key)
        await (turn if unread else settled)(pilot)
        app.session.message = None
        app.board.update_panes()
        await turn(pilot)
        assert app.failures == []
        return "\n".join(line.rstrip() for line in screen_text(app).split("\n")) + "\n"


def check(name, found) -> None:
    path = FOLDER / f"{name}.txt"
    if os.environ.get("KDTUNE_SNAPSHOTS") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(found)
    assert found == path.read_text(), f"{path.name} looks different"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", STATES)
async def test_states(name, size) -> None:
    check(f"{name.replace(' ', '-')}-{size[0]}x{size[1]}", await text_of(name, size))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("key", ["2", "3", "4"])
async def test_screens_in_smaller_windows(key: str, size: tuple[int, int]) -> None:
    found = await text_of("finished", size, ("home", "j", "j", "j", "space", "j", key))
    check(f"screen-{key}-{size[0]}x{size[1]}", found)


@pytest.mark.parametrize("key", ["2", "3", "4", "5", "question_mark"])
async def test_screens(key) -> None:
    check(f"screen-{key}", await text_of("finished", (160, 48), ("home", "j", "j", key)))
