"""Append-only records: what a reader sees in a file that grows, is torn, or is cut off."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.files import dumps
from kdtune.runs.jsonl import LineWriter, Tail, read_records

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def nan_as_none(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: nan_as_none(item) for key, item in value.items()}
    if isinstance(value, list):
        return [nan_as_none(item) for item in value]
    return value


@given(json_values)
def test_dumps_is_strict_json_on_one_line(value: object) -> None:
    line = dumps(value)
    assert not {"\n", "\r"} & set(line)
    parsed = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert parsed == nan_as_none(value)


def test_a_file_name_that_is_no_unicode_can_be_recorded(tmp_path: Path) -> None:
    name = b"caf\xe9".decode(errors="surrogateescape")
    writer = LineWriter(tmp_path / "x.jsonl")
    writer.append({"class": name})
    writer.close()
    assert list(read_records(tmp_path / "x.jsonl")) == [{"class": name}]


def test_torn_last_line_is_not_read_and_is_cut_on_append(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":2')
    assert list(read_records(path)) == [{"a": 1}]
    writer = LineWriter(path)
    writer.append({"a": 3})
    writer.close()
    assert path.read_bytes() == b'{"a":1}\n{"a":3}\n'


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 200_000])
@pytest.mark.parametrize("head", [b"", b'{"a":1}\n'])
def test_a_long_torn_line_is_cut_whole(tmp_path: Path, head: bytes, size: int) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(head + b"x" * size)
    LineWriter(path).close()
    assert path.read_bytes() == head


def test_a_file_that_ends_whole_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}\nnot json\n')
    LineWriter(path).close()
    assert path.read_bytes() == b'{"a":1}\nnot json\n'


def test_lines_that_are_no_objects_are_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [
        b'{"a":1}', b"oops", b"[1]", b"3", b"", b"\xff\xfe", b"\x00\x00", b"[" * 100_000, b"9" * 5000, b'{"a":2}'
    ]  # fmt: skip
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    tail = Tail(path)
    assert tail.read() == [{"a": 1}, {"a": 2}]
    assert tail.skipped == len(lines) - 2


@given(
    records=st.lists(st.dictionaries(st.text(), st.text()), max_size=6),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    piece=st.integers(1, 50),
)
def test_a_growing_file_is_read_once_however_it_is_cut(
    new_folder: Callable[[], Path], records: list[dict[str, str]], cuts: list[int], piece: int
) -> None:
    """However writes and reads are divided into pieces, each record is seen once and in order."""
    path = new_folder() / "x.jsonl"
    content = b"".join(dumps(record).encode() + b"\n" for record in records)
    tail = Tail(path)
    seen = tail.read()
    assert seen == []
    written = 0
    for cut in [*sorted(cuts), len(content)]:
        with open(path, "ab") as file:
            file.write(content[written : max(written, cut)])
        written = min(max(written, cut), len(content))
        seen += tail.read(max_bytes=piece)
        whole = content[:written].count(b"\n")
        assert len(seen) <= whole
    while more := tail.read(max_bytes=piece):
        seen += more
    assert seen == records
    assert tail.skipped == 0


def test_a_file_cut_off_under_the_reader_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":2}\n')
    tail = Tail(path)
    assert len(tail.read()) == 2
    path.write_bytes(b'{"b":1}\n')
    assert tail.read() == [{"b": 1}]
    path.unlink()
    assert tail.read() == []


def test_a_torn_tail_cut_under_the_reader_loses_and_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}\n{"torn":')
    tail = Tail(path)
    assert tail.read() == [{"a": 1}]
    writer = LineWriter(path)
    assert tail.read() == []
    writer.append({"a": 2}, durable=True)
    writer.close()
    assert tail.read() == [{"a": 2}]


def test_a_write_that_falls_short_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A raw file may accept only part of a line; the rest must follow, or the next record would be lost too."""
    writer = LineWriter(tmp_path / "x.jsonl")

    class Slow:
        def __init__(self, file: object) -> None:
            self.file = file

        def write(self, content: bytes) -> int:
            return int(self.file.write(content[:3]))  # type: ignore[attr-defined]

        def fileno(self) -> int:
            return int(self.file.fileno())  # type: ignore[attr-defined]

        def close(self) -> None:
            self.file.close()  # type: ignore[attr-defined]

    monkeypatch.setattr(writer, "_file", Slow(writer._file))
    writer.append({"a": "long enough"})
    writer.append({"a": 2})
    writer.close()
    assert list(read_records(tmp_path / "x.jsonl")) == [{"a": "long enough"}, {"a": 2}]


def test_a_folder_in_place_of_the_parent_reads_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Tail(tmp_path / "file" / "x.jsonl").read() == []
