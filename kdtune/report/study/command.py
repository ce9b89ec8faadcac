"""The end of `kdtune study`: from a trained study to tables, figures and a page."""

from collections.abc import Sequence
from pathlib import Path


def report_study(root: Path, *, null: str | None, imports: Sequence[str], as_json: bool) -> None:
    """placeholder"""
