"""Every wrong input that a person may give, in one table: the command, its exit code, and its message.

The commands run in this process, including the driver of a search: everything is refused before Ray starts.
"""

import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from kdtune import launch
from kdtune.cli import main
from kdtune.fairness import count
from kdtune.pareto import Constraint
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.writer import RunWriter

Arrange = Callable[[Path], object]

TRIFEATURE = {"name": "trifeature", "shapes": 2, "colors": 2, "n_train": 60, "n_validation": 60, "n_test": 20}
SPACE: dict[str, Any] = {
    "dataset": TRIFEATURE,
    "pairs": ["lenet5->mlp-16"],
    "budget": {"trials": 1, "epochs": 1},
    "train": {"precision": "float32", "channels_last": False},
}
TABLE = {"name": "table", "path": "people.csv", "label": "y", "positive": "1", "sensitive": "race"}
FOLDER = {"name": "folder", "path": "images"}


def write(text: str | bytes, name: str = "my.yaml") -> Arrange:
    return lambda folder: (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def space(**changes: Any) -> Arrange:
    return write(yaml.safe_dump({**SPACE, **changes}))


def both(*steps: Arrange) -> Arrange:
    return lambda folder: [step(folder) for step in steps]


def table(
    *, rows: int = 200, small: int = 100, label: str = "y", hole: int | None = None, **changes: Any
) -> Arrange:
    def make(folder: Path) -> None:
        rng = np.random.default_rng(0)
        groups = ["a"] * (rows - small) + ["b"] * small
        lines = [f"{rng.integers(20, 60)},{group},{rng.integers(2)}" for group in groups]
        if hole is not None:
            lines[hole] = lines[hole][:-1]
        (folder / "people.csv").write_text(f"age,race,{label}\n" + "\n".join(lines) + "\n")

    return both(make, space(dataset={**TABLE, **changes}, pairs=["mlp-16->linear"]))


def images(*, broken: bool = False, attributes: str | None = None, **changes: Any) -> Arrange:
    def make(folder: Path) -> None:
        from PIL import Image

        rng = np.random.default_rng(0)
        for split in ("train", "test"):
            for name in ("cat", "dog"):
                (folder / "images" / split / name).mkdir(parents=True)
                for k in range(12):
                    pixels = rng.integers(256, size=(32, 32, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(folder / "images" / split / name / f"{k}.png")
        if broken:
            file = folder / "images" / "train" / "cat" / "7.png"
            file.write_bytes(file.read_bytes()[:60])
        if attributes is not None:
            (folder / "attributes.csv").write_text(attributes)

    dataset = {
        **FOLDER,
        **({} if attributes is None else {"attributes": "attributes.csv", "sensitive": "sex"}),
    }
    return both(make, space(**{"dataset": dataset, "objectives": ["accuracy", "class_gap"], **changes}))


def weights(architecture: str, n_classes: int) -> Arrange:
    def make(folder: Path) -> None:
        import torch

        from kdtune import models

        model = models.build(architecture, input_shape=(3, 32, 32), n_classes=n_classes)
        torch.save(model.state_dict(), folder / "t.pt")

    return make


def run(
    *, ruin: Arrange = lambda folder: None, states: tuple[str, ...] = ("done",), **changes: Any
) -> Arrange:
    """Make runs/r: trials that ended in these states, with reports and without weights; then damage it."""

    def make(folder: Path) -> None:
        files = RunFiles(folder / "runs" / "r")
        files.root.mkdir(parents=True)
        writer = RunWriter(files)
        record: dict[str, Any] = {
            "name": "r", "kind": "sweep", "created": 0.0, "classes": ("x", "y"), "attributes": {"sex": ("f", "m")},
            "dataset": {"name": "trifeature", "fingerprint": "f", "options": {}, "input_shape": [3, 32, 32], "splits": {"train": {"n": 60}}},
            "objectives": ("accuracy", "eod"), "constraints": (), "pairs": ("lenet5->lenet5",), "epochs": 1,
            "trials": len(states), "minutes": None, "seed": 0, "space": SPACE, "versions": {}, "machine": {},
            **changes,
        }  # fmt: skip
        writer.record(RunRecord(**record))
        labels, groups = np.arange(40) % 2, np.arange(40) // 2 % 2
        counts = {
            ALL: count(labels, labels, n_classes=2),
            "sex": count(labels, labels, groups, n_classes=2, n_groups=2),
        }
        for k, state in enumerate(states):
            writer.model_started(f"t{k:04d}", "student", {"pair": "lenet5->lenet5"}, 1)
            writer.report(f"t{k:04d}", Report(1, counts, 0.0, 0.1, 0.5, 0.5, 0.01), References())
            writer.model_state(f"t{k:04d}", state)
        writer.run_state("finished")
        writer.close()
        ruin(files.root)

    return make


def edit(name: str, **changes: Any) -> Arrange:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def cut(name: str, keep: int) -> Arrange:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def without_copy(folder: Path) -> None:
    """Take the copy of the record out of the events, which older versions did not write."""
    events = folder / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    events.write_text("".join(line for line in lines if '"kind":"record"' not in line))


def link(name: str) -> Arrange:
    """Replace a part of the run with a link to a folder outside."""

    def make(folder: Path) -> None:
        outside = folder.parents[1] / "precious"
        outside.mkdir()
        (folder / name).symlink_to(outside)

    return make


def nothing(folder: Path) -> None:
    """Leave the folder empty."""


@dataclass(frozen=True)
class Case:
    """A command line, the content of the folder, and the expected message."""

    command: str
    says: str
    arrange: Arrange = nothing
    code: int = 2


SEARCH, STUDY = "search my.yaml", "study my.yaml"

CASES: dict[str, Case] = {
    # ---- the command line
    "no command": Case("", "required: COMMAND"),
    "a typo in the command": Case("serach", "invalid choice"),
    "no trials": Case("search --trials 0", "0 is not above 0"),
    "trials in words": Case("search --trials many", "invalid int value"),
    "not a number of minutes": Case("search --minutes nan", "not above 0"),
    "an endless speed": Case("watch --speed inf", "inf is not finite"),
    "a seed below zero": Case("search --seed -1", "-1 is below 0"),
    "stop what": Case("stop", "required: RUN"),
    "--set without a value": Case("search --set budget.trials", "--set 'budget.trials': write KEY=VALUE"),
    "--set into a value": Case("search --set seed.x=1", "--set 'seed.x=1': 'seed' holds a value, not keys"),
    "--set of what is not YAML": Case("search --set seed=[", "--set 'seed=[': '[' is not a YAML value"),
    "--set of an unknown key": Case("search --set budgt.trials=3", "unknown key 'budgt'; did you mean 'budget'?"),
    "a name that leads elsewhere": Case("search --name ../up", "can't name a run"),
    "a dry run's name that leads elsewhere": Case("search --name ../up --dry-run", "can't name a run"),
    "GPUs below zero": Case("search --gpus-per-trial -1", "resources.gpus_per_trial"),
    "a space that is not there": Case("search trifeatur", "no search space 'trifeatur'; did you mean 'trifeature'"),
    "a file that is not there": Case("search nowhere.yaml", "nowhere.yaml: not readable"),
    "a ready space that is not there": Case("spaces nothing", "no ready space 'nothing'"),
    "--resume of nothing": Case("search --resume nothing", "no run 'nothing'"),
    "--resume of no name": Case("search --resume=", "no run ''"),
    "status of nothing": Case("status nothing", "no run 'nothing'"),
    "status without runs": Case("status", "no run in 'runs': start one with 'kdtune search'"),
    "watch nothing": Case("watch nothing", "no run 'nothing'"),
    "export nothing": Case("export nothing", "no run 'nothing'"),
    "stop nothing": Case("stop nothing", "no run 'nothing'"),
    "an address without a port": Case(f"{SEARCH} --address somewhere", "--address 'somewhere': write host:port", space()),
    "an address that nobody answers": Case(f"{SEARCH} --address 127.0.0.1:1", "'127.0.0.1:1': nobody answers", space()),
    "an impossible port": Case(f"{SEARCH} --address 127.0.0.1:99999", "nobody answers", space()),
    "a module that is not there": Case(f"{SEARCH} --import nowhere", "--import nowhere: ModuleNotFoundError", space()),
    "a module that breaks": Case(
        f"{SEARCH} --import broken_module", "--import broken_module: ZeroDivisionError",
        both(space(), write("1 / 0\n", "broken_module.py")),
    ),
    "a module that is a script": Case(
        f"{SEARCH} --import broken_module",
        "--import broken_module: it ends the process: SystemExit: 0 (broken_module.py, line 2): put what a script does",
        both(space(), write("import sys\nsys.exit(0)\n", "broken_module.py")),
    ),
    "a module that a space names": Case(SEARCH, "say --import theirs", space(imports=["theirs"])),
    # ---- the space
    "a key with a typo": Case(SEARCH, "my.yaml: unknown key 'serach'; did you mean 'search'?", space(serach={})),
    "low above high": Case(
        SEARCH, "my.yaml: search.temperature: low 40 is above high 1",
        space(search={"temperature": {"low": 40, "high": 1}}),
    ),
    "half a pair": Case(SEARCH, "'lenet5' is not a pair: write 'teacher->student'", space(pairs=["lenet5"])),
    "no pair": Case(SEARCH, "my.yaml: pairs", space(pairs=[])),
    "the same pair twice": Case(SEARCH, "is listed 2 times", space(pairs=["lenet5->lenet5"] * 2)),
    "a setting with a typo": Case(SEARCH, "train.momentun is not a setting; did you mean", space(train={"momentun": 1})),
    "T of zero": Case(SEARCH, "search.temperature: temperature is 0", space(search={"temperature": 0})),
    "α above one": Case(SEARCH, "search.alpha: alpha is 1.5", space(search={"alpha": 1.5})),
    "a number that YAML takes for text": Case(SEARCH, "write 1.0e-03", write("dataset: {name: x}\npairs: [a->b]\nsearch: {lr: 1e-3}")),
    "YAML that does not end": Case(SEARCH, "my.yaml: line 1: not YAML", write("pairs: [a->b")),
    "an empty file": Case(SEARCH, "my.yaml: holds nothing", write("")),
    "a date that is none": Case(SEARCH, "not YAML", write("a: 2026-13-45")),
    "a picture": Case(SEARCH, "my.yaml: not readable", write(b"\x89PNG\r\n\x1a\n\x00\xff\xfe")),
    "YAML that makes objects": Case(SEARCH, "not YAML", write("!!python/object/apply:os.system ['touch ran']")),
    "YAML that blows up": Case(
        SEARCH, "my.yaml",
        write("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))),
    ),
    "deep nesting": Case(SEARCH, "nested too deeply", write("[" * 5000 + "]" * 5000)),
    # ---- models and data
    "a model with a typo": Case(SEARCH, "unknown model 'mpl-16'", space(pairs=["lenet5->mpl-16"])),
    "a data set with a typo": Case(SEARCH, "unknown data set 'trifeatures'; did you mean", space(dataset={"name": "trifeatures"})),
    "an option with a typo": Case(SEARCH, "no option 'n_trian'; did you mean 'n_train'?", space(dataset={**TRIFEATURE, "n_trian": 3})),
    "an objective with a typo": Case(SEARCH, "objectives: unknown measure 'acuracy'; did you mean", space(objectives=["acuracy"])),
    "an unknown attribute": Case(SEARCH, "unknown sensitive attribute 'colour'; did you mean 'color'?", space(objectives=["accuracy", "eod@colour"])),
    "a bound that is none": Case(SEARCH, "constraints: accuracy: cannot read '> 0.5'", space(constraints={"accuracy": "> 0.5"})),
    "a bound on an unknown name": Case(SEARCH, "unknown name 'majorty'", space(constraints={"accuracy": ">= majorty"})),
    "a bound of an unknown measure": Case(SEARCH, "'acc'", space(constraints={"acc": ">= 0.5"})),
    "EOD without groups": Case(SEARCH, "objectives: measure 'eod' needs groups, and the data have no sensitive attribute: declare one", images(objectives=["accuracy", "eod"])),
    "an image that does not decode": Case(SEARCH, "images/train/cat/7.png", images(broken=True)),
    "attributes that match no image": Case(SEARCH, "attributes.csv", images(attributes="file,sex\nnobody.png,f\n", objectives=["accuracy", "eod"])),
    "a folder that is not there": Case(SEARCH, "images", space(dataset=FOLDER)),
    "a table that is not there": Case(SEARCH, "people.csv", space(dataset=TABLE)),
    "a table without its label": Case(SEARCH, "'y'", table(label="yy")),
    "a table without its sensitive column": Case(SEARCH, "'rce'", table(sensitive="rce")),
    "a row without a label": Case(SEARCH, "people.csv, line 18 (row 17): there is no label in column 'y'", table(hole=16)),
    "a group too small for a rate": Case(SEARCH, "'b'", table(small=1)),
    "a table that is cut short": Case(SEARCH, "people.parquet", both(table(), write(b"PAR1\x00\x00", "people.parquet"), space(dataset={**TABLE, "path": "people.parquet"}))),
    "a test file with other columns": Case(SEARCH, "more.csv: there is no column 'age'", both(table(test="more.csv"), write("agee,race,y\n30,a,1\n", "more.csv"))),
    "a test file that is not there": Case(SEARCH, "more.csv: there is no such file", table(test="more.csv")),
    "a bound that can't be met": Case(SEARCH, "constraints: accuracy: '>= 80' can never be met", space(constraints={"accuracy": ">= 80"})),
    "a bound that these data can't meet": Case(SEARCH, "can never be met", space(constraints={"accuracy": ">= majority + 0.6"})),
    "a bound on weights that no student keeps": Case(SEARCH, "can never be met", space(constraints={"parameters": "<= 3"})),
    "weights that are not there": Case(SEARCH, "t.pt: weights cannot be read: No such file", space(teacher={"weights": "t.pt"})),
    "weights of another architecture": Case(SEARCH, "t.pt", both(space(teacher={"weights": "t.pt"}), weights("resnet8", 2))),
    "weights of other classes": Case(SEARCH, "t.pt", both(space(teacher={"weights": "t.pt"}), weights("lenet5", 7))),
    "a student's weights of other classes": Case(SEARCH, "t.pt", both(space(student={"weights": "t.pt"}), weights("mlp-16", 7))),
    "cores that there are not": Case(SEARCH, "resources.cpus_per_trial is 1e+06, and no machine has that: there is 1 machine", space(resources={"cpus_per_trial": 1e6})),
    "--dry-run of a run": Case("search --resume r --dry-run", "leave out --resume", run()),
    "weights that are none": Case(SEARCH, "not readable as weights", both(space(teacher={"weights": "t.pt"}), write(b"\x80\x04junk", "t.pt"))),
    # ---- a study
    "a seed twice": Case(STUDY, "study.seeds", space(study={"seeds": [1, 1]})),
    "a study at T = 0": Case(STUDY, "study.temperatures", space(study={"temperatures": [0, 1]})),
    "a study with α above one": Case(STUDY, "study.alpha", space(study={"alpha": 2})),
    # ---- a run
    "a taken name": Case(f"{SEARCH} --name r", "exists: choose another --name", both(space(), run())),
    "a run of a newer form": Case("status r", "written by a newer kdtune", run(ruin=edit("run.json", schema=99))),
    "watch a run of a newer form": Case("watch r", "written by a newer kdtune", run(ruin=edit("run.json", schema=99))),
    "a record that is cut": Case("status r", "run.json: not readable as JSON", run(ruin=both(cut("run.json", 40), without_copy))),
    "a record that is a list": Case("status r", "run.json: holds a list", run(ruin=both(write("[]", "run.json"), without_copy))),
    "a record that a power cut emptied": Case("status r", "", run(ruin=cut("run.json", 0)), 0),
    "a record of another kind of data": Case("runs", "", run(ruin=edit("run.json", dataset={}, created=None)), 0),
    "an export of a record that lacks its data": Case("export r", "run.json: damaged: it does not describe its data", run(dataset={"name": "x", "fingerprint": "f"})),
    "a log that is a link": Case("search --resume r", "driver.log: is a link", run(ruin=link("driver.log"))),
    "a trial's folder that is a link": Case("search --resume r", "trials/t0007: is a link", run(ruin=link("trials/t0007"))),
    "a study's folder that is a link": Case("study --figures-only r", "study: is a link", run(kind="study", ruin=link("study"))),
    "a record of another kind": Case("status r", "run.json: damaged", run(ruin=edit("run.json", classes=3))),
    "a run that is a study's": Case("search --resume r", "is a study", run(kind="study")),
    "--resume with a space": Case(f"{SEARCH} --resume r", "leave out SPACE", both(space(), run())),
    "stop a run that ended": Case("stop r", "is not running", run()),
    "a finished run whose data have changed": Case("search --resume r", "r stays as it was: it could not be resumed: ", run()),
    "a run whose space is damaged": Case("search --resume r", "run.json", run(space={"pairs": 3})),
    # ---- an export
    "no weights": Case("export r --list", "", run(), 0),
    "no feasible trial": Case("export r", "accuracy >= 2", run(constraints=(Constraint("accuracy", ">=", 2.0),))),
    "no trial that is done": Case("export r", "", run(states=("failed",))),
    "a pick that is none": Case("export r --pick best", "--pick 'best': write 'knee'", run()),
    "a pick that nobody meets": Case("export r --pick accuracy>=2", "no member of the front meets it", run()),
    "an output folder in use": Case("export r --out .", "is not empty, and nothing is overwritten", run()),
    "an output that is a file": Case("export r --out x", "is a file", both(run(), write("", "x"))),
    "an export of a study": Case("export r", "is a study, whose models are judged over seeds", run(kind="study")),
    "the list of a study": Case("export r --list", "is a study", run(kind="study")),
    "more replicates than anybody trains": Case("export r --replicates 9999999999", "from 0 to 1,000", run()),
    "replicates below zero": Case("export r --replicates -1", "-1 is below 0", run()),
}  # fmt: skip


class _Ended:
    """A driver's process that ran in this one."""

    def __init__(self, returncode: int) -> None:
        self.returncode = returncode

    def poll(self) -> int:
        return self.returncode

    def wait(self) -> int:
        return self.returncode


@pytest.fixture
def driver_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run drivers in this process; one that would start Ray has accepted what it should refuse."""
    from kdtune.sweep import __main__ as driver
    from kdtune.sweep.remote import local_ray

    def start(files: RunFiles, request: dict[str, Any]) -> _Ended:
        with (
            open(files.log, "a") as log,
            contextlib.redirect_stderr(log),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(sys, "stdin", io.StringIO(json.dumps(request)))
            return _Ended(driver.main())

    def refuse() -> None:
        raise AssertionError("accepted: Ray would be started")

    monkeypatch.setattr(launch, "_start", start)
    monkeypatch.setattr(local_ray, "start_ray", refuse)
    before, paths = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = paths
    for name in set(sys.modules) - before:
        if name in ("broken_module", "theirs"):
            del sys.modules[name]


@pytest.mark.parametrize("name", CASES)
def test_bad_input(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    driver_here: None,
) -> None:
    case = CASES[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KDTUNE_RUNS", raising=False)
    case.arrange(tmp_path)
    before = files_in(tmp_path)
    try:
        code = main(case.command.split())
    except SystemExit as ended:  # argparse
        code = int(ended.code or 0)
    out, err = capsys.readouterr()
    assert code == case.code, err
    assert case.says in err, err
    assert "Traceback" not in err + out
    if code:
        assert out == ""
        assert len(err.partition("kdtune: ")[2].splitlines()) <= 5, "a few lines at most"
        assert files_in(tmp_path) == before, "a refused command leaves nothing behind, and takes nothing away"


OF_A_SWEEP = [name for name, case in CASES.items() if case.command == SEARCH]


@pytest.mark.parametrize("name", OF_A_SWEEP)
def test_a_dry_run_refuses_what_the_sweep_refuses(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KDTUNE_RUNS", raising=False)
    CASES[name].arrange(tmp_path)
    before = files_in(tmp_path)
    assert main([*SEARCH.split(), "--dry-run"]) == 2
    out, err = capsys.readouterr()
    assert CASES[name].says in err
    assert out == ""
    assert files_in(tmp_path) == before


def files_in(folder: Path) -> dict[Path, int]:
    """Return all files and their sizes, except those that a refused driver touches in an existing run."""
    touched = ("driver.log", "lock", "heartbeat.json", "events.jsonl")
    return {
        path: path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.name not in touched and "__pycache__" not in path.parts
    }
