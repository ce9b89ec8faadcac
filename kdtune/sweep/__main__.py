"""The driver as a process of its own: `python -m kdtune.sweep`, with the request as JSON on standard input."""

import contextlib
import json
import signal
import sys
from pathlib import Path

from kdtune.errors import KdtuneError
from kdtune.output import narrate
from kdtune.process_end import end_process
from kdtune.runs.paths import RunFiles
from kdtune.space.reading import parse_space
from kdtune.sweep.driver import SweepRequest, run_sweep
from kdtune.sweep.preload import import_ray, import_torch
from kdtune.sweep.remote.fork_server import forked_server


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
        with _workers_forked(request):
            run_sweep(request)
    except KdtuneError as error:
        narrate(f"kdtune: {error}")
        return error.exit_code
    return 0


def _workers_forked(request: SweepRequest) -> contextlib.AbstractContextManager[None]:
    """Let workers be forked from this process as it is now: with torch in memory, and without a thread."""
    if request.address is not None:
        return contextlib.nullcontext()
    import_torch()
    return forked_server(import_ray)


if __name__ == "__main__":
    end_process(main())
