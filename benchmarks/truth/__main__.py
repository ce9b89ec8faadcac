"""Trains the students of the banks: `uv run python -m benchmarks.truth [SET ...]`; all sets if none is named."""

import argparse
from dataclasses import replace
from pathlib import Path

from benchmarks.truth.banks import make_banks
from benchmarks.truth.sets import truth_sets


def main() -> None:
    """Make what the banks lack of the sets that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help="how the names of the sets begin")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of real data sets")
    parser.add_argument("--splits", type=int, metavar="N", help="only the first splits of each")
    options = parser.parse_args()
    items = [
        replace(item, splits=min(item.splits, options.splits or item.splits))
        for item in truth_sets(options.data)
        if not options.sets or item.name.startswith(tuple(options.sets))
    ]
    make_banks(items)


if __name__ == "__main__":
    main()
