"""The published files of CIFAR-10 and CIFAR-100: the binary version and the pickled one, unpacked or in archives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdtune.data.published.downloads import image_folder_hint, missing
from kdtune.data.published.pickles import PickleError, read_published_pickle
from kdtune.data.published.source import Source
from kdtune.errors import DataError

HOME = "https://www.cs.toronto.edu/~kriz"
_PIXELS = 3 * 32 * 32

Records = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Pixels [n, 3072] and labels [n]."""


@dataclass(frozen=True)
class Version:
    """One version of a data set: its files, and the functions that read them from content and place."""

    folder: str
    archive: str
    train: tuple[str, ...]
    test: str
    classes: str
    read: Callable[[bytes, str], Records]
    read_classes: Callable[[bytes, str], Sequence[str]]


@dataclass(frozen=True)
class Form:
    """A data set and its versions; the first version is the one that is downloaded."""

    name: str
    n_classes: int
    versions: tuple[Version, ...]
    md5: str


@dataclass(frozen=True)
class CifarFiles:
    """The files of a data set on disk, in one version."""

    form: Form
    version: Version
    source: Source
    root: Path

    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes.

        Raises:
            DataError: the file is missing or damaged.
        """
        (content,) = self._contents([self.version.classes])
        where = self.source.where(self.version.classes)
        names = tuple(self.version.read_classes(content, where))
        if len(names) != self.form.n_classes or len(set(names)) != self.form.n_classes:
            raise DataError(
                f"{where}: holds {len(set(names))} class names, not {self.form.n_classes}: copy it again"
            )
        return names

    def train(self) -> tuple[Tensor, Tensor]:
        """Return the training images uint8 [n, 3, 32, 32] and labels int64 [n]."""
        return self._read(self.version.train)

    def require_test(self) -> None:
        """Require that the file of the test images is there; in an archive, it is not looked for.

        Raises:
            DataError: it is missing.
        """
        if self.source.inside is None and not (self.source.path / self.version.test).is_file():
            raise self._absent(self.version.test)

    def test(self) -> tuple[Tensor, Tensor]:
        """Return the test images as `train` does."""
        return self._read([self.version.test])

    def _read(self, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        contents = self._contents(names)
        parts = [self._records(name, content) for name, content in zip(names, contents, strict=True)]
        pixels, labels = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        return torch.from_numpy(pixels).reshape(-1, 3, 32, 32), torch.from_numpy(labels)

    def _records(self, name: str, content: bytes) -> Records:
        where = self.source.where(name)
        pixels, labels = self.version.read(content, where)
        strange = np.flatnonzero((labels < 0) | (labels >= self.form.n_classes))
        if len(strange):
            raise DataError(
                f"{where}: record {strange[0] + 1} has label {labels[strange[0]]}, but there are "
                f"{self.form.n_classes} classes: is it a file of {self.form.name}?"
            )
        return pixels, labels

    def _contents(self, names: Sequence[str]) -> list[bytes]:
        found = self.source.read(names)
        for name in names:
            if name not in found:
                raise self._absent(name)
        return [found[name] for name in names]

    def _absent(self, name: str) -> DataError:
        if self.source.inside is not None:
            return DataError(
                f"{self.source.where(name)}: is not in the archive: it is another one; copy it again"
            )
        archives = " or ".join(version.archive for version in self.form.versions)
        what = f"the content of {archives} (the binary or the Python version, from {HOME}/cifar.html)"
        return missing(self.source.path / name, what, download=True, hint=image_folder_hint(self.root))


def find_files(form: Form, root: Path) -> CifarFiles:
    """Find a data set's files in `root`, in a folder in it, in an archive in it, or in the archive that it is.

    If there are none, return where they would be looked for first.
    """
    for version in form.versions:
        for folder in (root, root / version.folder):
            if any((folder / name).is_file() for name in (*version.train, version.test)):
                return CifarFiles(form, version, Source(folder), root)
    for version in form.versions:
        archive = root if root.is_file() else root / version.archive
        if archive.is_file() and (archive != root or Source(root, version.folder).read([version.classes])):
            return CifarFiles(form, version, Source(archive, version.folder), root)
    if root.is_file():
        raise DataError(
            f"{root}: holds none of {', '.join(version.folder for version in form.versions)}: give a folder, or "
            f"an archive from {HOME}/cifar.html"
        )
    return CifarFiles(form, form.versions[0], Source(root / form.versions[0].folder), root)


def _read_binary(content: bytes, where: str, *, n_labels: int) -> Records:
    """Read records: `n_labels` bytes, of which the last is the label, then the pixels."""
    record = n_labels + _PIXELS
    if not content or len(content) % record:
        raise DataError(
            f"{where}: {len(content)} bytes are no whole number of records of {record}: the file is cut short, or "
            "another one; copy it again"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, record)
    return records[:, n_labels:], records[:, n_labels - 1].astype(np.int64)


def _read_lines(content: bytes, _where: str) -> Sequence[str]:
    return content.decode(errors="replace").split()


def _unpickled(content: bytes, where: str) -> dict[str, Any]:
    """Return a pickled dict with names as text; Python 2 wrote them as bytes."""
    try:
        found = read_published_pickle(content)
    except PickleError as error:
        raise DataError(f"{where}: is no pickle as CIFAR's are: {error}; copy it again") from None
    if not isinstance(found, dict):
        raise DataError(f"{where}: is no pickled dict as CIFAR's are: copy it again")
    return {_text(key): value for key, value in found.items() if isinstance(key, str | bytes)}


def _read_python(content: bytes, where: str, *, labels_key: str) -> Records:
    found = _unpickled(content, where)
    pixels, labels = found.get("data"), found.get(labels_key)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or not len(pixels):
        raise DataError(f"{where}: holds no pixels, uint8, under 'data': copy it again")
    if pixels.size != len(pixels) * _PIXELS:
        raise DataError(
            f"{where}: its images have {pixels.size // len(pixels)} values, not {_PIXELS}: copy it again"
        )
    # Only a list of plain numbers: one of lists that hold each other could be larger than any memory.
    is_list = isinstance(labels, list) and all(type(label) is int for label in labels)
    numbers = np.array(labels) if is_list else labels
    if (
        not isinstance(numbers, np.ndarray)
        or numbers.dtype.kind not in "iu"
        or numbers.shape != (len(pixels),)
    ):
        raise DataError(
            f"{where}: holds no label for each of {len(pixels)} images under {labels_key!r}: copy it again"
        )
    return pixels.reshape(len(pixels), _PIXELS), numbers.astype(np.int64)


def _read_names(content: bytes, where: str, *, key: str) -> Sequence[str]:
    names = _unpickled(content, where).get(key)
    if not isinstance(names, list) or not all(isinstance(name, str | bytes) for name in names):
        raise DataError(f"{where}: holds no list of names under {key!r}: copy it again")
    return [_text(name) for name in names]


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


CIFAR10 = Form(
    name="cifar10",
    n_classes=10,
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    versions=(
        Version(
            folder="cifar-10-batches-bin",
            archive="cifar-10-binary.tar.gz",
            train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
            test="test_batch.bin",
            classes="batches.meta.txt",
            read=partial(_read_binary, n_labels=1),
            read_classes=_read_lines,
        ),
        Version(
            folder="cifar-10-batches-py",
            archive="cifar-10-python.tar.gz",
            train=tuple(f"data_batch_{number}" for number in range(1, 6)),
            test="test_batch",
            classes="batches.meta",
            read=partial(_read_python, labels_key="labels"),
            read_classes=partial(_read_names, key="label_names"),
        ),
    ),
)
CIFAR100 = Form(
    name="cifar100",
    n_classes=100,
    md5="03b5dce01913d631647c71ecec9e9cb8",
    versions=(
        Version(
            folder="cifar-100-binary",
            archive="cifar-100-binary.tar.gz",
            train=("train.bin",),
            test="test.bin",
            classes="fine_label_names.txt",
            read=partial(_read_binary, n_labels=2),
            read_classes=_read_lines,
        ),
        Version(
            folder="cifar-100-python",
            archive="cifar-100-python.tar.gz",
            train=("train",),
            test="test",
            classes="meta",
            read=partial(_read_python, labels_key="fine_labels"),
            read_classes=partial(_read_names, key="fine_label_names"),
        ),
    ),
)
