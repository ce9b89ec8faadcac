"""The run and the monitor itself: export, screenshot, meter, help, leaving, and stopping the sweep."""

import shlex
import time
from typing import TYPE_CHECKING

from kdtune.runs.lock import request_stop
from tui.screens.confirm import ConfirmStop
from tui.screens.help import Help
from tui.status import state_name

if TYPE_CHECKING:
    from tui.app import Monitor


def export(app: "Monitor") -> None:
    """Copy the command that exports the front, or draws a study's tables and figures again."""
    session = app.session
    run = session.store.record.name if session.files is None else str(session.files.root)
    command = f"{session.store.record.concluding} {shlex.quote(run)}"
    app.copy_to_clipboard(command)
    session.say(f"copied: {command}", "good")
    app.repaint()


def screenshot(app: "Monitor") -> None:
    """Write the screen to a file."""
    session = app.session
    name = f"kdtune-{session.store.record.name}-{app.current_mode}-{int(time.time())}.svg"
    try:
        path = app.save_screenshot(filename=name)
    except OSError as error:
        session.say(f"no screenshot: {error}", "bad")
    else:
        session.say(f"wrote {path}", "good")
    app.repaint()


def toggle_meter(app: "Monitor") -> None:
    """Show how fast the monitor itself is."""
    app.session.meter.shown = not app.session.meter.shown
    app.repaint()


def palette(app: "Monitor") -> None:
    """Open the list of all commands."""
    app.action_command_palette()


def show_help(app: "Monitor") -> None:
    """Show the keys."""
    app.push_screen(Help(app.actions))


def detach(app: "Monitor") -> None:
    """Leave; the sweep goes on."""
    app.exit()


def stop_run(app: "Monitor") -> None:
    """Ask the sweep to stop, after a typed confirmation."""
    session = app.session
    files = session.files
    state = state_name(session)
    if session.readonly:
        session.say("opened read-only: the sweep can't be stopped from here", "warn")
    elif files is None or session.is_replay:
        session.say("nothing to stop: this is a replay", "dim")
    elif state not in ("preparing", "running"):
        session.say(f"nothing to stop: the run is {state}", "dim")
    else:

        def ended(word: str | None) -> None:
            if word is None:
                session.say("not stopped")
            else:
                try:
                    request_stop(files, "now" if word == "now" else "clean")
                    session.say("asked the sweep to stop", "warn")
                except OSError as error:
                    session.say(f"could not ask it to stop: {error}", "bad")
            app.repaint()

        app.push_screen(ConfirmStop(session.store.record.name), ended)
        return
    app.repaint()
