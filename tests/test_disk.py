"""Disks that are full, read-only, or gone: real small file systems, if this machine can mount them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdtune.cli import main
from kdtune.errors import DiskError, KdtuneError
from kdtune.files import write_bytes
from kdtune.runs.jsonl import LineWriter, read_records
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import open_run
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE

Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Return a function that mounts a file system in memory; skip the test if that is not allowed."""
    mounted: list[Path] = []

    def make(size: str) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("this machine lets no file system be mounted; see the test with a limited file size")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)


def fill(folder: Path) -> Path:
    """Write a file until not a byte is left."""
    filler = folder / "filler"
    with open(filler, "ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


def test_a_full_disk_takes_a_record_whole_or_not_at_all(mount: Mount) -> None:
    disk = mount("64k")
    writer = LineWriter(disk / "x.jsonl")
    written = []

    def write_on() -> None:
        for k in range(10_000):
            writer.append({"k": k, "x": "y" * 999})
            written.append(k)

    with pytest.raises(DiskError, match=r"x\.jsonl: can't be written \(No space left on device\): make room"):
        write_on()
    assert written
    assert (disk / "x.jsonl").read_bytes().endswith(b"\n")
    assert [record["k"] for record in read_records(disk / "x.jsonl")] == written
    with pytest.raises(DiskError):
        writer.append({"k": -1, "x": "y" * 5000})
    writer.append({"k": "short"})  # what is left of the last page
    writer.close()
    assert [record["k"] for record in read_records(disk / "x.jsonl")] == [*written, "short"]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from kdtune.errors import DiskError
from kdtune.runs.jsonl import LineWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
writer = LineWriter(Path(sys.argv[1]))
k = 0
try:
    while True:
        writer.append({"k": k, "x": "y" * 777})
        k += 1
except DiskError as error:
    print(k)
    print(error)
"""


def test_a_file_that_may_not_grow_stays_whole(tmp_path: Path) -> None:
    """The same with a limit on the file's size, which needs no rights, in case nothing can be mounted."""
    path = tmp_path / "x.jsonl"
    command = [sys.executable, "-c", LIMITED, str(path)]
    number, said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "can't be written (File too large)" in said
    assert [record["k"] for record in read_records(path)] == list(range(int(number)))
    assert path.read_bytes().endswith(b"\n")


def test_a_file_is_replaced_whole_or_not_at_all(mount: Mount) -> None:
    disk = mount("64k")
    write_bytes(disk / "c", b"old" * 1000)
    with pytest.raises(DiskError, match="make room"):
        write_bytes(disk / "c", b"new" * 100_000)
    assert (disk / "c").read_bytes() == b"old" * 1000
    assert os.listdir(disk) == ["c"]


@pytest.mark.parametrize("how", ["deleted", "moved", "taken"])
def test_a_file_that_is_gone_is_noticed_at_the_next_record(mount: Mount, tmp_path: Path, how: str) -> None:
    path = mount("1m") / "x.jsonl" if how == "taken" else tmp_path / "x.jsonl"
    writer = LineWriter(path)
    writer.append({"k": 1})
    if how == "taken":
        subprocess.run(["umount", "-l", path.parent], check=True)
    elif how == "moved":
        path.rename(tmp_path / "y.jsonl")
    else:
        path.unlink()
    with pytest.raises(DiskError, match=r"x\.jsonl: is gone"):
        writer.append({"k": 2})
    writer.close()


def test_a_journal_that_the_disk_cut_short_is_read_when_there_is_room(mount: Mount) -> None:
    """The full disk meets Optuna's own writer, between any two bytes of what it appends."""
    from kdtune.runs.measures.objectives import MEASURES, Objective
    from kdtune.sweep.trials.optuna_study import open_study

    objectives = [
        Objective("accuracy", MEASURES["accuracy"], "all"),
        Objective("eod", MEASURES["eod"], "sex"),
    ]
    disk = mount("128k")
    journal = disk / "study.journal"
    study = open_study(journal, objectives)
    for _ in range(3):
        trial = study.ask()
        trial.suggest_float("temperature", 1, 40)
        study.tell(trial, [0.5, 0.5])
    filler = fill(disk)
    begun = 3

    def go_on() -> None:
        nonlocal begun
        for _ in range(1000):
            study.ask().suggest_float("temperature", 1, 40)
            begun += 1

    with pytest.raises(OSError, match="No space left"):
        go_on()
    filler.unlink()
    again = open_study(journal, objectives)
    trials = again.get_trials()
    assert begun <= len(trials) <= begun + 1
    assert [t.state.name for t in trials[:3]] == ["COMPLETE"] * 3
    trial = again.ask()
    again.tell(trial, [0.1, 0.2])
    assert len(open_study(journal, objectives).get_trials()) == len(trials) + 1


def test_a_read_only_disk_is_said_and_can_be_read(
    mount: Mount, tmp_path: Path, capsys: pytest.CaptureFixture[str], small_space: Path
) -> None:
    from tests.test_bad_input import run

    disk = mount("1m")
    run()(disk)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    runs = ["--runs-dir", str(disk / "runs")]
    assert main(["status", "r", *runs]) == 0
    assert "trials of 1: 1 done" in capsys.readouterr().out
    for command in (
        ["search", str(small_space)],
        ["search", "--resume", "r"],
        ["runs", "--delete", "r", "--yes"],
        ["log", "r", "--to", "tensorboard"],
        ["export", "r", "--list"],
    ):
        code = main([*command, *runs])
        said = capsys.readouterr().err
        if "--list" in command:
            assert code == 0
            continue
        assert (code, "Traceback" in said) == (1, False), said
        assert said.count("can't be written (Read-only file system): the disk is read-only") == 1, said
        assert str(disk) in said


@pytest.fixture
def small_space(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL_SPACE))
    return path


def test_an_export_that_does_not_fit_leaves_nothing(mount: Mount, small_run: Any) -> None:
    from kdtune.report.export.run import ExportRequest, run_export

    disk = mount("200k")
    with pytest.raises(KdtuneError, match="No space left on device"):
        run_export(ExportRequest(run=small_run.path, out=disk / "out", pick=["knee"]))
    assert os.listdir(disk) == []


def test_links_in_a_run_are_not_written_through(tmp_path: Path) -> None:
    from kdtune.errors import RunError
    from kdtune.sweep.driver import SweepRequest, run_sweep
    from tests.test_bad_input import run

    run()(tmp_path)
    files = RunFiles(tmp_path / "runs" / "r")
    precious = tmp_path / "precious"
    precious.write_text("mine, without a newline")
    for victim in (files.events, files.lock, files.log, files.journal):
        kept = victim.read_bytes() if victim.exists() else None
        victim.unlink(missing_ok=True)
        victim.symlink_to(precious)
        with pytest.raises(RunError, match="is a link"):
            run_sweep(SweepRequest(files, None))
        with pytest.raises(DiskError):
            LineWriter(victim)
        assert precious.read_text() == "mine, without a newline"
        victim.unlink()
        if kept is not None:
            victim.write_bytes(kept)


def test_the_lock_that_optuna_leaves_when_a_driver_is_killed_is_no_such_link(tmp_path: Path) -> None:
    from optuna.storages.journal import JournalFileSymlinkLock

    from kdtune.runs.paths import check_no_links

    files = RunFiles(tmp_path)
    files.journal.touch()
    JournalFileSymlinkLock(str(files.journal)).acquire()
    left = [path for path in tmp_path.iterdir() if path.is_symlink()]
    assert left, "Optuna's lock is a link"
    check_no_links(files)
    left[0].rename(tmp_path / f"{left[0].name}0123.rename")  # killed while releasing it
    check_no_links(files)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_sweep_whose_disk_fills_up_goes_on_when_there_is_room(
    mount: Mount, small_run: Any, small_space: Path
) -> None:
    """Three times: filled at a random moment, the sweep says so and ends; with room again it finds the same."""
    disk = mount("40m")
    first = ["search", str(small_space), "--name", "full"]
    said = []
    for _ in range(3):
        search = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "kdtune.cli",
                *(first or ["search", "--resume", "full"]),
                "--runs-dir",
                str(disk),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        first = []
        events = disk / "full" / "events.jsonl"
        before = reports(events)
        deadline = time.monotonic() + PATIENCE
        while reports(events) < before + 1 and search.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        filler = fill(disk)
        _, err = search.communicate(timeout=PATIENCE)
        filler.unlink()
        for path in disk.rglob("*.jsonl"):
            for line in path.read_bytes().splitlines():
                json.loads(line)
        if search.returncode == 0:
            break
        assert search.returncode == 1, err
        assert "No space left on device" in err, err
        assert "Traceback" not in err
        assert f"--resume {disk / 'full'}" in err
        said.append(err)
    assert said
    command = [sys.executable, "-m", "kdtune.cli", "search", "--resume", "full", "--runs-dir", str(disk)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    run = open_run(disk / "full")
    assert set(run.trials()["state"]) == {"done"}
    ours, theirs = (r.trials().drop(columns=["seconds", "message"]) for r in (run, small_run))
    import pandas

    pandas.testing.assert_frame_equal(ours, theirs, check_exact=True)


def reports(events: Path) -> int:
    return events.read_text().count('"kind":"report","id":"t0') if events.exists() else 0


def test_tune_never_hears_of_a_disk_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tune would mistake it for a failure of the trial; the sweep ends instead, and nothing more is recorded."""
    from kdtune.sweep.tune.searcher import StudySearcher

    class BrokenManager:
        broken: OSError | None = None
        calls = 0

        def fail(self, *arguments: Any, **options: Any) -> Any:
            self.calls += 1
            raise DiskError("run/events.jsonl: can't be written")

        next_proposal = record = close = fail

    for name, call in {
        "suggest": lambda s: s.suggest("a"),
        "goes_on": lambda s: s.goes_on("b", {}),
        "complete": lambda s: s.on_trial_complete("b", {}),
    }.items():
        manager = BrokenManager()
        searcher = StudySearcher(manager, workers=lambda: 2, why_lost=lambda numbers: "")  # type: ignore[arg-type]
        monkeypatch.setattr(searcher, "_live", {"b": type("Proposal", (), {"numbers": (0,)})()})
        assert not call(searcher), name
        assert isinstance(manager.broken, DiskError)
        assert searcher.goes_on("b", {}) is False if name != "complete" else True
        assert searcher.suggest("c") in (None, "FINISHED")
        assert manager.calls == 1, "after the first failure nothing is recorded"
