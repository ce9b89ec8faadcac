"""The one table of actions: bindings, help, footer, palette and the README's keys are made from it."""

from functools import partial

from ..host import Host
from ..screens.help import Help
from . import charting, choosing, moving, running, timing
from .action import Action, help_lines

_SCREENS, _MOVE, _FIND, _CHART, _TIME, _RUN = "Screens", "Move and choose", "Find", "Charts", "Time", "Run"


def show_help(host: Host) -> None:
    """Show the help page."""
    session = host.session
    host.push_screen(Help(help_lines(ACTIONS, replay=session.is_replay, readonly=session.readonly)))


ACTIONS = (
    Action("1", "1", partial(moving.go_to_screen, screen="live"), "live",
           "trials, learning curves, per-class bias", _SCREENS),
    Action("2", "2", partial(moving.go_to_screen, screen="front"), "front",
           "Pareto front, hypervolume, members", _SCREENS),
    Action("3", "3", partial(moving.go_to_screen, screen="classes"), "classes",
           "disagreement, class × epoch, gaps between groups", _SCREENS),
    Action("4", "4", partial(moving.go_to_screen, screen="search"), "search",
           "importance, parallel coordinates, slice, timeline", _SCREENS),
    Action("5", "5", partial(moving.go_to_screen, screen="log"), "log", "what the driver prints", _SCREENS),
    Action("tab", "tab", partial(moving.go_to_pane, by=1), "next pane",
           "go to the next pane (shift+tab: back)", _SCREENS, 4),
    Action("shift+tab", "shift+tab", partial(moving.go_to_pane, by=-1), "previous pane",
           "go to the previous pane", _SCREENS),
    Action("m", "m", moving.maximise, "maximise", "maximise the pane, or put it back", _SCREENS, 9),
    Action("j,down", "j ↓", partial(moving.move, by=1), "down", "next trial (in the log: next line)", _MOVE),
    Action("k,up", "k ↑", partial(moving.move, by=-1), "up", "previous trial", _MOVE),
    Action("pagedown", "pgdn", partial(moving.page, by=1), "page down", "one page down in the pane", _MOVE),
    Action("pageup", "pgup", partial(moving.page, by=-1), "page up", "one page up in the pane", _MOVE),
    Action("home", "home", partial(moving.end, by=-1), "first", "go to the first row", _MOVE),
    Action("end,G", "end G", partial(moving.end, by=1), "last", "go to the last row", _MOVE),
    Action("f", "f", moving.follow, "follow", "let the cursor follow the newest report", _MOVE),
    Action("space", "space", choosing.select, "select",
           "compare this trial (up to 8, in colour)", _MOVE, 5),
    Action("p", "p", choosing.pin, "pin", "keep this trial at the top and compared", _MOVE),
    Action("enter", "enter", choosing.detail, "detail", "show everything known about the trial", _MOVE, 6),
    Action("escape", "esc", moving.leave, "back", "close what is open; clear filter, selection", _MOVE),
    Action("slash", "/", choosing.filter_trials, "filter",
           "show only some trials, in every chart: eod<0.05 T>=4 front", _FIND, 3),
    Action("s", "s", partial(choosing.sort, by=1), "sort", "sort by the next column", _FIND),
    Action("S", "S", choosing.reverse, "reverse", "reverse the order", _FIND),
    Action("v", "v", partial(charting.choose_measure, by=1), "measure",
           "show the next measure (V: the previous one)", _CHART, 7),
    Action("V", "V", partial(charting.choose_measure, by=-1), "previous measure",
           "show the previous measure", _CHART),
    Action("x", "x", partial(charting.choose_setting, by=1), "parameter",
           "slice by the next setting (X: the previous one)", _CHART),
    Action("X", "X", partial(charting.choose_setting, by=-1), "previous parameter",
           "slice by the previous setting", _CHART),
    Action("t", "t", charting.choose_reference, "teacher/NDS",
           "rank class bias against the teacher, or the NDS", _CHART),
    Action("i", "i", charting.toggle_crosshair, "cross-hair",
           "read values off a chart; the arrow keys move it", _CHART, 8),
    Action("left", "←", partial(moving.move_sideways, by=-1), "left",
           "move the cross-hair, or a zoomed chart, left", _CHART),
    Action("right", "→", partial(moving.move_sideways, by=1), "right",
           "move the cross-hair, or a zoomed chart, right", _CHART),
    Action("z", "z", partial(charting.zoom, by=1), "zoom in", "zoom in, around the cross-hair", _CHART),
    Action("Z", "Z", partial(charting.zoom, by=-1), "zoom out", "zoom out", _CHART),
    Action("0", "0", partial(charting.zoom, by=0), "whole",
           "show the whole chart, lists from their start", _CHART),
    Action("y", "y", charting.toggle_log_axis, "log axis",
           "logarithmic axis (yy copies the pane as text)", _CHART),
    Action("full_stop", ".", charting.smooth, "smooth", "smooth curves, in three steps", _CHART),
    Action("P", "P", timing.pause, "pause view",
           "hold the view; data keep coming (a replay stops)", _TIME, 10),
    Action("left_square_bracket", "[", partial(timing.step, by=-1), "step back",
           "go back one report", _TIME, 11, "replay"),
    Action("right_square_bracket", "]", partial(timing.step, by=1), "step forward",
           "go forward one report", _TIME, 12, "replay"),
    Action("g", "g", timing.seek, "seek", "go to a moment: 50%, 90 (seconds), 3:20", _TIME, 13, "replay"),
    Action("e", "e", running.export, "export", "copy the command that exports the front", _RUN),
    Action("ctrl+s", "ctrl+s", running.screenshot, "screenshot", "write the screen to an SVG file", _RUN),
    Action("f12", "F12", running.toggle_meter, "meter", "show how fast the monitor itself is", _RUN),
    Action("ctrl+p", "ctrl+p", running.palette, "palette", "find any command by name, themes too", _RUN),
    Action("question_mark", "?", show_help, "help", "show this page", _RUN, 2),
    Action("q", "q", running.detach, "detach", "leave the monitor; the sweep goes on", _RUN, 1),
    Action("Q", "Q", running.stop_run, "stop sweep",
           "ask the sweep to stop (you confirm by typing)", _RUN, 0, "write"),
)  # fmt: skip
