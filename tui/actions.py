"""The one table of what a person can do: bindings, help, footer and the README's keys are made from it."""

from dataclasses import dataclass

from textual.binding import Binding

FORBIDDEN_KEYS = ("ctrl+b", "ctrl+a", "ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m")
"""tmux and screen take the first two; terminals send the others for backspace, tab and enter."""


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes:
        keys: Textual's names of the keys, joined by commas.
        shown: the keys as people read them.
        call: name of the app's action, with arguments.
        label: two or three words.
        help: one line.
        group: heading in the help.
        footer: its place in the footer, 0 for none; the smallest come first.
        needs: `write` where it changes the run, `replay` where only a replay can.
    """

    keys: str
    shown: str
    call: str
    label: str
    help: str
    group: str
    footer: int = 0
    needs: str = ""


_SCREENS, _MOVE, _FIND, _CHART, _TIME, _RUN = "Screens", "Move and choose", "Find", "Charts", "Time", "Run"

ACTIONS = (
    Action("1", "1", "mode('live')", "live", "trials, learning curves, per-class bias", _SCREENS),
    Action("2", "2", "mode('front')", "front", "Pareto front, hypervolume, who is on it", _SCREENS),
    Action(
        "3", "3", "mode('classes')", "classes", "disagreement, class × epoch, gaps between groups", _SCREENS
    ),
    Action(
        "4", "4", "mode('search')", "search", "importance, parallel coordinates, slice, timeline", _SCREENS
    ),
    Action("5", "5", "mode('log')", "log", "what the driver prints", _SCREENS),
    Action("tab", "tab", "pane(1)", "next pane", "go to the next pane (shift+tab: back)", _SCREENS, 4),
    Action("shift+tab", "shift+tab", "pane(-1)", "previous pane", "go to the previous pane", _SCREENS),
    Action("m", "m", "maximise", "maximise", "give the pane the whole screen, and back", _SCREENS, 9),
    Action("j,down", "j ↓", "move(1)", "down", "next trial (in the log: next line)", _MOVE),
    Action("k,up", "k ↑", "move(-1)", "up", "previous trial", _MOVE),
    Action("pagedown", "pgdn", "page(1)", "page down", "a page further in the pane", _MOVE),
    Action("pageup", "pgup", "page(-1)", "page up", "a page back in the pane", _MOVE),
    Action("home", "home", "end(-1)", "first", "to the first", _MOVE),
    Action("end,G", "end G", "end(1)", "last", "to the last", _MOVE),
    Action("f", "f", "follow", "follow", "let the cursor go to whichever trial reports", _MOVE),
    Action("space", "space", "select", "select", "compare this trial, up to 8 in colour", _MOVE, 5),
    Action("p", "p", "pin", "pin", "keep this trial on top and compared", _MOVE),
    Action("enter", "enter", "detail", "detail", "all that is known of the trial", _MOVE, 6),
    Action("escape", "esc", "leave", "back", "leave what is open; then: filter, selection", _MOVE),
    Action(
        "slash",
        "/",
        "filter",
        "filter",
        "show only some trials, in every plot: eod<0.05 T>=4 front",
        _FIND,
        3,
    ),
    Action("s", "s", "sort(1)", "sort", "sort by the next column", _FIND),
    Action("S", "S", "reverse", "reverse", "turn the order round", _FIND),
    Action("v", "v", "measure(1)", "measure", "show the next measure (V: the one before)", _CHART, 7),
    Action("V", "V", "measure(-1)", "measure back", "show the measure before", _CHART),
    Action("x", "x", "parameter(1)", "parameter", "slice by the next setting (X: the one before)", _CHART),
    Action("X", "X", "parameter(-1)", "parameter back", "slice by the setting before", _CHART),
    Action(
        "t", "t", "reference", "teacher/NDS", "bias against the teacher, or the non-distilled twin", _CHART
    ),
    Action("i", "i", "crosshair", "cross-hair", "read values off a chart; arrows move it", _CHART, 8),
    Action("left", "←", "sideways(-1)", "left", "cross-hair to the left; a zoomed chart too", _CHART),
    Action("right", "→", "sideways(1)", "right", "cross-hair to the right", _CHART),
    Action("z", "z", "zoom(1)", "zoom in", "closer, around the cross-hair", _CHART),
    Action("Z", "Z", "zoom(-1)", "zoom out", "further away", _CHART),
    Action("0", "0", "zoom(0)", "whole", "the whole chart, and lists from their start", _CHART),
    Action("y", "y", "log", "log axis", "logarithmic axis; yy copies the pane's numbers", _CHART),
    Action("full_stop", ".", "smooth", "smooth", "smoother curves, in three steps", _CHART),
    Action("P", "P", "pause", "pause view", "hold the view still; data go on (a replay stops)", _TIME, 10),
    Action("left_square_bracket", "[", "step(-1)", "step back", "one report back", _TIME, 11, "replay"),
    Action("right_square_bracket", "]", "step(1)", "step on", "one report on", _TIME, 12, "replay"),
    Action("g", "g", "seek", "seek", "go to a moment: 50%, 90 (seconds), 3:20", _TIME, 13, "replay"),
    Action("e", "e", "export", "export", "copy the command that exports the front", _RUN),
    Action("ctrl+s", "ctrl+s", "shot", "screenshot", "write the screen to a file (SVG)", _RUN),
    Action("f12", "F12", "meter", "meter", "how fast the monitor itself is", _RUN),
    Action("ctrl+p", "ctrl+p", "command_palette", "palette", "all commands by name, themes too", _RUN),
    Action("question_mark", "?", "help", "help", "this page", _RUN, 2),
    Action("q", "q", "detach", "detach", "leave; the sweep goes on", _RUN, 1),
    Action(
        "Q", "Q", "stop_run", "stop sweep", "ask the sweep to stop (you confirm by typing)", _RUN, 0, "write"
    ),
)


def bindings(actions: tuple[Action, ...] = ACTIONS) -> list[Binding]:
    """Return Textual's bindings."""
    return [
        Binding(action.keys, action.call, action.label, show=False, key_display=action.shown)
        for action in actions
        if action.call != "command_palette"  # the app's own
    ]


def groups() -> dict[str, list[Action]]:
    """Return the actions by heading, in the table's order."""
    found: dict[str, list[Action]] = {}
    for action in ACTIONS:
        found.setdefault(action.group, []).append(action)
    return found


def footer(*, replay: bool) -> list[Action]:
    """Return what the footer shows, the most useful first."""
    shown = [action for action in ACTIONS if action.footer and (replay or action.needs != "replay")]
    return sorted(shown, key=lambda action: (action.needs != "replay" if replay else False, action.footer))


def markdown() -> str:
    """Return the README's table of keys."""
    lines = ["| key | does |", "|---|---|"]
    lines += [f"| `{action.shown}` | {action.help} |".replace("|`", "| `") for action in ACTIONS]
    return "\n".join(lines) + "\n"
