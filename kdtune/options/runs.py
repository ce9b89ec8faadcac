"""The options of the commands that show, log, stop, delete and compare runs."""

from typing import Any

from kdtune import commands
from kdtune.options.shared import add_raw, add_run, add_runs_dir, positive
from kdtune.trackers import TRACKERS


def add_watch(subparsers: Any) -> None:
    """Add `kdtune watch`."""
    command = subparsers.add_parser("watch", help="open the monitor on a run: live, finished, or replayed")
    add_run(command)
    command.add_argument("--replay", action="store_true", help="play a run from its beginning")
    command.add_argument(
        "--speed", type=positive(float), default=20.0, metavar="X", help="how fast to replay (default: 20)"
    )
    command.add_argument("--readonly", action="store_true", help="leave out the key that stops the sweep")
    command.add_argument("--ascii", action="store_true", help="for fonts without braille")
    command.add_argument(
        "--theme", metavar="NAME", help="kdtune-dark, kdtune-light, or a Textual theme such as nord"
    )
    command.add_argument(
        "--serve",
        action="store_true",
        help="show it in a browser on this machine, read-only (needs kdtune[serve])",
    )
    command.add_argument(
        "--allow-stop", action="store_true", help="with --serve: the page may stop the sweep"
    )
    command.set_defaults(run=commands.watch)
    add_runs_dir(command)


def add_status(subparsers: Any) -> None:
    """Add `kdtune status`."""
    command = subparsers.add_parser("status", help="a run's progress and front, as text or JSON")
    add_run(command)
    command.add_argument("--json", action="store_true", help="as JSON")
    add_raw(command)
    command.set_defaults(run=commands.status)
    add_runs_dir(command)


def add_log(subparsers: Any) -> None:
    """Add `kdtune log`."""
    command = subparsers.add_parser(
        "log", help="log a run to TensorBoard, MLflow, W&B or Trackio", description=_LOG
    )
    add_run(command)
    command.add_argument(
        "--to", action="append", required=True, choices=TRACKERS, help="the tracker; repeat for more"
    )
    command.add_argument(
        "--again", action="store_true", help="log all of it once more, beside what was logged before"
    )
    command.set_defaults(run=commands.log)
    add_runs_dir(command)


def add_stop(subparsers: Any) -> None:
    """Add `kdtune stop`."""
    command = subparsers.add_parser("stop", help="ask a running sweep to stop; it can be resumed")
    command.add_argument("target", metavar="RUN", help="name or path of a run")
    command.add_argument("--now", action="store_true", help="stop at once, not after the current epochs")
    command.set_defaults(run=commands.stop)
    add_runs_dir(command)


def add_runs(subparsers: Any) -> None:
    """Add `kdtune runs`."""
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
    add_runs_dir(command)


def add_compare(subparsers: Any) -> None:
    """Add `kdtune compare`."""
    command = subparsers.add_parser(
        "compare",
        help="what two runs were asked differently, and which front is better",
        description=_COMPARE,
    )
    for which in ("first", "second"):
        command.add_argument(which, metavar="RUN", help="name or path of a run")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=commands.compare)
    add_runs_dir(command)


_LOG = """Log what a run has recorded: settings, every epoch's measures, and the front. What was logged before is not
logged again. The tracker's own environment variables say where it goes (MLFLOW_TRACKING_URI, WANDB_MODE, ...)."""


_COMPARE = """Show what two runs differ in: space, data, protocol, versions. Where both were made with the same data and
splits, compare fronts and hypervolume on the objectives of both, and students of the same configuration."""
