"""Append-only files with one JSON object per line: the format of every record in a run.

A line counts once it ends with a newline. A reader assumes that whatever follows the last newline is still being
written; a writer that finds such a remainder (because its predecessor was killed) cuts it off before it appends.
"""

import contextlib
import errno
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kdtune.errors import DiskError, UnreadableError
from kdtune.files import dumps, open_regular

Record = dict[str, Any]

LONGEST_LINE = 1 << 26
"""Bytes of a line that a reader takes into memory: a report of a thousand classes and fifty groups has one percent."""


class LineWriter:
    """Appends records to one file: each is written whole, or not at all.

    Raises (all methods):
        DiskError: the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            cut_torn_tail(path)
            self._file = open_to_append(path)
        except OSError as error:
            raise DiskError.of(error, path) from error

    def append(self, record: Record, *, durable: bool = False) -> None:
        """Write one record; with `durable` wait for the disk (state changes must survive a crash of the machine)."""
        rest = (dumps(record) + "\n").encode()
        begun = self._length()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
            if durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            # A part that was written must not run into the next record, for which there may be room again.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), begun)
            raise DiskError.of(error, self._path) from error

    def _length(self) -> int:
        """Return the size of the file; raise DiskError if it no longer exists under its name."""
        facts = os.fstat(self._file.fileno())
        try:
            if os.path.samestat(facts, os.stat(self._path)):
                return facts.st_size
        except OSError:
            pass
        raise DiskError(f"{self._path}: is gone: deleted, moved, or its disk was taken away")

    def close(self, *, durable: bool = False) -> None:
        """Close the file; with `durable` wait until the disk has it."""
        try:
            if durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise DiskError.of(error, self._path) from error
        finally:
            self._file.close()


_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
for _flag in (
    "O_NOFOLLOW",
    "O_CLOEXEC",
    "O_NONBLOCK",
    "O_BINARY",
):  # Windows, where runs are only read, lacks some
    _APPEND |= getattr(os, _flag, 0)


def open_to_append(path: Path) -> io.FileIO:
    """Open a file of a run to append to it, unless it is something else than a file.

    In a run from elsewhere, a link may lead to a file outside the run, and a FIFO may have nobody who reads it.

    Raises:
        OSError: it is a link or no file, or can't be written.
    """
    descriptor = os.open(path, _APPEND, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file", str(path))
    return open(descriptor, "ab", buffering=0)


def cut_torn_tail(path: Path) -> None:
    """Cut off what follows the last newline of a file: a killed writer or a full disk may have left it."""
    if not path.is_file() or path.is_symlink():
        return
    with open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        position = end
        while position > 0:
            start = max(0, position - 65536)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                position = start + newline + 1
                break
            position = start
        if position != end:
            file.truncate(position)


class Tail:
    """Reads a growing file of records piece by piece, and remembers how far it came.

    `skipped` counts whole lines that were not JSON objects: they are skipped, never fatal.
    """

    def __init__(self, path: Path, *, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self.skipped = 0

    def read(self, *, max_bytes: int = LONGEST_LINE) -> list[Record]:
        """Return the records completed since the last call, about `max_bytes` at most; [] if no file is there."""
        records = []
        for line in self.lines(max_bytes=max_bytes):
            record = parse(line)
            if record is None:
                self.skipped += 1
            else:
                records.append(record)
        return records

    def lines(self, *, max_bytes: int = LONGEST_LINE) -> list[bytes]:
        """Return the lines completed since the last call, unparsed; the caller counts those that it skips."""
        try:
            with open_regular(self.path) as file:
                if file.seek(0, os.SEEK_END) < self.offset:  # cut off by a resumed writer, or replaced
                    self.offset = 0
                file.seek(self.offset)
                block = file.read(max_bytes)
                if block and b"\n" not in block:
                    block += file.readline(max(0, LONGEST_LINE - len(block)))
        except OSError as error:
            return _nothing_of(error, self.path)
        if len(block) >= LONGEST_LINE and b"\n" not in block:
            raise _too_long(self.path)
        whole = block[: block.rfind(b"\n") + 1]
        self.offset += len(whole)
        return whole.splitlines()


_BLOCK, _BACKWARDS = 1 << 20, 1 << 16


def read_records(path: Path) -> Iterator[Record]:
    """Yield the whole records of a file; skip a torn last line and lines that are not JSON objects."""
    tail = Tail(path)
    while True:
        before = tail.offset
        yield from tail.read(max_bytes=_BLOCK)
        if tail.offset <= before:
            return


def read_backwards(path: Path) -> Iterator[Record]:
    """Yield what `read_records` yields, the last record first, and read no more of the file than is needed."""
    try:
        file = open_regular(path)
    except OSError as error:
        _nothing_of(error, path)
        return
    with file:
        start = file.seek(0, os.SEEK_END)
        rest, whole = b"", False  # what was read of a line, and whether a newline after it was seen
        while start > 0:
            size = min(
                start, max(_BACKWARDS, len(rest))
            )  # doubled, so that a long line is not copied over and over
            start -= size
            file.seek(start)
            rest = file.read(size) + rest
            if not whole:
                end = rest.rfind(b"\n")
                if end < 0:
                    if len(rest) >= LONGEST_LINE:
                        raise _too_long(path)
                    continue
                rest, whole = rest[:end], True
            rest, *lines = rest.split(b"\n")
            for line in reversed(lines):
                yield from _backwards(line)
            if len(rest) >= LONGEST_LINE:
                raise _too_long(path)
        if whole:
            yield from _backwards(rest)


def _nothing_of(error: OSError, path: Path) -> list[bytes]:
    """Return no lines for a file that is not there.

    Raises:
        UnreadableError: there is something that can't be read.
    """
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return []
    raise UnreadableError.of(error, path) from None


def _too_long(path: Path) -> UnreadableError:
    reason = f"a line of more than {LONGEST_LINE:,} bytes: not the records of a run"
    return UnreadableError.of(OSError(errno.EINVAL, reason), path)


def _backwards(line: bytes) -> Iterator[Record]:
    records = (parse(piece) for piece in reversed(line.splitlines()))
    return (record for record in records if record is not None)


def parse(line: bytes) -> Record | None:
    """Return the JSON object in a line, or None if it holds anything else."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
