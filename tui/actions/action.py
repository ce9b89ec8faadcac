"""What an action is, and what is made from a table of actions: bindings, help, footer, the keys in docs/monitor.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.binding import Binding

from ..host import Host
from ..screens.help import KeyLine

FORBIDDEN_KEYS = ("ctrl+b", "ctrl+a", "ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m")
"""tmux and screen need the first two; terminals send the others for backspace, tab and enter."""

_ALWAYS = 2
"""The first places in the footer, which always belong to leaving and to help."""


@dataclass(frozen=True)
class Action:
    """One thing that a person can do.

    Attributes:
        keys: Textual's names of its keys, joined by commas.
        shown: the keys as people read them.
        do: does it.
        label: its name in one to three words, which no other action has.
        help: one line that says what it does.
        group: its heading in the help.
        footer: its place in the footer, the smallest first; 0 for none.
        panes: names of the panes in whose footer it stands; () for all.
        needs: `write` if it changes the run, `replay` if only a replay can do it, else empty.
    """

    keys: str
    shown: str
    do: Callable[[Host], None]
    label: str
    help: str
    group: str
    footer: int = 0
    needs: str = ""
    panes: tuple[str, ...] = ()


def bindings(actions: Sequence[Action]) -> list[Binding]:
    """Return Textual's bindings, each of which calls the app's `act` with the number of its action."""
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
    """Return the lines of the help page by heading; an action that does nothing here says why."""
    return {
        heading: [KeyLine(action.shown, action.help, _missing(action, replay, readonly)) for action in found]
        for heading, found in groups(actions).items()
    }


def _missing(action: Action, replay: bool, readonly: bool) -> str:
    if action.needs == "replay" and not replay:
        return "in a replay"
    return "read-only" if action.needs == "write" and readonly else ""


def footer(actions: Sequence[Action], *, replay: bool, readonly: bool, pane: str = "") -> list[Action]:
    """Return a pane's footer in order: leaving, help, in a replay what moves its time, the pane's own, the rest."""
    off = set() if replay else {"replay"}
    if readonly:
        off.add("write")
    shown = [
        action
        for action in actions
        if action.footer and action.needs not in off and (not action.panes or pane in action.panes)
    ]
    return sorted(
        shown,
        key=lambda action: (
            action.footer > _ALWAYS,
            not replay or action.group != "Time",
            not action.panes,
            action.footer,
        ),
    )


def markdown(actions: Sequence[Action]) -> str:
    """Return the table of keys for docs/monitor.md."""
    lines = ["| key | does |", "|---|---|"]
    lines += [f"| `{action.shown}` | {action.help} |" for action in actions]
    return "\n".join(lines) + "\n"
