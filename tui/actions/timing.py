"""The view's time: pausing it, and in a replay stepping and seeking."""

from kdtune.text import duration

from ..host import Host
from ..screens.dialog import Prompt
from ..sources import Replay

MOST_SPEED = 100_000.0
"""A replay is never played faster."""


def pause(host: Host) -> None:
    """Pause the view, or let it go on."""
    host.session.source.paused = not host.session.source.paused
    host.session.view.changed()
    host.turn()


def step(host: Host, by: int) -> None:
    """Go forward or back by some reports in a replay."""
    source = _replay(host, "step")
    if source is not None:
        source.step(by)
        host.turn()


def change_speed(host: Host, factor: float) -> None:
    """Play faster or slower."""
    source = _replay(host, "change its speed")
    if source is not None:
        source.speed = min(MOST_SPEED, max(1 / MOST_SPEED, source.speed * factor))
        host.session.say(f"{source.speed:g} times as fast")
        host.session.view.changed()
        host.repaint()


def seek(host: Host) -> None:
    """Ask for a moment of a replay, and go there."""
    source = _replay(host, "seek")
    if source is None:
        return

    def ended(text: str | None) -> None:
        if text and (place := moment(text, source.length)) is not None:
            source.seek(place)
            host.turn()

    def check(text: str) -> str:
        return (
            ""
            if not text or moment(text, source.length) is not None
            else f"{text!r} is not in the run, which took {duration(source.length)}: write 50%, or a time"
        )

    hint = f"50%, or a time since the start, as in 3:20 (the run took {duration(source.length)})"
    host.push_screen(Prompt("Seek", hint, check=check), ended)


def _replay(host: Host, what: str) -> Replay | None:
    if isinstance(host.session.source, Replay):
        return host.session.source
    host.session.say(f"only a replay can {what}: kdtune watch --replay", "dim")
    host.repaint()
    return None


def moment(text: str, length: float) -> float | None:
    """Return the share of a run's time that `50%`, `90` (seconds) or `3:20` means; None if it is not in the run."""
    text = text.strip()
    try:
        if text.endswith("%"):
            place = float(text[:-1]) / 100
        else:
            seconds = 0.0
            for part in text.split(":"):
                seconds = 60 * seconds + float(part)
            place = seconds / length if length > 0 else 1.0
    except ValueError:
        return None
    return place if 0 <= place <= 1 else None
