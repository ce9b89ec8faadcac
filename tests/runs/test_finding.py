"""Creating and finding runs: names, and messages that say what is there."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kdtune.errors import RunError
from kdtune.files import write_json
from kdtune.runs.finding import create_run, find_run, list_runs
from kdtune.runs.lock import beat
from kdtune.runs.paths import RunFiles, runs_dir


def make(base: Path, name: str) -> RunFiles:
    files = create_run(base, name, "x")
    write_json(files.record, {"name": name})
    return files


@pytest.mark.parametrize("name", ["a", "A-1", "0.5_x", "x" * 100])
def test_valid_run_names(tmp_path: Path, name: str) -> None:
    assert create_run(tmp_path, name, "x").root == tmp_path / name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-x", "a/b", "../a", "a b", "ä", "x" * 101, "a\n"]
)
def test_invalid_run_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="can't name a run"):
        create_run(tmp_path, name, "x")
    assert list(tmp_path.iterdir()) == []


def test_a_taken_name_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    create_run(tmp_path, "a", "x")
    with pytest.raises(RunError, match=r"exists: choose another --name.*--resume \S*a$"):
        create_run(tmp_path, "a", "x")


@pytest.mark.parametrize("name", ["plain", "a b", "[red]x", "--json", "-x", "it's", "日本"])
@pytest.mark.parametrize("place", ["runs", "elsewhere", "else where/-deep"])
def test_what_a_command_is_told_to_name_a_run_by_finds_that_run(
    name: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KDTUNE_RUNS", raising=False)
    other, files = RunFiles(Path("runs") / "other"), RunFiles(Path(place) / name)
    for one in (other, files):
        one.root.mkdir(parents=True)
        write_json(one.record, {})
    assert other.argument == "other"
    [typed] = shlex.split(files.argument)
    assert not typed.startswith("-")
    assert find_run(typed).root.resolve() == files.root.resolve()
    monkeypatch.setenv("KDTUNE_RUNS", place)
    [typed] = shlex.split(files.argument)
    assert not typed.startswith("-")
    assert find_run(typed).root.resolve() == files.root.resolve()


def test_a_run_has_its_folders_name_whatever_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = make(tmp_path / "runs", "r").root / "trials"
    inner.mkdir()
    monkeypatch.chdir(inner.parent)
    assert find_run(".").name == "r"
    monkeypatch.chdir(inner)
    assert find_run("..").name == "r"
    [typed] = shlex.split(find_run("..").argument)
    assert find_run(typed).name == "r"


def test_without_a_name_the_first_free_number_is_taken(tmp_path: Path) -> None:
    base = tmp_path / "deep" / "runs"
    assert [create_run(base, None, "sweep").root.name for _ in range(3)] == ["sweep-1", "sweep-2", "sweep-3"]
    shutil.rmtree(base / "sweep-2")
    assert create_run(base, None, "sweep").root.name == "sweep-2"


def test_the_newest_run_is_found_without_a_name(tmp_path: Path) -> None:
    for name in ("b", "c", "a"):
        make(tmp_path, name)
    (tmp_path / "not-a-run").mkdir()
    assert [files.root.name for files in list_runs(tmp_path)] == ["b", "c", "a"]
    assert find_run(None, tmp_path).root.name == "a"


def test_a_run_is_found_by_name_and_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / "runs"
    files = make(base, "mine")
    monkeypatch.chdir(tmp_path)
    for run in ("mine", "runs/mine", files.root, str(files.root), Path("runs") / "mine"):
        assert find_run(run).root.resolve() == files.root.resolve()
    monkeypatch.chdir("/")
    assert find_run("mine", base).root == files.root


def test_a_name_counts_before_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "same")
    inside = make(tmp_path / "runs", "same")
    monkeypatch.chdir(tmp_path)
    assert find_run("same").root.resolve() == inside.root.resolve()


def test_a_run_that_is_deleted_meanwhile_hides_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "run.json").write_text("{}")
    found = [tmp_path / "gone" / "run.json", tmp_path / "here" / "run.json"]
    monkeypatch.setattr(Path, "glob", lambda *_: iter(found))
    assert [files.name for files in list_runs(tmp_path)] == ["here"]


def test_a_run_that_has_lost_its_record_is_listed_and_is_not_the_newest(tmp_path: Path) -> None:
    whole = make(tmp_path, "whole")
    for folder in ("lost/trials", "other", "another/trials"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("lost", "other"):  # what trained no model is no run
        (tmp_path / name / "events.jsonl").touch()
    assert {files.name for files in list_runs(tmp_path)} == {"whole", "lost"}
    assert find_run(None, tmp_path).root == whole.root
    with pytest.raises(RunError, match=r"there: (whole, lost|lost, whole)\)"):
        find_run("x", tmp_path)


def test_names_of_folders_begin_no_line_of_a_message(tmp_path: Path) -> None:
    (tmp_path / "two\nlines").mkdir()
    (tmp_path / "two\nlines" / "run.json").write_text("{}")
    with pytest.raises(RunError, match=r"there: two\\nlines"):
        find_run("none", tmp_path)


def test_an_unknown_run_says_what_is_there(tmp_path: Path) -> None:
    make(tmp_path, "default-1")
    with pytest.raises(RunError) as caught:
        find_run("defualt-1", tmp_path)
    message = str(caught.value)
    assert "no run 'defualt-1'" in message
    assert str(tmp_path) in message
    assert "did you mean 'default-1'?" in message
    assert "(there: default-1)" in message


@pytest.mark.parametrize("folder", ["", "missing"])
def test_no_run_at_all_says_how_to_start(tmp_path: Path, folder: str) -> None:
    with pytest.raises(RunError, match="kdtune search"):
        find_run(None, tmp_path / folder)
    with pytest.raises(RunError, match="no run 'x'"):
        find_run("x", tmp_path / folder)


def test_a_run_in_preparation_has_its_own_message(tmp_path: Path) -> None:
    create_run(tmp_path, "young", "x")
    with pytest.raises(RunError, match=r"no run\.json.*prepared"):
        find_run("young", tmp_path)


def test_runs_dir_is_the_one_given_then_the_variable_then_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KDTUNE_RUNS", "/elsewhere")
    assert runs_dir(Path("here")) == Path("here")
    assert runs_dir() == Path("/elsewhere")
    monkeypatch.setenv("KDTUNE_RUNS", "")
    assert runs_dir() == Path("runs")


_BEGIN = """
import sys, time
from pathlib import Path
from kdtune.runs.finding import create_run
create_run(Path(sys.argv[1]), "young", "x")
print("made", flush=True)
time.sleep(600)
"""


def test_a_run_killed_before_its_driver_held_the_lock_gives_its_name_back(tmp_path: Path) -> None:
    """While whoever made the folder lives, it is his; `--resume` says that nothing was recorded."""
    maker = subprocess.Popen([sys.executable, "-c", _BEGIN, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert maker.stdout is not None
    assert maker.stdout.readline() == "made\n"
    with pytest.raises(RunError, match="exists"):
        create_run(tmp_path, "young", "x")
    with pytest.raises(RunError, match="still being prepared"):
        find_run("young", tmp_path)
    os.kill(maker.pid, signal.SIGKILL)
    time.sleep(0.2)  # not waited for yet: a zombie drives nothing
    files = RunFiles(tmp_path / "young")
    for left in (files.log, files.events):
        left.touch()
    for aside in (f".{files.record.name}.0a1b2c3d", f".{files.heartbeat.name}.k_7x9q2z"):
        (files.root / aside).write_text("{")
    beat(files)
    with pytest.raises(RunError, match="ended before it recorded anything"):
        find_run("young", tmp_path)
    made = create_run(tmp_path, "young", "x")
    assert [path.name for path in made.root.iterdir()] == ["lock"]
    maker.communicate()


def test_an_empty_folder_is_free_and_one_with_files_of_others_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    create_run(tmp_path, "empty", "x")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="exists"):
        create_run(tmp_path, "used", "x")


def test_another_machine_may_take_minutes_to_prepare_a_run(tmp_path: Path) -> None:
    files = create_run(tmp_path, "there", "x")
    files.lock.write_text(f"process 1 on not-{socket.gethostname()}")
    with pytest.raises(RunError, match="exists"):
        create_run(tmp_path, "there", "x")
    os.utime(files.lock, (time.time() - 1000, time.time() - 1000))
    create_run(tmp_path, "there", "x")
