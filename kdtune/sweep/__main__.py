"""The driver as a process of its own: `python -m kdtune.sweep`, with the request as JSON on standard input."""

import json
import signal
import sys
from pathlib import Path

from kdtune.errors import KdtuneError
from kdtune.output import narrate
from kdtune.runs.paths import RunFiles
from kdtune.space.reading import parse_space
from kdtune.sweep.driver import SweepRequest, run_sweep


def main() -> int:
    """Drive the sweep or study that standard input asks for; return the exit code."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that closes ends no sweep
    asked = json.load(sys.stdin)
    space = None if asked["space"] is None else parse_space(asked["space"], "space")
    request = SweepRequest(
        files=RunFiles(Path(asked["run"])),
        space=space,
        address=asked["address"],
        imports=asked["imports"],
        trials=asked["trials"],
        minutes=asked["minutes"],
        kind=asked["kind"],
        known_from=None if asked["known_from"] is None else Path(asked["known_from"]),
        own_process=True,
    )
    try:
        run_sweep(request)
    except KdtuneError as error:
        narrate(f"kdtune: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
