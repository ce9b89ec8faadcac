"""Systems that lack a function: a library that is loaded before all others answers in its place."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_FAILS = """
#include <errno.h>
int {function}() {{ errno = {error}; return -1; }}
"""


def without(function: str, error: str, folder: Path) -> dict[str, str]:
    """Return an environment in which a function of the C library fails with an error (`ENOLCK`).

    Skips where there is no C compiler, or programs do not load libraries so.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    source, library = folder / f"{function}.c", folder / f"{function}.so"
    source.write_text(_FAILS.format(function=function, error=error))
    made = subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, source], capture_output=True, check=False, text=True
    )
    if made.returncode:
        pytest.skip(f"the C compiler makes no library here: {made.stderr}")
    return {**os.environ, "LD_PRELOAD": str(library)}
