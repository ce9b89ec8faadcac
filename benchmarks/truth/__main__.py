"""Trains the students of the banks: `uv run python -m benchmarks.truth [SET ...]`; all sets if none is named."""

import argparse
from pathlib import Path

from benchmarks.truth.banks import make_banks
from benchmarks.truth.sets import truth_sets


def main() -> None:
    """Make what the banks lack of the sets that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help="how the names of the sets begin")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of real data sets")
    options = parser.parse_args()
    make_banks(
        [item for item in truth_sets(options.data) if not options.sets or item.name.startswith(tuple(options.sets))]
    )


if __name__ == "__main__":
    main()
