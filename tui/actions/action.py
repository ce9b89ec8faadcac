"""What an action is, and what is made of a table of them. The table itself is in `table.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.binding import Binding

from ..host import Host
from ..screens.help import KeyLine

FORBIDDEN_KEYS = ("ctrl+b", "ctrl+a", "ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m")
"""tmux and screen take the first two; terminals send the others for backspace, tab and enter."""

_ALWAYS = 2
"""Places in the footer that nothing takes: leaving, and help."""


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes:
        keys: Textual's names of the keys, joined by commas.
        shown: the keys as people read them.
        do: what it does to the app.
        label: two or three words, no other action's.
        help: one line.
        group: heading in the help.
        footer: its place in the footer, 0 for none; the smallest come first.
        needs: `write` where it changes the run, `replay` where only a replay can.
    """

    keys: str
    shown: str
    do: Callable[[Host], None]
    label: str
    help: str
    group: str
    footer: int = 0
    needs: str = ""


def bindings(actions: Sequence[Action]) -> list[Binding]:
    """Return Textual's bindings: each calls the app's `act` with the action's number."""
    return [
        Binding(action.keys, f"app.act({number})", action.label, show=False, key_display=action.shown)
        for number, action in enumerate(actions)
    ]


def groups(actions: Sequence[Action]) -> dict[str, list[Action]]:
    """Return the actions by heading, in the table's order."""
    found: dict[str, list[Action]] = {}
    for action in actions:
        found.setdefault(action.group, []).append(action)
    return found


def help_lines(actions: Sequence[Action], *, replay: bool, readonly: bool) -> dict[str, list[KeyLine]]:
    """Return the help page's lines by heading; what can't be done here says where it can."""
    return {
        heading: [KeyLine(action.shown, action.help, _missing(action, replay, readonly)) for action in found]
        for heading, found in groups(actions).items()
    }


def _missing(action: Action, replay: bool, readonly: bool) -> str:
    if action.needs == "replay" and not replay:
        return "in a replay"
    return "read-only" if action.needs == "write" and readonly else ""


def footer(actions: Sequence[Action], *, replay: bool, readonly: bool) -> list[Action]:
    """Return what the footer shows: how to leave, where help is, in a replay what moves its time, and the rest."""
    off = set() if replay else {"replay"}
    if readonly:
        off.add("write")
    shown = [action for action in actions if action.footer and action.needs not in off]
    return sorted(
        shown,
        key=lambda action: (action.footer > _ALWAYS, not replay or action.group != "Time", action.footer),
    )


def markdown(actions: Sequence[Action]) -> str:
    """Return the README's table of keys."""
    lines = ["| key | does |", "|---|---|"]
    lines += [f"| `{action.shown}` | {action.help} |" for action in actions]
    return "\n".join(lines) + "\n"
