"""A trained model in a file, identified by path and content."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from kdtune.errors import InputError


@dataclass(frozen=True)
class Weights:
    """A checkpoint, identified by path and content: if the content changes, it is another model."""

    path: str
    sha256: str

    @classmethod
    def of(cls, path: str | Path) -> Self:
        """Identify a file as it is now.

        Raises:
            InputError: it cannot be read.
        """
        file = Path(path).expanduser().resolve()
        try:
            facts = file.stat()
            return cls(str(file), _sha256(file, facts.st_size, facts.st_mtime_ns))
        except OSError as error:
            raise InputError(f"{file}: weights cannot be read: {error.strerror}") from None


@lru_cache(maxsize=16)
def _sha256(file: Path, size: int, changed: int) -> str:  # noqa: ARG001 (they are part of the cache's key)
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
