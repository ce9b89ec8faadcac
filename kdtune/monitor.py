"""Finds the monitor: its folder `tui` is beside `kdtune` in a clone, and inside it in an installed wheel."""

from pathlib import Path
from typing import TYPE_CHECKING

if (
    not TYPE_CHECKING and (Path(__file__).parent / "tui").is_dir()
):  # then a top-level `tui` is somebody else's
    from kdtune.tui.watch import watch
else:
    from tui.watch import watch

__all__ = ["watch"]
