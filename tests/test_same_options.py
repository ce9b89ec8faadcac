"""`kdtune.search`, `study` and `export` have the options of the commands, and no others."""

import inspect

import pytest

import kdtune
from kdtune.cli import parser
from kdtune.errors import InputError

CALLED = {
    "known_from": "warm_start",
    "runs_dir": "directory",
    "quiet": "progress",
    "target": "run",
}
"""Options that Python calls otherwise."""

TYPED = {"help", "set", "dry_run", "headless", "json", "figures_only", "list"}
"""What only a command has: how it prints, and what a program does by other means."""

OF_PROGRAMS = {"data"}
"""What only a program has."""


@pytest.mark.parametrize("name", ["search", "study", "export"])
def test_python_and_the_command_line_have_the_same_options(name: str) -> None:
    [commands] = [action for action in parser()._actions if hasattr(action, "choices") and action.choices]
    command = dict(commands.choices or {})[name]
    typed = {CALLED.get(action.dest, action.dest) for action in command._actions} - TYPED
    called = set(inspect.signature(getattr(kdtune, name)).parameters) - OF_PROGRAMS
    assert called == typed


def test_a_tracker_that_there_is_not_is_refused_in_python_too(tmp_path: object) -> None:
    with pytest.raises(InputError, match=r"log\.0: it should be 'tensorboard', .*, not 'tensorbord'"):
        kdtune.search(log="tensorbord", directory=str(tmp_path))
