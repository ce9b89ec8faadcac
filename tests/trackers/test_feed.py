"""What a tracker's failure does, and what it does not: the run is as it was, and the rest can be logged later."""

import gc
import shutil
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest
from filelock import FileLock

import kdtune
from kdtune.cli import main
from kdtune.errors import InputError, RunError, SpaceError
from kdtune.runs import Run
from kdtune.runs.paths import RunFiles
from kdtune.space.questions import check_question
from kdtune.space.reading import parse_space
from kdtune.trackers import TRACKERS, feed, live
from kdtune.trackers.feed import TrackerError, lines_about, log_run
from kdtune.trackers.tracker import metric_names
from tests.conftest import TINY_SPACE

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated"  # MLflow's own tables, with SQLAlchemy 2.1
)


class Diary:
    """A tracker that writes into a list, and raises once at a given report."""

    written: ClassVar[list[Any]] = []
    raise_at = -1
    where = "a list"

    def log(self, model: Any, values: Any, time: float) -> None:
        if len(self.written) == self.raise_at:
            Diary.raise_at = -1
            raise ConnectionError("the server\nis gone")
        self.written.append((model.id, model.epoch))

    def end(self, model: Any, time: float) -> None:
        pass

    log_sweep = end_sweep = lambda self, *args: None

    def close(self) -> None:
        pass


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> type[Diary]:
    monkeypatch.setattr(Diary, "written", [])
    monkeypatch.setattr(Diary, "raise_at", -1)
    monkeypatch.setattr(feed, "make_tracker", lambda *_: Diary())
    return Diary


def test_what_a_tracker_raises_is_one_line_and_the_rest_is_logged_later(run: Run, diary: type[Diary]) -> None:
    diary.raise_at = 5
    with pytest.raises(TrackerError, match=r"^mlflow: ConnectionError: the server is gone$"):
        log_run(run.files, "mlflow")
    assert log_run(run.files, "mlflow") == "mlflow: logged 11 reports of small to a list"
    assert len(diary.written) == len(set(diary.written)) == 16, "each report once"


def test_a_run_that_goes_on_is_logged_on(run: Run, diary: type[Diary]) -> None:
    events = run.files.events.read_bytes()
    lines = events.splitlines(keepends=True)
    run.files.events.write_bytes(b"".join(lines[: len(lines) // 2]))
    log_run(run.files, "wandb")
    first = len(diary.written)
    assert 0 < first < 16
    run.files.events.write_bytes(events)
    assert log_run(run.files, "wandb") == f"wandb: logged {16 - first} reports of small to a list"
    assert len(set(diary.written)) == 16


def test_another_place_is_named(run: Run, diary: type[Diary], monkeypatch: pytest.MonkeyPatch) -> None:
    log_run(run.files, "mlflow")
    monkeypatch.setattr(Diary, "where", "another list")
    with pytest.raises(
        RunError, match=r"was logged to a list, and what you now name is another list: --again"
    ):
        log_run(run.files, "mlflow")
    assert log_run(run.files, "mlflow", again=True) == "mlflow: logged 16 reports of small to another list"


def test_a_place_that_took_nothing_is_no_place(
    run: Run, diary: type[Diary], monkeypatch: pytest.MonkeyPatch
) -> None:
    diary.raise_at = 0
    with pytest.raises(TrackerError):
        log_run(run.files, "wandb")
    monkeypatch.setattr(Diary, "where", "another list")
    assert log_run(run.files, "wandb") == "wandb: logged 16 reports of small to another list"


def test_one_process_logs_at_a_time(run: Run, diary: type[Diary]) -> None:
    path = run.files.tracker("mlflow").with_suffix(".lock")
    path.parent.mkdir()
    with FileLock(path):
        assert feed._line_about(run.files, "mlflow") == "mlflow: not done yet; its process goes on to the end"
    with FileLock(path), pytest.raises(RunError, match="another process logs small now"):
        log_run(run.files, "mlflow")
    assert not diary.written


def test_a_damaged_memory_says_what_to_do(run: Run, diary: type[Diary]) -> None:
    log_run(run.files, "mlflow")
    run.files.tracker("mlflow").write_text("{}")
    with pytest.raises(RunError, match=r"mlflow.json: damaged .* delete it"):
        log_run(run.files, "mlflow")


def test_nothing_is_written_through_a_link(run: Run, here: Path, diary: type[Diary]) -> None:
    (here / "elsewhere").mkdir()
    run.files.tracker("mlflow").parent.symlink_to(here / "elsewhere")
    with pytest.raises(RunError, match="is a link"):
        log_run(run.files, "mlflow")


@pytest.mark.usefixtures("ray_session")
def test_a_tracker_that_fails_does_not_fail_the_sweep(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live, "PATIENCE", 600.0)  # a busy machine may take a minute to import MLflow
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{here}/no/such/folder/mlflow.db")
    (here / "no").write_text("a file where a folder would have to be")
    space = {**TINY_SPACE, "log": ["tensorboard", "mlflow"]}
    run = kdtune.search(space, name="tiny", directory=here / "runs", progress=False)
    assert run.status().state == "finished"
    said = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith(("tensorboard", "mlflow"))
    ]
    assert said[0] == f"tensorboard: logged 3 reports to {run.path.resolve()}/trackers/tensorboard"
    assert said[1].startswith("mlflow: not everything was logged: ")
    assert said[1].endswith(f"what is missing: kdtune log {run.path.resolve()} --to mlflow")
    assert len(said) == 2
    assert lines_about(run.files) == said
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{here}/mlflow.db")
    assert log_run(run.files, "mlflow").startswith("mlflow: logged 3 reports of tiny to sqlite:///")


def test_a_tracker_that_needs_longer_than_the_sweep_waits_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.0)
    with live.followed_by_trackers(run.files) as follow:
        follow(["tensorboard"])
    (waiting,) = (thread for thread in threading.enumerate() if thread.name == live.THREAD)
    gc.collect()  # nobody else knows of the process
    waiting.join()
    assert feed._line_about(run.files, "tensorboard").startswith("tensorboard: logged 16 reports to ")


def test_from_the_command_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", str(run.path), "--to", "tensorboard"]) == 0
    assert main(["log", str(run.path), "--to", "tensorboard"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("tensorboard: logged 16 reports of small to ")
    assert second.startswith("tensorboard: nothing new: ")


def test_a_tracker_that_is_not_installed_is_refused_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kdtune.trackers.find_spec", lambda name: None)
    space = parse_space({**TINY_SPACE, "log": ["wandb"]}, "mine.yaml")
    with pytest.raises(InputError, match=r"wandb is not installed: pip install 'kdtune\[wandb\]'"):
        check_question(space)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (["neptune"], "'tensorboard', 'mlflow', 'wandb' or 'trackio'"),
        (["mlflow", "mlflow"], "log: 'mlflow' is listed 2 times"),
    ],
)
def test_a_space_names_known_trackers_once(log: list[str], said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        parse_space({**TINY_SPACE, "log": log}, "mine.yaml")


def test_all_trackers_may_be_named() -> None:
    assert tuple(parse_space({**TINY_SPACE, "log": list(TRACKERS)}, "mine.yaml").log) == TRACKERS


def test_names_that_every_tracker_takes() -> None:
    given = {
        "eod@race": 0.1,
        "accuracy@race=A+": 0.2,
        "accuracy@race=A-": 0.3,
        "accuracy@race=A*": 0.4,
        "f1": float("nan"),
    }
    assert metric_names(given) == {
        "eod/race": 0.1, "accuracy/race_A-": 0.3, "accuracy/race_A_": 0.4, "accuracy/race_A_-2": 0.2
    }  # fmt: skip


def test_a_copy_of_a_run_knows_what_was_logged(run: Run, here: Path, diary: type[Diary]) -> None:
    log_run(run.files, "mlflow")
    shutil.copytree(run.path, here / "runs" / "copy")
    assert "nothing new" in log_run(RunFiles(here / "runs" / "copy"), "mlflow")
