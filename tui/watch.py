"""Opens the monitor on a run: in this terminal, or in a browser."""

import math
import os
import sys
from pathlib import Path

from textual.theme import BUILTIN_THEMES

from kdtune.errors import InputError, did_you_mean
from kdtune.runs.reader import open_run

from .app import Monitor
from .drawing.glyphs import Glyphs
from .sources import Live, Replay, Source
from .waiting import await_record
from .widgets.themes import THEMES


def watch(
    run: str | Path | None = None,
    *,
    runs_dir: Path | None = None,
    replay: bool = False,
    speed: float = 20.0,
    readonly: bool = False,
    ascii: bool = False,
    serve: bool = False,
    allow_stop: bool = False,
    theme: str | None = None,
) -> int:
    """Open the monitor on a run and return the exit code.

    Args:
        run: its name or path; None for the newest run.
        runs_dir: the folder that holds the runs.
        replay: play the run again from its start, `speed` times as fast.
        readonly: leave out the key that stops the sweep.
        ascii: show nothing but ASCII, as in a locale that has nothing else.
        serve: open it in a browser, through textual-serve; the page only reads.
        allow_stop: let that page stop the sweep.
        theme: one of Textual's themes, `kdtune-dark` or `kdtune-light`.

    Raises:
        RunError: there is no such run, its record is damaged, or a newer kdtune wrote it.
        InputError: the theme is unknown, the speed is not above 0, or there is no terminal.
    """
    if not 0 < speed < math.inf:
        raise InputError(f"speed {speed:g}: must be above 0, and finite")
    themes = [*BUILTIN_THEMES, *(found.name for found in THEMES)]
    if theme is not None and theme not in themes:
        raise InputError(
            f"no theme {theme!r}{did_you_mean(theme, themes)} (there are: {', '.join(sorted(themes))})"
        )
    await_record(run, runs_dir)
    opened = open_run(run, runs_dir=runs_dir)
    if serve:
        from .serve import serve_run

        readonly = readonly or not allow_stop
        return serve_run(opened.path, replay=replay, speed=speed, readonly=readonly, ascii=ascii, theme=theme)
    driven = "TEXTUAL_DRIVER" in os.environ  # textual-serve: the browser is the terminal
    if not driven and not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise InputError(
            f"the monitor needs a terminal: 'kdtune status {opened.files.argument}' shows the same in plain text"
        )
    source: Source
    source = Replay(opened.files, opened.record, speed) if replay else Live(opened.files, opened.record)
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    glyphs = Glyphs(
        ascii=ascii or not (driven or encoding.startswith("utf")),
        mono=os.environ.get("TERM", "") in ("dumb", "vt100"),
    )
    app = Monitor(source, glyphs=glyphs, readonly=readonly, theme=theme)
    app.run()
    return app.return_code or 0
