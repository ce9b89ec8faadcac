"""`kdtune.search`, `study`, `export` and `open_run` from Python: their arguments, and what they refuse."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import kdtune
from kdtune.cli import main
from kdtune.errors import InputError, RunError
from kdtune.files import read_json
from kdtune.runs.paths import RunFiles
from kdtune.runs.writer import RunWriter
from tests.conftest import TINY_SPACE


def test_options_are_those_of_the_command_and_a_run_is_resumed(
    ray_session: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_models.py").write_text("import kdtune\nLOADED = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    run = kdtune.search(
        TINY_SPACE,
        "r",
        workers=1,
        keep="all",
        max_failures=1,
        seed=3,
        imports=["my_models"],
        directory=tmp_path,
        progress=False,
    )
    space = run.record.space
    assert (space["resources"]["workers"], space["resources"]["max_failures"]) == (1, 1)
    assert (space["keep"], space["seed"], space["imports"]) == ("all", 3, ["my_models"])
    resumed = kdtune.search(resume=run, trials=np.int64(2), imports=["my_models"], progress=False)
    assert resumed.path == run.path
    assert resumed.trials()["state"].tolist() == ["done", "done"]

    later = kdtune.search(
        TINY_SPACE, "later", warm_start="r", seed=4, imports=["my_models"], directory=tmp_path, progress=False
    )
    assert later.record.known == {"run": "r", "path": str(run.path.resolve()), "trials": 2, "left_out": 0}
    assert len(later.trials()) == 1
    assert len(read_json(later.files.known)["trials"]) == 2
    with pytest.raises(InputError, match=r"budget\.epochs"):
        kdtune.search(
            {**TINY_SPACE, "budget": {"trials": 1, "epochs": 2}},
            warm_start=run,
            directory=tmp_path,
            progress=False,
        )
    assert sorted(item.name for item in tmp_path.iterdir() if item.is_dir() and item.name[0] != "_") == [
        "later",
        "r",
    ], "a refused sweep leaves nothing"


def test_what_a_resumed_run_was_asked_for_stays(small_run: Any) -> None:
    with pytest.raises(InputError, match="leave out space, seed"):
        kdtune.search("default", resume=small_run, seed=1)
    with pytest.raises(InputError, match=r"is a sweep: kdtune.search\(resume='small'\)"):
        kdtune.study(resume=small_run)


@pytest.mark.parametrize("by", ["python", "command"])
def test_a_finished_run_that_needs_a_module_has_not_failed_because_it_was_not_named(
    small_run: Any, tmp_path: Path, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(small_run.path, tmp_path / "r"))
    record = json.loads((folder / "run.json").read_text())
    record["space"]["imports"] = ["their_module"]
    (folder / "run.json").write_text(json.dumps(record))
    if by == "python":
        with pytest.raises(InputError, match="say --import their_module"):
            kdtune.search(resume=folder, trials=9, progress=False)
    else:
        assert main(["search", "--resume", str(folder), "--trials", "9", "--headless"]) == 2
        assert "say --import their_module" in capsys.readouterr().err
    assert kdtune.open_run(folder).status().state == "finished"


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_a_run_whose_data_have_changed_stays_as_it_was(
    small_run: Any, tmp_path: Path, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(small_run.path, tmp_path / "r"))
    writer = RunWriter(RunFiles(folder))
    writer.run_state(state, "")
    writer.close()
    record = json.loads((folder / "run.json").read_text())
    record["dataset"]["fingerprint"] = "of other data"
    (folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match="the data have changed"):
        kdtune.search(resume=folder, progress=False)
    status = kdtune.open_run(folder).status()
    assert status.state == state
    assert status.message.startswith("it could not be resumed: ")
    assert main(["search", "--resume", str(folder), "--headless"]) == 2
    assert "r stays as it was: it could not be resumed: " in capsys.readouterr().err


def test_an_export_from_python(small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = kdtune.export(small_run, pick="knee", out=tmp_path / "out", progress=False)
    assert capsys.readouterr() == ("", "")
    assert (done.path, len(done.students)) == (tmp_path / "out", 1)
    assert done.student().config["id"] == done.first == done.students[0]
    assert done.record["run"] == "small"
    with pytest.raises(InputError, match="is not empty"):
        kdtune.export(small_run, out=tmp_path / "out")


@pytest.mark.parametrize(
    "given",
    [{"trials": "x"}, {"trials": 0}, {"trials": 2.5}, {"trials": True}, {"minutes": "1"}, {"minutes": -1.0},
     {"minutes": float("nan")}],
)  # fmt: skip
def test_a_budget_that_is_none_changes_nothing_in_the_run_to_go_on_with(
    given: dict[str, Any], small_run: Any, tmp_path: Path
) -> None:
    shutil.copytree(small_run.path, tmp_path / "copy")
    before = (tmp_path / "copy" / "events.jsonl").read_bytes()
    with pytest.raises(InputError, match=r"must be a .*number above 0"):
        kdtune.search(resume=tmp_path / "copy", progress=False, **given)
    assert (tmp_path / "copy" / "events.jsonl").read_bytes() == before


def test_what_is_no_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="int is no space"):
        kdtune.search(3, directory=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="--import no_such_module"):
        kdtune.search("default", imports="no_such_module", directory=tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


_WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "a run to open": (
        lambda: kdtune.open_run(cast(Any, 3)),
        r"run: the name or the path of a run .*3 \(int\)",
    ),
    "a folder of runs": (
        lambda: kdtune.open_run("r", runs_dir=cast(Any, 3)),
        "folder of runs: a path is expected",
    ),
    "a student": (
        lambda: kdtune.load_student(cast(Any, None)),
        "path: the folder of an exported student .*None",
    ),
    "a pick": (
        lambda: kdtune.export("r", pick=cast(Any, 3.5)),
        r"pick: 'knee', .* is expected, not 3.5 \(float\)",
    ),
    "a pick of many": (lambda: kdtune.export("r", pick=cast(Any, [3])), r"pick: .* not 3 \(int\)"),
    "replicates": (lambda: kdtune.export("r", replicates=cast(Any, "3")), "replicates: a whole number"),
    "replicates, yes": (lambda: kdtune.export("r", replicates=True), r"replicates: .* not True \(bool\)"),
    "an export's folder": (lambda: kdtune.export("r", out=cast(Any, 3)), "out: the folder to write"),
    "replicates, in part": (
        lambda: kdtune.export("r", replicates=cast(Any, 2.5)),
        r"replicates: a whole .* not 2.5",
    ),
    "a run to export": (lambda: kdtune.export(cast(Any, 3)), "run: a run, its name or its path"),
    "imports": (lambda: kdtune.export("r", imports=cast(Any, 3)), "imports: the name of a module"),
    "an address": (lambda: kdtune.export("r", address=cast(Any, 3)), "address: the address of a Ray cluster"),
    "a directory": (
        lambda: kdtune.export("r", directory=cast(Any, 3)),
        "directory: the folder that holds runs",
    ),
    "an empty space": (
        lambda: kdtune.search({}),
        "space: the mapping is empty: leave space out for the default",
    ),
    "a space without a name": (lambda: kdtune.search(""), "no search space ''"),
    "an empty study": (lambda: kdtune.study({}), "space: the mapping is empty"),
    "a null hypothesis": (
        lambda: kdtune.study(null=cast(Any, "rato")),
        "null: 'rato' is none of ratio, difference, raw",
    ),
    "trials": (
        lambda: kdtune.search(trials=cast(Any, "3")),
        "trials must be a whole number above 0, not '3'",
    ),
    "a seed": (
        lambda: kdtune.search(seed=cast(Any, "x")),
        r"seed: a whole number is expected, not 'x' \(str\)",
    ),
    "workers": (lambda: kdtune.search(workers=cast(Any, 1.5)), "workers: a whole number"),
    "GPUs": (lambda: kdtune.search(gpus_per_trial=cast(Any, "1")), "gpus_per_trial: a number"),
    "a run's name": (lambda: kdtune.search(name=cast(Any, 3)), "name: the name of a run"),
    "a run to resume": (lambda: kdtune.search(resume=cast(Any, 3)), "run: a run, its name or its path"),
    "a model's name": (lambda: kdtune.register_model(cast(Any, len)), "name: the name of a model"),
    "a data set's name": (lambda: kdtune.register_dataset(cast(Any, 3)), "name: the name of a data set"),
}


@pytest.mark.parametrize("what", _WRONG)
def test_an_argument_of_another_type_is_named_with_what_is_expected(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call, said = _WRONG[what]
    with pytest.raises(InputError, match=said):
        call()
    assert not any((tmp_path / "runs").glob("*"))
