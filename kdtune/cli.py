"""The command line: which commands there are, and which options they have."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kdtune import commands
from kdtune.bytecode import keep_bytecode
from kdtune.errors import KdtuneError, is_disk_error
from kdtune.output import STANDARD_OUTPUT, narrate, print_data, quieted, standard_streams
from kdtune.trackers import TRACKERS

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    with standard_streams(), contextlib.ExitStack() as stack:
        options = parser().parse_args(arguments)
        stack.enter_context(quieted(getattr(options, "quiet", False)))
        keep_bytecode()
        try:
            return int(options.run(options) or 0)
        except KdtuneError as error:
            narrate(f"kdtune: {error}", error=True)
            return error.exit_code
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except OSError as error:
            if error.filename == STANDARD_OUTPUT or not is_disk_error(error):
                raise
            where = error.filename if error.filename is not None else "a file"
            narrate(f"kdtune: {where}: {error.strerror}", error=True)
            return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="kdtune",
        description="Search knowledge distillation for the accuracy-fairness Pareto front.",
        epilog="Start with 'kdtune search': a ready sweep on generated data, one to three minutes on two cores.",
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    _add_search(subparsers)
    _add_watch(subparsers)
    _add_status(subparsers)
    _add_export(subparsers)
    _add_evaluate(subparsers)
    _add_predict(subparsers)
    _add_study(subparsers)
    _add_log(subparsers)
    _add_stop(subparsers)
    _add_runs(subparsers)
    _add_compare(subparsers)
    _add_spaces(subparsers)
    _add_models(subparsers)
    _add_completion(subparsers)
    return parser


def _add_search(subparsers: Any) -> None:
    command = subparsers.add_parser("search", help="run a multi-objective sweep", description=_SEARCH)
    command.add_argument(
        "space",
        nargs="?",
        help="a ready space's name, a YAML file, or - for standard input (default: default)",
    )
    command.add_argument("--name", help="name of the run (default: the space's name and a number)")
    command.add_argument("--trials", type=_positive(int), metavar="N", help="trials to run")
    command.add_argument(
        "--minutes",
        type=_positive(float),
        metavar="M",
        help="time to spend on trials (minutes at work: a sleep of the machine costs none)",
    )
    command.add_argument("--seed", type=_natural, metavar="N", help="seed of everything")
    command.add_argument("--workers", type=_positive(int), metavar="N", help="trials at once")
    command.add_argument("--gpus-per-trial", type=float, metavar="F", help="fractions share a GPU")
    command.add_argument(
        "--max-failures", type=_natural, metavar="N", help="how often a trial whose worker dies is run again"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="replace a value of the space, such as budget.epochs=20",
    )
    command.add_argument("--address", metavar="HOST:PORT", help="a running Ray cluster to join")
    _add_import(command)
    command.add_argument(
        "--keep",
        choices=("front", "all", "none"),
        help="which trained students' weights to keep: those that an export can ask for (front), all, or none",
    )
    command.add_argument(
        "--log",
        action="append",
        default=[],
        choices=TRACKERS,
        help="log the run to a tracker while it goes on (needs kdtune[TRACKER]); repeat for more",
    )
    command.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped or killed")
    command.add_argument(
        "--from",
        dest="known_from",
        metavar="RUN",
        help="let the sampler know an earlier run's trials, of the same data and protocol",
    )
    command.add_argument(
        "--dry-run",
        action="store_true",
        help="check everything, say what would be done, and end: nothing is trained or written",
    )
    command.add_argument("--headless", action="store_true", help="plain lines, even in a terminal")
    _add_quiet(command)
    command.add_argument(
        "--json", action="store_true", help="end with the summary as JSON on standard output"
    )
    command.set_defaults(run=commands.search)
    _add_runs_dir(command)


def _add_watch(subparsers: Any) -> None:
    command = subparsers.add_parser("watch", help="open the monitor on a run: live, finished, or replayed")
    _add_run(command)
    command.add_argument("--replay", action="store_true", help="play a run from its beginning")
    command.add_argument(
        "--speed", type=_positive(float), default=20.0, metavar="X", help="how fast to replay (default: 20)"
    )
    command.add_argument("--readonly", action="store_true", help="leave out the key that stops the sweep")
    command.add_argument("--ascii", action="store_true", help="for fonts without braille")
    command.add_argument("--theme", metavar="NAME", help="a Textual theme, such as textual-light")
    command.add_argument(
        "--serve",
        action="store_true",
        help="show it in a browser on this machine, read-only (needs kdtune[serve])",
    )
    command.add_argument(
        "--allow-stop", action="store_true", help="with --serve: the page may stop the sweep"
    )
    command.set_defaults(run=commands.watch)
    _add_runs_dir(command)


def _add_status(subparsers: Any) -> None:
    command = subparsers.add_parser("status", help="a run's progress and front, as text or JSON")
    _add_run(command)
    command.add_argument("--json", action="store_true", help="as JSON")
    _add_raw(command)
    command.set_defaults(run=commands.status)
    _add_runs_dir(command)


def _add_export(subparsers: Any) -> None:
    command = subparsers.add_parser(
        "export", help="write the front's students and a report", description=_EXPORT
    )
    _add_run(command)
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="folder to write, absent or empty (default: the run)"
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
    _add_raw(command)
    command.add_argument(
        "--replicates",
        type=_natural,
        default=0,
        metavar="N",
        help="train the front with N more seeds, and choose among all these students",
    )
    command.add_argument("--address", metavar="HOST:PORT", help="a running Ray cluster for the replicates")
    _add_import(command)
    command.add_argument(
        "--torch-export", action="store_true", help="write each student as a torch.export program too"
    )
    command.add_argument(
        "--onnx", action="store_true", help="write each student as ONNX too (needs kdtune[onnx])"
    )
    _add_quiet(command)
    command.add_argument("--json", action="store_true", help="what was found as JSON on standard output")
    command.set_defaults(run=commands.export)
    _add_runs_dir(command)


def _add_evaluate(subparsers: Any) -> None:
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
        help="for an image folder: table with the sensitive attributes (default: metadata.csv in the folder)",
    )
    command.add_argument(
        "--without-groups", action="store_true", help="the data have no sensitive attributes"
    )
    command.add_argument("--json", action="store_true", help="as JSON, in the form of metrics.json")
    command.set_defaults(run=commands.evaluate)


def _add_predict(subparsers: Any) -> None:
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
    command.add_argument("--batch-size", type=_positive(int), metavar="N", help="examples at once")
    command.add_argument("--device", help="where to compute, such as cpu, cuda or mps (default: cpu)")
    command.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="of the computation (default: float32)",
    )
    _add_import(command)


def _add_study(subparsers: Any) -> None:
    command = subparsers.add_parser(
        "study", help="what distillation does to classes and groups, over T and seeds", description=_STUDY
    )
    command.add_argument(
        "space", nargs="?", help="a ready space's name, a YAML file, or - for standard input (default: study)"
    )
    command.add_argument("--name", help="name of the run (default: the space's name and a number)")
    command.add_argument("--seed", type=_natural, metavar="N", help="seed of everything")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="replace a value of the space, such as study.seeds=10",
    )
    command.add_argument(
        "--null",
        choices=("ratio", "difference", "raw"),
        help="what is equal for a class that is not affected (default: the space's)",
    )
    command.add_argument("--address", metavar="HOST:PORT", help="a running Ray cluster to join")
    _add_import(command)
    command.add_argument("--resume", metavar="RUN", help="go on with a study that was stopped or killed")
    command.add_argument(
        "--figures-only",
        nargs="?",
        const="",
        metavar="RUN",
        help="train nothing: make tables and figures again from a study's run (default: the newest run)",
    )
    command.add_argument("--headless", action="store_true", help="plain lines, even in a terminal")
    _add_quiet(command)
    command.add_argument("--json", action="store_true", help="what was found as JSON on standard output")
    command.set_defaults(run=commands.study)
    _add_runs_dir(command)


def _add_log(subparsers: Any) -> None:
    command = subparsers.add_parser(
        "log", help="log a run to TensorBoard, MLflow, W&B or Trackio", description=_LOG
    )
    _add_run(command)
    command.add_argument(
        "--to", action="append", required=True, choices=TRACKERS, help="the tracker; repeat for more"
    )
    command.add_argument(
        "--again", action="store_true", help="log all of it once more, beside what was logged before"
    )
    command.set_defaults(run=commands.log)
    _add_runs_dir(command)


def _add_stop(subparsers: Any) -> None:
    command = subparsers.add_parser("stop", help="ask a running sweep to stop; it can be resumed")
    command.add_argument("target", metavar="RUN", help="name or path of a run")
    command.add_argument("--now", action="store_true", help="stop at once, not after the current epochs")
    command.set_defaults(run=commands.stop)
    _add_runs_dir(command)


def _add_runs(subparsers: Any) -> None:
    command = subparsers.add_parser("runs", help="list the runs, or delete one")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.add_argument(
        "--delete",
        action="append",
        default=[],
        metavar="RUN",
        help="delete a run with everything in its folder, its export too; repeat for more",
    )
    command.add_argument("--yes", action="store_true", help="with --delete: do not ask")
    command.set_defaults(run=commands.runs)
    _add_runs_dir(command)


def _add_compare(subparsers: Any) -> None:
    command = subparsers.add_parser(
        "compare",
        help="what two runs were asked differently, and which front is better",
        description=_COMPARE,
    )
    for which in ("first", "second"):
        command.add_argument(which, metavar="RUN", help="name or path of a run")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=commands.compare)
    _add_runs_dir(command)


def _add_completion(subparsers: Any) -> None:
    command = subparsers.add_parser("completion", help="print what makes a shell complete kdtune's commands")
    command.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    command.set_defaults(run=_completion)


def _add_quiet(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quiet", action="store_true", help="print the result and errors, nothing else")


def _add_spaces(subparsers: Any) -> None:
    command = subparsers.add_parser("spaces", help="list the ready search spaces, or print one")
    command.add_argument("space", nargs="?", help="the space to print")
    command.add_argument(
        "--schema", action="store_true", help="print the JSON schema that editors complete spaces with"
    )
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=commands.spaces)


def _add_raw(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--raw",
        action="store_true",
        help="the front of the values on validation alone, not corrected by training examples",
    )


def _add_models(subparsers: Any) -> None:
    command = subparsers.add_parser("models", help="list the models that pairs may name, or describe one")
    command.add_argument(
        "filter", nargs="*", metavar="TEXT", help="a family (timm), parts of names, or one model's whole name"
    )
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=commands.models)


def _add_runs_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--runs-dir",
        type=Path,
        metavar="DIR",
        help="where runs are kept (default: $KDTUNE_RUNS, or ./runs)",
    )


_SEARCH = """Sweep temperature, alpha and teacher->student pairs; end with the Pareto front.
The sweep runs in a process of its own: closing the terminal does not end it. Ctrl-C asks it to stop after the current
epochs, a second Ctrl-C stops it at once; 'kdtune search --resume RUN' goes on."""


_EXPORT = """Write the Pareto front's students, evaluated once on the test split, with tables, figures and a report.
Members are chosen by their values on validation."""


_EVALUATE = """Evaluate an exported student on other examples with labels: a table in the form of the training file,
or an image folder with a folder for each class. On the run's test split it gives the numbers of metrics.json."""


_COMPARE = """Show what two runs differ in: space, data, protocol, versions. Where both were made with the same data and
splits, compare fronts and hypervolume on the objectives of both, and students of the same configuration."""


_LOG = """Log what a run has recorded: settings, every epoch's measures, and the front. What was logged before is not
logged again. The tracker's own environment variables say where it goes (MLFLOW_TRACKING_URI, WANDB_MODE, ...)."""


_STUDY = """Train teachers, students without one, and distilled students over temperatures and seeds; test which
classes and groups distillation affects, compared with chance alone. It is judged on the test split, as in the paper."""


class _Version(argparse.Action):
    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print_data(f"kdtune {version('kdtune')}")
        parser.exit()


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--import",
        action="append",
        default=[],
        dest="imports",
        metavar="MODULE",
        help="your module that registers data sets or models",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", metavar="RUN", help="name or path of a run (default: the newest)"
    )


def _positive(kind: type) -> Any:
    def parse(text: str) -> Any:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    parse.__name__ = kind.__name__
    return parse


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def _completion(options: argparse.Namespace) -> int:
    from kdtune.terminal.completion import script

    print_data(script(parser(), options.shell))
    return 0


if __name__ == "__main__":
    sys.exit(main())
