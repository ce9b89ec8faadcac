"""A large run: how long its readers take, and how a driver grows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdtune.fairness import count
from kdtune.files import dumps
from kdtune.runs.measures.objectives import References, all_measures
from kdtune.runs.paths import RunFiles, trial_id
from kdtune.runs.reader import open_run
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.summary import summarise
from kdtune.runs.writer import RunWriter

CONFIG = {
    "pair": "x->y", "teacher": "x", "student": "y", "temperature": 1.0, "alpha": 0.5, "scale_by_t2": True,
    "batch_size": 64, "optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "cosine",
    "warmup": 0.0, "milestones": [0.6, 0.8], "gamma": 0.1, "augment": True, "precision": "float32",
    "channels_last": False, "seed": 1, "view_seed": 0,
}  # fmt: skip


def report(epoch: int, rng: np.random.Generator, classes: int) -> Report:
    labels, groups = np.arange(5000) % classes, rng.integers(2, size=5000)
    guesses = np.where(rng.random(5000) < rng.random(), labels, rng.integers(classes, size=5000))
    counts = {
        ALL: count(labels, guesses, n_classes=classes),
        "sex": count(labels, guesses, groups, n_classes=classes, n_groups=2),
    }
    return Report(epoch, counts, 1000.0 + epoch, 1.5, 0.7, 0.9, 0.01, tuple((k, 0, 5) for k in range(1, 60)))


def large_run(root: Path, trials: int, epochs: int, classes: int) -> RunFiles:
    """Write a run as the writer would: its own lines, with other numbers, for every trial."""
    files = RunFiles(root)
    root.mkdir(parents=True)
    writer = RunWriter(files)
    record = RunRecord(
        root.name, "sweep", 1000.0, {"name": "d", "fingerprint": "f", "splits": {}},
        tuple(f"c{k}" for k in range(classes)), {"sex": ("f", "m")}, ("accuracy", "eod"), (), ("x->y",), epochs,
        trials, None, 0, {}, {}, {},
    )  # fmt: skip
    writer.record(record)
    writer.run_state("running", "")
    writer.close()
    rng = np.random.default_rng(0)
    reports = [report(epoch, rng, classes) for epoch in range(1, epochs + 1)]
    values = [all_measures(r, References(), ["sex"]) for r in reports]
    lines = "".join(dumps(r.to_dict()) + "\n" for r in reports).encode()
    with open(files.events, "ab") as file:

        def event(kind: str, **content: Any) -> None:
            file.write((dumps({"t": 2000.0, "kind": kind, **content}) + "\n").encode())

        for k in range(trials):
            name = trial_id(k)
            event("trial", id=name, model="student", config=CONFIG, epochs=epochs, state="running")
            for epoch in range(1, epochs + 1):
                drawn = {n: v + float(rng.normal(0, 0.01)) for n, v in values[epoch - 1].items()}
                event("report", id=name, epoch=epoch, seconds=1.25, values=drawn)
            event("trial", id=name, state="done")
            event("front", done=k + 1, hypervolume=0.5)
            files.reports(name).parent.mkdir(parents=True)
            files.reports(name).write_bytes(lines)
    return files


TIMED = """
import contextlib, io, json, sys, time
from pathlib import Path

import pandas

from kdtune.runs.reader import open_run
from kdtune.runs.summary import summarise
from kdtune.terminal.console import print_runs

root = Path(sys.argv[1])

def took(do):
    begun = time.process_time()
    do()
    return time.process_time() - begun

def parse():
    for path in root.rglob("events.jsonl"):
        for line in path.read_bytes().splitlines():
            json.loads(line)

def list_all():
    with contextlib.redirect_stdout(io.StringIO()) as said:
        print_runs(root, as_json=False)
    assert said.getvalue().count("200/200") == 20

def read():
    run = open_run(root)
    return [took(lambda: summarise(run)), took(run.trials), took(run.front)]

seconds = [took(parse), *([took(list_all)] if sys.argv[2] == "list" else read())]
print(*seconds)
"""


def times_of_parsing(root: Path, what: str) -> np.ndarray:
    """Return what reading takes, as multiples of parsing the events with `json`: the least of three runs.

    Processor time as such depends on what else runs on the same core.
    """
    command = [sys.executable, "-c", TIMED, str(root), what]
    outputs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(3)]
    seconds = np.array([[float(x) for x in output.split()] for output in outputs])
    print(f"{what}, seconds (the first: json alone):", seconds.min(axis=0).round(2))
    times: np.ndarray = (seconds[:, 1:] / seconds[:, :1]).min(axis=0)
    return times


@pytest.mark.slow
def test_a_large_run_is_read_while_json_would_parse_it(tmp_path: Path) -> None:
    files = large_run(tmp_path / "large", 1000, 200, 100)
    assert files.events.stat().st_size > 60e6
    times = times_of_parsing(files.root, "status, trials, front")
    assert (times < 1.5).all(), times


@pytest.mark.slow
def test_many_runs_are_listed_while_json_would_parse_them(tmp_path: Path) -> None:
    for k in range(20):
        large_run(tmp_path / f"r{k}", 200, 12, 10)
    times = times_of_parsing(tmp_path, "list")
    assert (times < 1.5).all(), times


def test_no_more_is_read_than_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, as counts: status reads one full report of each front member, and one for the group sizes."""
    files = large_run(tmp_path / "r", 40, 12, 5)
    run = open_run(files.root)
    read = []
    plainly = Report.from_dict.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        Report, "from_dict", classmethod(lambda cls, r: read.append(r["epoch"]) or plainly(cls, r))
    )
    summary = summarise(run)
    assert len(summary.front) >= 1
    assert sorted(read) == [1, *[12] * len(summary.front)]


GROWING = """
import json, sys
from pathlib import Path
import numpy as np, psutil
from tests.test_load import played
played(Path(sys.argv[1]), [int(n) for n in sys.argv[2].split(",")], classes=int(sys.argv[3]), epochs=int(sys.argv[4]))
"""


def played(folder: Path, stops: list[int], *, classes: int, epochs: int) -> None:
    """Run played trials through the real manager; print the memory of this process after so many, MB."""
    import gc

    import psutil
    import torch

    from kdtune.data import Augmentation, Dataset, Split, fingerprint
    from kdtune.space.reading import parse_space
    from kdtune.sweep.clock import WorkClock
    from kdtune.sweep.plan import make_plan
    from kdtune.sweep.trials.optuna_study import open_study
    from kdtune.sweep.trials.trial_manager import TrialManager

    def split(n: int) -> Split:
        return Split(torch.zeros(n, 4), torch.arange(n) % classes, {"sex": torch.arange(n) // classes % 2})

    names = tuple(f"c{k}" for k in range(classes))
    data = split(8 * classes)
    dataset = Dataset(
        name="d", classes=names, attributes={"sex": ("f", "m")}, train=data, validation=data, normalisation=None,
        augmentation=Augmentation(), preprocessing={}, open_test=lambda: data,
        fingerprint=fingerprint(data, data, names, {"sex": ("f", "m")}),
    )  # fmt: skip
    space = {
        "dataset": {"name": "d"}, "pairs": ["mlp-16->linear"], "sampler": "random",
        "early_stopping": {"method": "none"},
        "budget": {"trials": max(stops), "epochs": epochs},
    }  # fmt: skip
    plan = make_plan(parse_space(space, "space"), dataset)
    files = RunFiles(folder)
    folder.mkdir(parents=True)
    writer = RunWriter(files)
    record = RunRecord(
        "r", "sweep", 0.0, {}, names, dataset.attributes, ("accuracy", "eod"), (), ("mlp-16->linear",), epochs,
        max(stops), None, 0, {}, {}, {},
    )  # fmt: skip
    writer.record(record)
    rng = np.random.default_rng(0)
    reports = [report(k % epochs + 1, rng, classes) for k in range(5 * epochs)]
    reference = References(reports[0].counts[ALL], reports[0].counts[ALL])
    manager = TrialManager(
        plan, files, writer, open_study(files.journal, plan.objectives), {"mlp-16->linear": reference},
        stopping=lambda: False, clock=WorkClock(),
    )  # fmt: skip
    found = {}
    for done in range(1, max(stops) + 1):
        proposal = manager.next_proposal()
        assert proposal is not None
        [number] = proposal.numbers
        mine = [r.to_dict() for r in reports[done % 5 * epochs : (done % 5 + 1) * epochs]]
        manager.record(
            proposal, {"students": json.dumps([{"number": number, "reports": mine, "failed": ""}])}
        )
        manager.close(proposal, {}, lost=None)
        if done in stops:
            gc.collect()
            found[done] = psutil.Process().memory_info().rss / 1e6
    writer.close()
    print(json.dumps(found))


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "epochs"), [(5, 2), (100, 10)])
def test_a_driver_stays_small(tmp_path: Path, classes: int, epochs: int) -> None:
    command = [sys.executable, "-c", GROWING, str(tmp_path / "r"), "100,2000", str(classes), str(epochs)]
    root = Path(__file__).parents[1]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert ended.returncode == 0, ended.stderr
    memory = json.loads(ended.stdout)
    growth = (memory["2000"] - memory["100"]) / 1900
    print(
        f"{classes} classes, {epochs} epochs: {memory['100']:.0f} MB after 100 trials, {memory['2000']:.0f} after 2,000"
    )
    assert growth < 0.03, f"{1000 * growth:.1f} kB a trial"
