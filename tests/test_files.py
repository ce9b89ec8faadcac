"""Strict JSON, and files replaced in one step."""

import os
from pathlib import Path

import pytest

from kdtune.errors import DiskError, InputError, RunError
from kdtune.files import read_json, replace_folder, write_json


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


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "kept"
    for content in ("first", "second"):
        with replace_folder(folder) as new:
            assert not folder.exists() or (folder / "a").read_text() == "first"
            (new / "a").write_text(content)
        assert (folder / "a").read_text() == content
        assert os.listdir(folder.parent) == ["kept"]
    assert oct(folder.stat().st_mode)[-3:] == "755"


def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    with replace_folder(tmp_path / "kept") as new:
        (new / "a").write_text("old")

    def write_half() -> None:
        with replace_folder(tmp_path / "kept") as new:
            (new / "a").write_text("new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert os.listdir(tmp_path) == ["kept"]
    assert (tmp_path / "kept" / "a").read_text() == "old"


def test_a_folder_that_must_not_be_overwritten_is_kept(tmp_path: Path) -> None:
    def write(name: str) -> None:
        with replace_folder(tmp_path / name, overwrite=False) as new:
            (new / "a").write_text("new")

    (tmp_path / "kept").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "kept" / "a").write_text("old")
    with pytest.raises(InputError, match="kept: is in the way"):
        write("kept")
    write("empty")
    assert (tmp_path / "kept" / "a").read_text() == "old"
    assert (tmp_path / "empty" / "a").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["empty", "kept"]


def test_a_file_in_the_way_of_a_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")

    def write() -> None:
        with replace_folder(tmp_path / "taken") as new:
            (new / "a").write_text("new")

    with pytest.raises(InputError, match="taken: is in the way"):
        write()
    assert os.listdir(tmp_path) == ["taken"]
    assert (tmp_path / "taken").read_text() == "mine"


def test_two_that_fill_one_place_leave_one_whole_folder(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with replace_folder(folder) as first:
        (first / "a").write_text("first")
        with replace_folder(folder) as second:
            (second / "a").write_text("second")
            (second / "b").write_text("second")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "first"}
    assert os.listdir(tmp_path) == ["kept"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    def write() -> None:
        with replace_folder(tmp_path / "file" / "kept"):
            pass

    with pytest.raises(DiskError, match="kept: can't be written"):
        write()
