"""Strict JSON, and files replaced in one step."""

import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kdtune.errors import DiskError, InputError, RunError
from kdtune.files import (
    check_place,
    open_regular,
    read_json,
    read_regular,
    replace_folder,
    sync,
    temporary_folder,
    this_machine,
    write_bytes,
    write_json,
)
from tests.limits import PATIENCE, at_most


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


def test_a_place_is_tried_before_work_is_done_for_it_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for good in ("new", "deep/er/new", "file"):
        check_place(tmp_path / good, "name another")
    bad = ["file/new", "file/deep/new", "n" * 300, f"{'n' * 300}/new", "n" * 240, "a\0b"]
    for path in [*(tmp_path / name for name in bad), Path("/proc/new"), Path("/proc/deep/new")]:
        with pytest.raises(InputError, match=r"can't be written \(in '.+': .+\): name another$"):
            check_place(path, "name another")
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_in_the_way_is_noticed_before_the_new_one_is_filled(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a").write_text("old")
    with (
        pytest.raises(InputError, match="kept: is in the way"),
        replace_folder(tmp_path / "kept", overwrite=False),
    ):
        raise AssertionError("the block was begun")


_WRITE = """
import os, sys
from pathlib import Path
from kdtune.files import replace_folder, write_bytes
os.umask(int(sys.argv[2], 8))
write_bytes(Path(sys.argv[1]) / "file", b"x")
with replace_folder(Path(sys.argv[1]) / "folder") as new:
    pass
"""


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [("077", 0o600, 0o700), ("002", 0o664, 0o775), ("022", 0o644, 0o755)]
)
def test_the_umask_says_who_may_read(tmp_path: Path, umask: str, file: int, folder: int) -> None:
    subprocess.run([sys.executable, "-c", _WRITE, str(tmp_path), umask], check=True)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == file
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == folder


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of what the disk was waited for, and `->` for each time that something took its name."""
    done: list[str] = []
    real_fsync, real_replace, real_rename = os.fsync, os.replace, os.rename

    def fsync(descriptor: int) -> None:
        done.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        real_fsync(descriptor)

    def replace(source: Path, target: Path) -> None:
        done.append("->")
        real_replace(source, target)

    def rename(source: Path, target: Path) -> None:
        done.append("->")
        real_rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(os, "replace", replace)
    return done


def test_a_durable_file_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, synced: list[str]) -> None:
    write_bytes(tmp_path / "a", b"x")
    assert synced == ["->"], "others need not wait for the disk"
    synced.clear()
    write_bytes(tmp_path / "a", b"x", durable=True)
    content, renamed, folder = synced
    assert content.startswith(".a.")
    assert (renamed, folder) == ("->", tmp_path.name)


def test_a_folder_is_on_the_disk_with_all_that_is_in_it(tmp_path: Path, synced: list[str]) -> None:
    with replace_folder(tmp_path / "kept") as new:
        (new / "inner").mkdir()
        (new / "inner" / "a").write_text("x")
        (new / "b").write_text("x")
        assert synced == []
    before, after = synced[: synced.index("->")], synced[synced.index("->") + 1 :]
    [aside] = [name for name in before if name.startswith(".kept-incomplete")]
    assert sorted(before) == sorted(["a", "inner", "b", aside, tmp_path.name])
    assert after == [tmp_path.name]


def test_temporary_folders_of_killed_processes_are_deleted_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    begin = f"kdtune-tune-{this_machine()}"
    elsewhere, left = tmp_path / "elsewhere", tmp_path / f"{begin}-{ended.pid}-a"
    others = [
        elsewhere,
        tmp_path / f"{begin}-{os.getppid()}-a",  # its process lives
        tmp_path / f"kdtune-tune-00000000-{ended.pid}-a",  # of another machine
        tmp_path / f"kdtune-run-{this_machine()}-{ended.pid}-a",  # of another purpose
        tmp_path / f"{begin}-x",
    ]
    for folder in (left, *others):
        folder.mkdir()
    (elsewhere / "file").write_text("x")
    (left / "link").symlink_to(elsewhere)
    link = tmp_path / f"{begin}-{ended.pid}-link"
    link.symlink_to(elsewhere)
    made = temporary_folder("tune")
    assert made.name.startswith(f"{begin}-{os.getpid()}-")
    assert {*tmp_path.iterdir()} == {made, link, *others}
    assert (elsewhere / "file").exists()


def test_the_disk_is_asked_for_many_files_at_a_time_and_an_error_of_one_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / f"{k}" for k in range(4)]
    for file in files:
        file.write_text("x")
    together = threading.Barrier(len(files), timeout=PATIENCE)  # one after the other, they would wait in vain

    def fsync(descriptor: int) -> None:
        together.wait()
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).name == "2":
            raise OSError(errno.EIO, "a bad sector")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DiskError, match=r"2: can't be written \(a bad sector\)"):
        sync(*files)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "kind"),
    [(fifo, "a FIFO"), (bound, "a socket"), (device, "a device"), (Path.mkdir, "Is a directory")],
)
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    make(Path("x"))
    began = time.process_time()
    with at_most(PATIENCE):
        with pytest.raises(OSError, match=kind):
            open_regular(Path("x"))
        with pytest.raises(RunError, match="x: not readable"):
            read_json(Path("x"))
    assert time.process_time() - began < 1


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "x", "wb") as file:
        file.truncate(1 << 40)  # takes no room
    with pytest.raises(RunError, match=r"1,099,511,627,776 bytes, and .* are the most"):
        read_json(tmp_path / "x")
    (tmp_path / "y").write_bytes(b"123")
    assert read_regular(tmp_path / "y", limit=3) == b"123"
    with pytest.raises(OSError, match="3 bytes, and 2 are the most"):
        read_regular(tmp_path / "y", limit=2)


def test_what_a_killed_process_left_aside_is_deleted_by_the_next_one(tmp_path: Path) -> None:
    """What a living one is filling stays."""
    script = (
        "import os, sys; from pathlib import Path; from kdtune.files import replace_folder\n"
        "with replace_folder(Path(sys.argv[1])) as new:\n"
        "    (new / 'a').write_text('half'); print(flush=True); sys.stdin.read()\n"
    )
    folder = tmp_path / "out"
    command = [sys.executable, "-c", script, str(folder)]
    half = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for process in half:
        assert process.stdout is not None
        process.stdout.readline()
    half[0].kill()
    half[0].communicate()
    assert len(os.listdir(tmp_path)) == 2
    with replace_folder(folder) as new:
        (new / "a").write_text("whole")
    assert len(os.listdir(tmp_path)) == 2, "the result, and what the other process is filling"
    assert (folder / "a").read_text() == "whole"
    half[1].communicate(timeout=PATIENCE)
    assert os.listdir(tmp_path) == ["out"]
