"""The options of the commands that list what a search space may name."""

from typing import Any

from kdtune import commands


def add_spaces(subparsers: Any) -> None:
    """Add `kdtune spaces`."""
    command = subparsers.add_parser("spaces", help="list the ready search spaces, or print one")
    command.add_argument("space", nargs="?", help="the space to print")
    command.add_argument(
        "--schema", action="store_true", help="print the JSON schema that editors complete spaces with"
    )
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=commands.spaces)


def add_models(subparsers: Any) -> None:
    """Add `kdtune models`."""
    command = subparsers.add_parser("models", help="list the models that pairs may name, or describe one")
    command.add_argument(
        "filter", nargs="*", metavar="TEXT", help="a family (timm), parts of names, or one model's whole name"
    )
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=commands.models)
