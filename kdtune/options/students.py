"""The options of the commands that export students, evaluate them, and let them answer."""

import argparse
from pathlib import Path
from typing import Any

from kdtune import commands
from kdtune.options.shared import add_import, add_quiet, add_raw, add_run, add_runs_dir, natural, positive


def add_export(subparsers: Any) -> None:
    """Add `kdtune export`."""
    command = subparsers.add_parser(
        "export", help="write the front's students and a report", description=_EXPORT
    )
    add_run(command)
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder to write, absent or empty (default: export in the run)",
    )
    command.add_argument(
        "--pick",
        action="append",
        default=[],
        metavar="WHICH",
        help="knee, a bound (accuracy>=0.9), an id (t0003), or a number; repeat for more (default: the whole front)",
    )
    command.add_argument(
        "--list", action="store_true", help="only show the front; the test split is not opened"
    )
    add_raw(command)
    command.add_argument(
        "--replicates",
        type=natural,
        default=0,
        metavar="N",
        help="train the front with N more seeds, and choose among all these students",
    )
    command.add_argument("--address", metavar="HOST:PORT", help="a running Ray cluster for the replicates")
    add_import(command)
    command.add_argument(
        "--torch-export", action="store_true", help="write each student as a torch.export program too"
    )
    command.add_argument(
        "--onnx", action="store_true", help="write each student as ONNX too (needs kdtune[onnx])"
    )
    add_quiet(command)
    command.add_argument("--json", action="store_true", help="what was found as JSON on standard output")
    command.set_defaults(run=commands.export)
    add_runs_dir(command)


def add_evaluate(subparsers: Any) -> None:
    """Add `kdtune evaluate`."""
    command = subparsers.add_parser(
        "evaluate", help="evaluate an exported student on other labelled examples", description=_EVALUATE
    )
    _add_student(command)
    command.add_argument("--label", metavar="COLUMN", help="column of the labels (default: as in training)")
    command.add_argument(
        "--attributes",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="for an image folder: table with the sensitive attributes; repeat for more "
        "(default: metadata.csv, .jsonl or .parquet in the folder)",
    )
    command.add_argument(
        "--without-groups", action="store_true", help="the data have no sensitive attributes"
    )
    command.add_argument("--json", action="store_true", help="as JSON, in the form of metrics.json")
    command.set_defaults(run=commands.evaluate)


def add_predict(subparsers: Any) -> None:
    """Add `kdtune predict`."""
    command = subparsers.add_parser("predict", help="write an exported student's answer to each example")
    _add_student(command)
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="a .csv or .parquet file (default: CSV on standard output)"
    )
    command.set_defaults(run=commands.predict)


def _add_student(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="STUDENT", type=Path, help="folder of an exported student")
    command.add_argument(
        "data", metavar="DATA", type=Path, help="a table (CSV, Parquet), or a folder of images"
    )
    command.add_argument(
        "--column", help="column of the texts, for a student that reads texts (default: as in training)"
    )
    command.add_argument("--batch-size", type=positive(int), metavar="N", help="examples at once")
    command.add_argument("--device", help="where to compute, such as cpu, cuda or mps (default: cpu)")
    command.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="of the computation (default: float32)",
    )
    add_import(command)


_EXPORT = """Write the Pareto front's students, evaluated once on the test split, with tables, figures and a report.
Members are chosen by their values on validation."""


_EVALUATE = """Evaluate an exported student on other examples with labels: a table in the form of the training file,
or an image folder with a folder for each class. On the run's test split it gives the numbers of metrics.json."""
