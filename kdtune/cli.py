"""The command line: which commands there are, and how their ends become exit codes."""

import argparse
import contextlib
from collections.abc import Sequence
from typing import Any, NoReturn

from kdtune.bytecode import keep_bytecode
from kdtune.errors import KdtuneError, disk_words, is_disk_error
from kdtune.files import current_folder
from kdtune.idle_threads import limit_spinning
from kdtune.options.names import add_models, add_spaces
from kdtune.options.runs import add_compare, add_log, add_runs, add_status, add_stop, add_watch
from kdtune.options.students import add_evaluate, add_export, add_predict
from kdtune.options.sweeps import add_search, add_study
from kdtune.output import STANDARD_OUTPUT, narrate, print_data, quieted, standard_streams
from kdtune.process_end import end_process

EXIT_INTERRUPTED = 130


def command() -> NoReturn:
    """Run the command that this process was started for, and end the process."""
    end_process(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 bad input, 130 interrupted.

    Args:
        arguments: without the command's name; those of this process if left out.
    """
    with standard_streams(), contextlib.ExitStack() as stack:
        options = parser().parse_args(arguments)
        stack.enter_context(quieted(getattr(options, "quiet", False)))
        keep_bytecode()
        limit_spinning()
        try:
            current_folder()  # where it was deleted, this says so
            return int(options.run(options) or 0)
        except KdtuneError as error:
            narrate(f"kdtune: {error}", error=True)
            return error.exit_code
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except OSError as error:
            if error.filename == STANDARD_OUTPUT or not is_disk_error(error):
                raise
            narrate(f"kdtune: {disk_words(error)}", error=True)
            return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="kdtune",
        description="Search knowledge distillation for the accuracy-fairness Pareto front.",
        epilog="Start with 'kdtune search': a ready sweep on generated data, one or two minutes on two cores. Exit "
        "codes: 0 done, 1 failed, 2 something that was asked for can't be used, 130 interrupted.",
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    add_search(subparsers)
    add_watch(subparsers)
    add_status(subparsers)
    add_export(subparsers)
    add_evaluate(subparsers)
    add_predict(subparsers)
    add_study(subparsers)
    add_log(subparsers)
    add_stop(subparsers)
    add_runs(subparsers)
    add_compare(subparsers)
    add_spaces(subparsers)
    add_models(subparsers)
    _add_completion(subparsers)
    return parser


def _add_completion(subparsers: Any) -> None:
    command = subparsers.add_parser("completion", help="print what makes a shell complete kdtune's commands")
    command.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    command.set_defaults(run=_completion)


class _Version(argparse.Action):
    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print_data(f"kdtune {version('kdtune')}")
        parser.exit()


def _completion(options: argparse.Namespace) -> int:
    from kdtune.terminal.completion import script

    print_data(script(parser(), options.shell))
    return 0


if __name__ == "__main__":
    command()
