"""The user's own modules: imported, and so run, only if the user names them, never because a file names them."""

import contextlib
import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kdtune.errors import InputError, KdtuneError

_added: list[str] = []


def added_folders() -> tuple[str, ...]:
    """Return the folders that `import_modules` has added to this process's search path for modules."""
    return tuple(_added)


def module_folders() -> tuple[str, ...]:
    """Return the folders in which this process finds modules; the current one only where the path names it."""
    return tuple(os.path.abspath(folder) for folder in sys.path if folder)


def import_modules(names: Sequence[str]) -> None:
    """Import the modules that `--import` names; the current folder is searched too.

    Raises:
        InputError: one can't be imported; the message says why.
    """
    if names and os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())  # last, so that a file called torch.py is not imported as torch
        _added.append(os.getcwd())
    for name in names:
        with own_code(f"--import {name}"):
            try:
                importlib.import_module(name)
            except SystemExit as error:
                raise InputError(
                    f"--import {name}: it ends the process: {told(error)}: put what a script does when it is run below "
                    'if __name__ == "__main__":'
                ) from error


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


@contextlib.contextmanager
def own_code(
    what: str, kind: type[InputError] = InputError, *, passed: tuple[type[Exception], ...] = (KdtuneError,)
) -> Iterator[None]:
    """Run the user's code in this block: whatever it raises becomes an error that says what failed, why and where.

    It may also try to end the process: its `sys.exit()` must not pass for the end of kdtune's own work. Only Ctrl-C
    stays what it is, and so does the end that Ray asks of a worker, whatever runs in it.

    Args:
        what: what failed, for the message: `loss 'mine' failed`.
        kind: of the error.
        passed: errors that are not the code's own, and stay what they are.

    Raises:
        InputError: the code failed.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, passed) or _ray_ends_the_worker(error):
            raise
        raise kind(f"{what}: {told(error)}") from error


def told(error: BaseException) -> str:
    """Return what an error says, in one line, with the place in the user's code where it was raised or led to it."""
    said = _said(error)
    place = _own_line(error)
    return f"{type(error).__name__}{f': {said}' if said else ''}{f' ({place})' if place else ''}"


def kind_of(value: object) -> str:
    """Return in words what the user gave or a function of the user's returned: `float32 [4, 2]`, `a tuple of 2`."""
    named = type(value).__name__
    article = "an" if named[:1].lower() in "aeiou" else "a"
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is not None and shape is not None:
        kind = str(dtype)
        told = f"{kind.removeprefix('torch.')} {list(shape)}"
        return told if kind.startswith("torch.") else f"{article} {named}, {told}"
    if isinstance(value, Sequence | dict) and not isinstance(value, str | bytes):
        return f"{article} {named} of {len(value)}"
    return "nothing" if value is None else f"{article} {named}"


def _said(error: BaseException) -> str:
    try:
        lines = str(error).splitlines()
    except Exception:  # an error of the user's own may fail at this too
        return "its message can't be read"
    said = " ".join(line.strip() for line in lines if line.strip())
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"


def _own_line(error: BaseException) -> str:
    """Return the last line on the way to an error that is the user's; empty where none is."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not _is_library(frame.filename):
            return f"{Path(frame.filename).name}, line {frame.lineno}"
    return ""


def _is_library(filename: str) -> bool:
    """Tell whether code is kdtune's, an installed package's or Python's own."""
    return filename.startswith((*_LIBRARIES, "<frozen ")) or not {
        "site-packages",
        "dist-packages",
    }.isdisjoint(Path(filename).parts)


def _ray_ends_the_worker(error: BaseException) -> bool:
    """Tell whether Ray's handler of SIGTERM raised it, which may run in the midst of the user's code."""
    if not isinstance(error, SystemExit):
        return False
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(modules) and modules[-1].startswith("ray.")


_LONGEST = 500
"""Characters of an error's message: some libraries put whole data into theirs."""

_LIBRARIES = tuple(
    f"{folder}{os.sep}"
    for folder in (
        *(sysconfig.get_paths()[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
        Path(__file__).parent,
    )
)
