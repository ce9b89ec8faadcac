"""The how-tos of docs/, followed from an empty folder to the end."""

from pathlib import Path

import pytest

from tests.howto import follow


@pytest.mark.slow
@pytest.mark.parametrize("guide", ["measures.md", "losses.md"])
def test_it_works_as_it_says(guide: str, tmp_path: Path) -> None:
    follow(guide, tmp_path)
