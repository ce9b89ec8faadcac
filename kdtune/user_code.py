"""The user's own modules: imported, and so run, only if the user names them, never because a file names them."""

import importlib
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

from kdtune.errors import InputError, KdtuneError

_added: list[str] = []


def added_folders() -> tuple[str, ...]:
    """Return the folders that `import_modules` has added to this process's search path for modules."""
    return tuple(_added)


def import_modules(names: Sequence[str]) -> None:
    """Import the modules that `--import` names; the current folder is searched too.

    Raises:
        InputError: one can't be imported; the message says why.
    """
    if names and os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())  # last, so that a file called torch.py is not imported as torch
        _added.append(os.getcwd())
    for name in names:
        try:
            importlib.import_module(name)
        except KdtuneError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise InputError(f"--import {name}: {type(error).__name__}: {error}") from None


def check_named(wanted: Iterable[str], given: Sequence[str], source: str) -> None:
    """Refuse a file that wants modules which the user has not named; `source` is the file.

    Raises:
        InputError: the user has not named some modules; the message lists them.
    """
    missing = [name for name in wanted if name not in given and name not in sys.modules]
    if missing:
        raise InputError(
            f"{source}: asks for code of its own, the Python module{'s' if len(missing) > 1 else ''} "
            f"{', '.join(map(repr, missing))}: importing runs it; if you trust it, say "
            f"{' '.join(f'--import {name}' for name in missing)}"
        )


def told(error: Exception) -> str:
    """Return what an error says, with the place in the user's code where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})"
