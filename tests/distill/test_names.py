"""What `kdtune.distill` offers by name."""

import pytest

import kdtune.distill


@pytest.mark.parametrize("name", kdtune.distill.__all__)
def test_each_public_name_is_there(name: str) -> None:
    assert getattr(kdtune.distill, name).__name__ == name
