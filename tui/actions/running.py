"""The run and the monitor itself: export, screenshot, meter, palette, leaving, and stopping the sweep."""

import time

from kdtune.runs.lock import request_stop

from ..host import Host
from ..screens.confirm import ConfirmStop
from ..status import resume_command, state_name


def export(host: Host) -> None:
    """Copy the command that exports the front or, of a study, draws its tables and figures again."""
    session = host.session
    run = session.store.record.name if session.files is None else session.files.argument
    raw = " --raw" if session.store.raw and session.store.record.kind == "sweep" else ""
    command = f"{session.store.record.concluding(run)}{raw}"
    host.copy_to_clipboard(command)
    session.say(f"copied: {command}", "good")
    host.repaint()


def screenshot(host: Host) -> None:
    """Write the screen to an SVG file in the current folder."""
    session = host.session
    name = f"kdtune-{session.name}-{host.current_mode}-{int(time.time())}.svg"
    try:
        path = host.save_screenshot(filename=name)
    except OSError as error:
        session.say(f"can't write the screenshot: {error}", "bad")
    else:
        session.say(f"wrote {path}", "good")
    host.repaint()


def toggle_meter(host: Host) -> None:
    """Show how fast the monitor itself is."""
    host.session.meter.shown = not host.session.meter.shown
    host.repaint()


def palette(host: Host) -> None:
    """Open the list of all commands."""
    host.action_command_palette()


def detach(host: Host) -> None:
    """Close the monitor; the sweep goes on."""
    host.exit()


def stop_run(host: Host) -> None:
    """Ask the sweep to stop, after a typed confirmation."""
    session = host.session
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
                    session.say(f"can't ask the sweep to stop: {error}", "bad")
            host.repaint()

        host.push_screen(ConfirmStop(session.name, resume_command(session)), ended)
        return
    host.repaint()
