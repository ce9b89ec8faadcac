"""Progress in the output of a notebook's cell, redrawn in place."""

import io
import sys
from typing import Any, Self

from rich.console import Console

from kdtune.runs.paths import RunFiles
from kdtune.runs.state import RunState
from kdtune.terminal.progress import Progress

_WIDTH = 100
_PAGE = '<pre style="font-family:monospace;white-space:pre;overflow-x:auto;line-height:normal">{code}</pre>'
"""JupyterLab shows a bare `pre` in letters of unequal width, in which no column stands straight."""


def in_notebook() -> bool:
    """Tell whether this process is a notebook's kernel, which shows more than text."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class NotebookProgress(Progress):
    """Shows what a sweep is doing below the cell that runs it."""

    def __init__(self, files: RunFiles) -> None:
        super().__init__(files, plain=True)
        self._shown: Any = None
        self._picture_before = ""

    def __enter__(self) -> Self:
        """Open the place in the cell's output that is redrawn later."""
        from IPython import display

        show: Any = display.display  # IPython has no types
        self._shown = show({"text/plain": f"run {self._files.root}"}, raw=True, display_id=True)
        return self

    def show(self, state: RunState) -> None:
        """Redraw what is shown, if it has changed."""
        self.read_record()
        console = Console(
            file=io.StringIO(),
            record=True,
            width=_WIDTH,
            highlight=False,
            markup=False,
            emoji=False,
            force_jupyter=False,  # else rich adds an output to the cell with every print
        )
        console.print(self._picture(state))
        page = console.export_html(inline_styles=True, code_format=_PAGE, clear=False)
        if page != self._picture_before:
            self._picture_before = page
            text = console.export_text()
            self._shown.update({"text/plain": text, "text/html": page}, raw=True)
