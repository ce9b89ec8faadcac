"""The monitor without the rest of the command line, `python -m tui RUN`; `--serve` starts it for each visitor."""

import argparse
import gc
import sys
from pathlib import Path

from kdtune.errors import KdtuneError
from kdtune.output import narrate, standard_streams


def main() -> int:
    """Open the monitor and return its exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description="Watch a run.")
    parser.add_argument("run", nargs="?")
    parser.add_argument("--runs-dir", type=Path)
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--readonly", action="store_true")
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--allow-stop", action="store_true")
    parser.add_argument("--theme")
    gc.disable()  # as `kdtune watch` does
    from .watch import watch

    with standard_streams():
        try:
            return watch(**vars(parser.parse_args()))
        except KdtuneError as error:
            narrate(f"kdtune: {error}")
            return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
