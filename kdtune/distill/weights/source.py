"""A trained model in a file: which one, by path and content, and how it was trained to be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from kdtune.errors import InputError
from kdtune.files import sha256_of


@dataclass(frozen=True)
class Weights:
    """A checkpoint, by path and content: another content is another model.

    Attributes:
        order: class k of the data is its output order[k]; None where its classes are in the order of the data.
        mean, std: per channel, of the inputs that it was trained on, on the 0..1 scale; None where they are the data's.
        shape: of the inputs that it was trained on; None where it is the data's.
        lacks: names of tensors that are not in it because they are to be trained anew: a classifier's.
    """

    path: str
    sha256: str
    order: tuple[int, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    shape: tuple[int, ...] | None = None
    lacks: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        path: str | Path,
        *,
        order: Sequence[int] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        shape: Sequence[int] | None = None,
        lacks: Sequence[str] | None = None,
    ) -> Self:
        """Take a file as it is now.

        Raises:
            InputError: it cannot be read.
        """
        file = Path(path).expanduser().resolve()
        digest = sha256_now(file, "weights")
        return cls._from(str(file), digest, order, mean, std, shape, lacks)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read it back."""
        lists = (record.get(key) for key in ("order", "mean", "std", "shape", "lacks"))
        return cls._from(record["path"], record["sha256"], *lists)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON, without what is not set."""
        return {key: value for key, value in vars(self).items() if value is not None}

    @classmethod
    def _from(cls, path: str, sha256: str, *lists: Sequence[Any] | None) -> Self:
        return cls(path, sha256, *(None if values is None else tuple(values) for values in lists))


def sha256_now(file: Path, what: str) -> str:
    """Return the SHA-256 (hex) of a file as it is now; `what` it holds is for the message.

    Raises:
        InputError: it cannot be read.
    """
    try:
        facts = file.stat()
        return _sha256(file, facts.st_size, facts.st_mtime_ns)
    except OSError as error:
        raise InputError(f"{file}: {what} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=16)
def _sha256(file: Path, size: int, changed: int) -> str:  # noqa: ARG001 (they are part of the cache's key)
    return sha256_of(file)
