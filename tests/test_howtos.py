"""The how-tos of docs/, followed from an empty folder to the end."""

from pathlib import Path

import pytest

from tests.how_to import follow

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.slow
@pytest.mark.parametrize("guide", ["models.md", "data.md", "teacher.md", "measures.md", "losses.md"])
def test_it_works_as_it_says(guide: str, tmp_path: Path) -> None:
    follow(DOCS / guide, tmp_path)
