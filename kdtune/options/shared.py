"""Options that several commands have, and how their values are read."""

import argparse
import math
from pathlib import Path
from typing import Any


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the run that a command is about."""
    parser.add_argument(
        "target", nargs="?", metavar="RUN", help="name or path of a run (default: the newest)"
    )


def add_runs_dir(command: argparse.ArgumentParser) -> None:
    """Add `--runs-dir`."""
    command.add_argument(
        "--runs-dir",
        type=Path,
        metavar="DIR",
        help="where runs are kept (default: $KDTUNE_RUNS, or ./runs)",
    )


def add_import(parser: argparse.ArgumentParser) -> None:
    """Add `--import`."""
    parser.add_argument(
        "--import",
        action="append",
        default=[],
        dest="imports",
        metavar="MODULE",
        help="your module that registers data sets, models, losses or measures; repeat for more",
    )


def add_quiet(command: argparse.ArgumentParser) -> None:
    """Add `--quiet`."""
    command.add_argument("--quiet", action="store_true", help="print the result and errors, nothing else")


def add_raw(command: argparse.ArgumentParser) -> None:
    """Add `--raw`."""
    command.add_argument(
        "--raw",
        action="store_true",
        help="the front of the values on validation alone, not corrected by training examples",
    )


def positive(kind: type) -> Any:
    """Return what reads a number above 0."""

    def parse(text: str) -> Any:
        value = kind(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{text} is not {'finite' if value > 0 else 'above 0'}")
        return value

    parse.__name__ = kind.__name__
    return parse


def natural(text: str) -> int:
    """Read a whole number of at least 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


natural.__name__ = "int"  # argparse names it where a text is no number
