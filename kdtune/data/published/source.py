"""Reads published files from a folder, or from their tar archive."""

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kdtune.errors import DataError
from kdtune.files import read_regular

_LARGEST = 2**30
"""Most bytes of a file, and of the part of an archive that is read to find it; CIFAR's are far smaller."""


@dataclass(frozen=True)
class Source:
    """A folder, or a folder in a tar archive (`inside` is its path there)."""

    path: Path
    inside: str | None = None

    def where(self, name: str) -> str:
        """Return the place of a file, for messages."""
        return str(self.path / name) if self.inside is None else f"{self.path}, {self.inside}/{name}"

    def read(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the content of files by name; files that are not there are left out.

        Raises:
            DataError: one can't be read, or is larger than any of them may be.
        """
        if self.inside is not None:
            return self._from_archive(names)
        found = {}
        for name in names:
            path = self.path / name
            if not path.is_file():
                continue
            if path.stat().st_size > _LARGEST:
                raise DataError(f"{path}: is larger than {_LARGEST // 2**30} GB: it is another file")
            try:
                found[name] = read_regular(path, limit=_LARGEST)
            except OSError as error:
                raise DataError(f"{path}: cannot be read: {error.strerror}") from None
        return found

    def _from_archive(self, names: Sequence[str]) -> dict[str, bytes]:
        wanted = {f"{self.inside}/{name}": name for name in names}
        found: dict[str, bytes] = {}
        passed = 0
        try:
            with tarfile.open(self.path) as archive:
                for member in archive:
                    passed += member.size
                    if passed > _LARGEST:
                        raise DataError(
                            f"{self.path}: holds more than {_LARGEST // 2**30} GB: it is another file"
                        )
                    name = wanted.get(member.name.removeprefix("./"))
                    if name is not None and member.isfile():
                        content = archive.extractfile(member)
                        assert content is not None
                        found[name] = content.read()
                    if len(found) == len(wanted):
                        break
        except DataError:
            raise
        except Exception as error:  # a damaged archive makes the reader stumble in every way
            raise DataError(
                f"{self.path}: cannot be read as a tar archive ({type(error).__name__}): it is cut short or "
                "damaged; copy it again"
            ) from None
        return found
