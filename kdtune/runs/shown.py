"""How a run, a front and a student show themselves in a notebook."""

from importlib import import_module
from typing import Any


def html_of(what: str, *shown: Any) -> str:
    """Return HTML of a `run`, a `front` (its run, and a table) or a `student`.

    What draws them is found by its name: readers of runs, and students, need nothing of it.
    """
    return str(getattr(import_module("kdtune.report.notebook"), f"{what}_html")(*shown))
