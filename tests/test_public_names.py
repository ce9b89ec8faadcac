"""The names that packages offer are looked up when they are used: each must lead somewhere."""

from types import ModuleType

import pytest

import kdtune
from kdtune import distill


@pytest.mark.parametrize("package", [kdtune, distill], ids=lambda package: package.__name__)
def test_every_public_name_can_be_imported(package: ModuleType) -> None:
    assert not [name for name in package.__all__ if not hasattr(package, name)]
