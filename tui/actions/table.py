"""The one table of what a person can do: bindings, help, footer, palette and the README's keys are made from it."""

from functools import partial

from ..host import Host
from ..screens.help import Help
from . import charting, choosing, moving, running, timing
from .action import Action, help_lines

_SCREENS, _MOVE, _FIND, _CHART, _TIME, _RUN = "Screens", "Move and choose", "Find", "Charts", "Time", "Run"


def show_help(host: Host) -> None:
    """Show the keys."""
    session = host.session
    host.push_screen(Help(help_lines(ACTIONS, replay=session.is_replay, readonly=session.readonly)))


ACTIONS = (
    Action("1", "1", partial(moving.go_to_screen, screen="live"), "live",
           "trials, learning curves, per-class bias", _SCREENS),
    Action("2", "2", partial(moving.go_to_screen, screen="front"), "front",
           "Pareto front, hypervolume, who is on it", _SCREENS),
    Action("3", "3", partial(moving.go_to_screen, screen="classes"), "classes",
           "disagreement, class × epoch, gaps between groups", _SCREENS),
    Action("4", "4", partial(moving.go_to_screen, screen="search"), "search",
           "importance, parallel coordinates, slice, timeline", _SCREENS),
    Action("5", "5", partial(moving.go_to_screen, screen="log"), "log", "what the driver prints", _SCREENS),
    Action("tab", "tab", partial(moving.go_to_pane, by=1), "next pane",
           "go to the next pane (shift+tab: back)", _SCREENS, 4),
    Action("shift+tab", "shift+tab", partial(moving.go_to_pane, by=-1), "previous pane",
           "go to the previous pane", _SCREENS),
    Action("m", "m", moving.maximise, "maximise", "give the pane the whole screen, and back", _SCREENS, 9),
    Action("j,down", "j ↓", partial(moving.move, by=1), "down", "next trial (in the log: next line)", _MOVE),
    Action("k,up", "k ↑", partial(moving.move, by=-1), "up", "previous trial", _MOVE),
    Action("pagedown", "pgdn", partial(moving.page, by=1), "page down", "a page further in the pane", _MOVE),
    Action("pageup", "pgup", partial(moving.page, by=-1), "page up", "a page back in the pane", _MOVE),
    Action("home", "home", partial(moving.end, by=-1), "first", "to the first", _MOVE),
    Action("end,G", "end G", partial(moving.end, by=1), "last", "to the last", _MOVE),
    Action("f", "f", moving.follow, "follow", "let the cursor go to whichever trial reports", _MOVE),
    Action("space", "space", choosing.select, "select", "compare this trial, up to 8 in colour", _MOVE, 5),
    Action("p", "p", choosing.pin, "pin", "keep this trial on top and compared", _MOVE),
    Action("enter", "enter", choosing.detail, "detail", "all that is known of the trial", _MOVE, 6),
    Action("escape", "esc", moving.leave, "back", "leave what is open; then: filter, selection", _MOVE),
    Action("slash", "/", choosing.filter_trials, "filter",
           "show only some trials, in every plot: eod<0.05 T>=4 front", _FIND, 3),
    Action("s", "s", partial(choosing.sort, by=1), "sort", "sort by the next column", _FIND),
    Action("S", "S", choosing.reverse, "reverse", "turn the order round", _FIND),
    Action("v", "v", partial(charting.choose_measure, by=1), "measure",
           "show the next measure (V: the one before)", _CHART, 7),
    Action("V", "V", partial(charting.choose_measure, by=-1), "measure back", "show the measure before", _CHART),
    Action("x", "x", partial(charting.choose_setting, by=1), "parameter",
           "slice by the next setting (X: the one before)", _CHART),
    Action("X", "X", partial(charting.choose_setting, by=-1), "parameter back",
           "slice by the setting before", _CHART),
    Action("t", "t", charting.choose_reference, "teacher/NDS",
           "bias against the teacher, or the non-distilled twin", _CHART),
    Action("i", "i", charting.toggle_crosshair, "cross-hair", "read values off a chart; arrows move it", _CHART, 8),
    Action("left", "←", partial(moving.move_sideways, by=-1), "left",
           "cross-hair to the left; a zoomed chart too", _CHART),
    Action("right", "→", partial(moving.move_sideways, by=1), "right", "cross-hair to the right", _CHART),
    Action("z", "z", partial(charting.zoom, by=1), "zoom in", "closer, around the cross-hair", _CHART),
    Action("Z", "Z", partial(charting.zoom, by=-1), "zoom out", "further away", _CHART),
    Action("0", "0", partial(charting.zoom, by=0), "whole", "the whole chart, and lists from their start", _CHART),
    Action("y", "y", charting.toggle_log_axis, "log axis", "logarithmic axis; yy copies the pane's numbers", _CHART),
    Action("full_stop", ".", charting.smooth, "smooth", "smoother curves, in three steps", _CHART),
    Action("P", "P", timing.pause, "pause view", "hold the view still; data go on (a replay stops)", _TIME, 10),
    Action("left_square_bracket", "[", partial(timing.step, by=-1), "step back",
           "one report back", _TIME, 11, "replay"),
    Action("right_square_bracket", "]", partial(timing.step, by=1), "step on", "one report on", _TIME, 12, "replay"),
    Action("g", "g", timing.seek, "seek", "go to a moment: 50%, 90 (seconds), 3:20", _TIME, 13, "replay"),
    Action("e", "e", running.export, "export", "copy the command that exports the front", _RUN),
    Action("ctrl+s", "ctrl+s", running.screenshot, "screenshot", "write the screen to a file (SVG)", _RUN),
    Action("f12", "F12", running.toggle_meter, "meter", "how fast the monitor itself is", _RUN),
    Action("ctrl+p", "ctrl+p", running.palette, "palette", "all commands by name, themes too", _RUN),
    Action("question_mark", "?", show_help, "help", "this page", _RUN, 2),
    Action("q", "q", running.detach, "detach", "leave; the sweep goes on", _RUN, 1),
    Action("Q", "Q", running.stop_run, "stop sweep",
           "ask the sweep to stop (you confirm by typing)", _RUN, 0, "write"),
)  # fmt: skip
