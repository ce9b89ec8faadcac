"""Tries to read a file, as kdtune reads it: it is read, or refused in a few lines."""

import warnings
from pathlib import Path

from kdtune.errors import KdtuneError
from tests.trust.readers import Reader


def tried(reader: Reader, path: Path) -> None:
    """Read a file, with a warning of what is lost if need be, or be refused; any other exception fails the test."""
    said = "read"
    with warnings.catch_warnings(record=True) as warned:
        warnings.filterwarnings("always", category=UserWarning)
        try:
            reader.read(path)
        except KdtuneError as error:
            said = str(error)
    assert 1 <= len(said.splitlines()) <= 5
    assert all(len(str(warning.message).splitlines()) == 1 for warning in warned)
