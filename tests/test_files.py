"""Strict JSON, and files replaced in one step."""

import os
from pathlib import Path

import pytest

from kdtune.errors import RunError
from kdtune.files import read_json, write_json


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not readable as JSON"), (b"{", "not readable"), (b"\xff", "not readable"), (b"[1]", "holds a list"),
     (b"[" * 100_000, "not readable")],
)  # fmt: skip
def test_damaged_json_names_the_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=message) as caught:
        read_json(path)
    assert str(path) in str(caught.value)


def test_missing_json_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run\.json: missing"):
        read_json(tmp_path / "run.json")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    write_json(path, {"a": 1})

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["run.json"]
