"""The options of the commands that train: a search, and a study."""

from typing import Any

from kdtune import commands
from kdtune.options.shared import add_import, add_quiet, add_runs_dir, natural, positive
from kdtune.trackers import TRACKERS


def add_search(subparsers: Any) -> None:
    """Add `kdtune search`."""
    command = subparsers.add_parser("search", help="run a multi-objective sweep", description=_SEARCH)
    command.add_argument(
        "space",
        nargs="?",
        help="a ready space's name, a YAML file, or - for standard input (default: default)",
    )
    command.add_argument("--name", help="name of the run (default: the space's name and a number)")
    command.add_argument("--trials", type=positive(int), metavar="N", help="trials to run")
    command.add_argument(
        "--minutes",
        type=positive(float),
        metavar="M",
        help="time to spend on trials (minutes at work: a sleep of the machine costs none)",
    )
    command.add_argument("--seed", type=natural, metavar="N", help="seed of everything")
    command.add_argument("--workers", type=positive(int), metavar="N", help="trials at once")
    command.add_argument("--gpus-per-trial", type=float, metavar="F", help="fractions share a GPU")
    command.add_argument(
        "--max-failures", type=natural, metavar="N", help="how often a trial whose worker dies is run again"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="replace a value of the space, such as budget.epochs=20",
    )
    command.add_argument("--address", metavar="HOST:PORT", help="a running Ray cluster to join")
    add_import(command)
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
    add_quiet(command)
    command.add_argument(
        "--json", action="store_true", help="end with the summary as JSON on standard output"
    )
    command.set_defaults(run=commands.search)
    add_runs_dir(command)


def add_study(subparsers: Any) -> None:
    """Add `kdtune study`."""
    command = subparsers.add_parser(
        "study", help="what distillation does to classes and groups, over T and seeds", description=_STUDY
    )
    command.add_argument(
        "space", nargs="?", help="a ready space's name, a YAML file, or - for standard input (default: study)"
    )
    command.add_argument("--name", help="name of the run (default: the space's name and a number)")
    command.add_argument("--seed", type=natural, metavar="N", help="seed of everything")
    command.add_argument("--workers", type=positive(int), metavar="N", help="models at once")
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
    add_import(command)
    command.add_argument("--resume", metavar="RUN", help="go on with a study that was stopped or killed")
    command.add_argument(
        "--figures-only",
        nargs="?",
        const="",
        metavar="RUN",
        help="train nothing: make tables and figures again from a study's run (default: the newest run)",
    )
    command.add_argument("--headless", action="store_true", help="plain lines, even in a terminal")
    add_quiet(command)
    command.add_argument("--json", action="store_true", help="what was found as JSON on standard output")
    command.set_defaults(run=commands.study)
    add_runs_dir(command)


_SEARCH = """Sweep temperature, alpha and teacher->student pairs; end with the Pareto front.
The sweep runs in a process of its own: closing the terminal does not end it. Ctrl-C asks it to stop after the current
epochs, a second Ctrl-C stops it at once; 'kdtune search --resume RUN' goes on."""


_STUDY = """Train teachers, students without one, and distilled students over temperatures and seeds; test which
classes and groups distillation affects, compared with chance alone. It is judged on the test split, as in the paper."""
