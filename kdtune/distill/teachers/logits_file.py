"""Logits in a file, and what says which example each row is about: which files, by path and content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from kdtune.distill.weights.source import sha256_now


@dataclass(frozen=True)
class LogitsFile:
    """Logits in a .npy file, and which example each row is about, by path and content.

    Attributes:
        order: file with an example's id on each line, or .npy of ids.
        columns: class k of the data is column columns[k]; None where they are in the order of the data's classes.
    """

    path: str
    sha256: str
    order: str
    order_sha256: str
    columns: tuple[int, ...] | None = None

    @classmethod
    def of(cls, path: str | Path, order: str | Path, columns: Sequence[int] | None = None) -> Self:
        """Take the files as they are now.

        Raises:
            InputError: one can't be read.
        """
        files = [Path(item).expanduser().resolve() for item in (path, order)]
        digests = [
            sha256_now(file, what) for file, what in zip(files, ("logits", "their order"), strict=True)
        ]
        taken = None if columns is None else tuple(columns)
        return cls(str(files[0]), digests[0], str(files[1]), digests[1], taken)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read it back."""
        columns = record.get("columns")
        names = ("path", "sha256", "order", "order_sha256")
        named = {name: str(record[name]) for name in names}
        return cls(**named, columns=None if columns is None else tuple(columns))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON, without what is not set."""
        return {key: value for key, value in vars(self).items() if value is not None}
