"""The monitor in a browser: each visitor gets a process of it, through textual-serve."""

import shlex
import sys
from pathlib import Path

from kdtune.errors import InputError

HOST, PORT = "localhost", 8000


def serve_run(run: Path, *, replay: bool, speed: float, readonly: bool, theme: str | None) -> int:
    """Serve the monitor until interrupted.

    Raises:
        InputError: textual-serve is not installed.
    """
    try:
        from textual_serve.server import Server  # type: ignore[import-not-found,unused-ignore]
    except ModuleNotFoundError:
        raise InputError("--serve needs textual-serve: pip install 'kdtune[serve]'") from None
    command = [sys.executable, "-m", "tui", str(run.resolve()), "--speed", str(speed)]
    command += ["--replay"] * replay + ["--readonly"] * readonly + (["--theme", theme] if theme else [])
    Server(shlex.join(command), host=HOST, port=PORT, title=f"kdtune {run.name}").serve()
    return 0
