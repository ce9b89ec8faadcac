"""One tracker's process: `python -m kdtune.trackers RUN NAME`."""

import signal
import sys
from pathlib import Path

from kdtune.errors import KdtuneError
from kdtune.output import narrate
from kdtune.process_end import end_process
from kdtune.runs.paths import RunFiles
from kdtune.trackers.live import follow_to_the_end


def main() -> int:
    """Follow a run to its end; return the exit code."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it ends with the run, not with a terminal
    try:
        follow_to_the_end(RunFiles(Path(sys.argv[1])), sys.argv[2])
    except KdtuneError as error:
        narrate(f"kdtune: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    end_process(main())
