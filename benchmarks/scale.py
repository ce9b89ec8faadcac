"""Scale, without training: what a decision costs the driver after many trials and with many workers.

A run of n trials is written as a driver would have left it (events and Optuna's journal), resumed by kdtune's own
manager, study, halving and run directory, and continued with simulated workers.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import psutil
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState

from benchmarks.simulated import play
from benchmarks.tables import table
from kdtune.files import dumps, write_json
from kdtune.runs.paths import RunFiles, trial_id
from kdtune.space.reading import parse_space
from kdtune.sweep.plan import Plan, make_plan

EPOCHS = 8
TEXT = """\
Nothing is trained: kdtune's own trial manager, Optuna study, halving and run directory resume a run with this many
trials, and simulated workers run twenty more trials (or two per worker). `propose` is a median, `report` a mean that
includes the end of a trial. `take up` reads the whole run, as `--resume` does; `memory` is what this and the trials
after it took. `trials a second`: the most trials, of eight epochs each, that the driver can give to its workers. TPE
looks at the best trials and at the latest 900, whatever their number. In brackets: what this command found on
2026-11-25."""
BEFORE = {
    (10, 2, "tpe"): (0.0, 5.8, 0.8, 82.1),
    (100, 2, "tpe"): (0.0, 7.6, 1.1, 61.4),
    (1_000, 2, "tpe"): (0.3, 16.5, 1.2, 38.6),
    (10_000, 2, "tpe"): (1.4, 115.1, 8.6, 5.4),
    (100_000, 2, "tpe"): (14.8, 1361.7, 30.5, 0.6),
    (1_000, 1, "tpe"): (0.3, 16.6, 1.2, 38.6),
    (1_000, 100, "tpe"): (0.3, 17.6, 1.4, 34.7),
    (1_000, 1_000, "tpe"): (0.4, 26.3, 1.8, 24.8),
    (10_000, 2, "random"): (1.3, 7.0, 8.6, 13.1),
    (10_000, 2, "nsgaii"): (1.3, 25.3, 8.5, 10.7),
}
"""By trials, workers and sampler: seconds to take up, ms of a proposal and of a report, trials a second."""
CELLS = [
    *((n, 2, "tpe") for n in (10, 100, 1_000, 10_000, 100_000)),
    *((1_000, w, "tpe") for w in (1, 100, 1_000)),
    *((10_000, 2, s) for s in ("random", "nsgaii")),
]
QUICK = [(10, 2, "tpe"), (20, 8, "random")]
LIMIT = 400.0
"""Seconds that a cell may take; one that takes longer is cut, and the report says so."""


def measure(cells: Sequence[tuple[int, int, str]] = CELLS) -> Iterator[dict[str, Any]]:
    """Run each cell in a process with its own memory, and yield what it took as JSON."""
    for n, workers, sampler in cells:
        command = [sys.executable, "-m", "benchmarks.scale", str(n), str(workers), sampler]
        print(f"  {n:,} trials, {workers} workers, {sampler}", file=sys.stderr, flush=True)
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=True,
                cwd=Path(__file__).parents[1],
            )
            yield json.loads(done.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired:
            yield {"trials": n, "workers": workers, "sampler": sampler, "cut": LIMIT}
        except subprocess.CalledProcessError as error:
            broken = error.stderr.strip().splitlines()[-1]
            yield {"trials": n, "workers": workers, "sampler": sampler, "broken": broken}


def cell(n: int, workers: int, sampler: str, more: int | None = None) -> dict[str, Any]:
    """Resume a run of n trials, simulate more of them, and return what that took.

    Args:
        more: trials to simulate; by default twice the workers, and at least 20.
    """
    more = more or max(20, 2 * workers)
    plan = _plan(n + more, sampler)
    process = psutil.Process()
    with tempfile.TemporaryDirectory(prefix="kdtune-scale-") as folder:
        files = RunFiles(Path(folder) / "run")
        files.root.mkdir()
        _write_run(files, n, plan)
        sizes = _sizes(files)
        rng = random.Random(n)
        before = process.memory_info().rss
        trace = play(plan, lambda _: _curve(rng), workers=workers, folder=files.root, epoch_seconds=1.0)
        return {
            "trials": n,
            "workers": workers,
            "sampler": sampler,
            "open": trace.opened,
            "propose": statistics.median(trace.decisions["propose"]),
            "report": statistics.fmean(trace.decisions["report"]),
            "memory": process.memory_info().rss - before,
            **{name: (now - sizes[name]) / more for name, now in _sizes(files).items()},
            "ended": len(trace.epochs),
        }


def _sizes(files: RunFiles) -> dict[str, int]:
    """Return the bytes of a run's events, of its journal, and of the folders of its trials."""
    folders = (file.stat().st_size for file in (files.root / "trials").rglob("*") if file.is_file())
    return {
        "events": files.events.stat().st_size,
        "journal": files.journal.stat().st_size,
        "folders": sum(folders),
    }


def _plan(trials: int, sampler: str) -> Plan:
    import torch

    from kdtune.data import Augmentation, Dataset, Split, fingerprint

    labels = torch.arange(40) % 2
    split = Split(torch.zeros(40, 4), labels, {"sex": torch.arange(40) // 2 % 2})
    names, groups = ("no", "yes"), {"sex": ("f", "m")}
    dataset = Dataset(
        "simulated", names, groups, split, split, None, Augmentation(), {},
        fingerprint(split, split, names, groups), lambda: split,
    )  # fmt: skip
    content = {
        "dataset": {"name": "simulated"},
        "pairs": ["mlp-16->linear"],
        "search": {
            "temperature": {"low": 1, "high": 40, "log": True},
            "alpha": {"low": 0.0, "high": 1.0},
            "lr": {"low": 1e-3, "high": 1e-1, "log": True},
        },
        "constraints": {"accuracy": ">= 0.55"},
        "budget": {"trials": trials, "epochs": EPOCHS},
        "keep": "none",  # simulated students have no checkpoints
        "sampler": sampler,
        "early_stopping": {"method": "moasha"},
    }
    return make_plan(parse_space(content, "scale"), dataset)


def _counts(rng: random.Random) -> list[list[int]]:
    """Return the right answers out of ten, by group and class."""
    return [[rng.randint(5, 10), rng.randint(5, 10)] for _ in range(2)]


def _curve(rng: random.Random) -> list[dict[str, Any]]:
    from kdtune.fairness import count
    from kdtune.runs.records import ALL, Report

    labels, groups = np.arange(40) % 2, np.arange(40) // 2 % 2
    reports = []
    for epoch in range(1, EPOCHS + 1):
        right = np.zeros(40, dtype=bool)
        for g, row in enumerate(_counts(rng)):
            for c, n in enumerate(row):
                right[np.flatnonzero((labels == c) & (groups == g))[:n]] = True
        guesses = np.where(right, labels, 1 - labels)
        counts = {
            ALL: count(labels, guesses, n_classes=2),
            "sex": count(labels, guesses, groups, n_classes=2, n_groups=2),
        }
        reports.append(Report(epoch, counts, 0.0, 1.0, 0.5, 0.5, 0.01).to_dict())
    return reports


class _Memory(BaseJournalBackend):
    """Optuna's journal before it is a file: writing it line by line would take most of the time."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        return self.logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.logs += logs


def _write_run(files: RunFiles, n: int, plan: Plan) -> None:
    """Write the events and the journal of n trials, three of four stopped early at one of the rungs."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = random.Random(0)
    memory = _Memory()
    study = optuna.create_study(
        storage=JournalStorage(memory), study_name=files.root.name, directions=["maximize", "minimize"]
    )
    study.set_metric_names(["accuracy", "eod"])
    spread: dict[str, BaseDistribution] = {
        "alpha": optuna.distributions.FloatDistribution(0.0, 1.0),
        "lr": optuna.distributions.FloatDistribution(1e-3, 1e-1, log=True),
        "temperature": optuna.distributions.FloatDistribution(1.0, 40.0, log=True),
    }
    templates = {}
    for complete in (True, False):
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.COMPLETE if complete else TrialState.PRUNED,
                values=[0.0, 0.0] if complete else None,
                params={"alpha": 0.0, "lr": 1e-3, "temperature": 1.0},
                distributions=spread,
            )
        )
        templates[complete] = memory.logs.pop()
    logs = memory.logs
    lines = [{"t": 0.0, "kind": "run", "state": "running", "message": ""}]
    done = 0
    ended: list[str] = []
    for number in range(n):
        parameters = {
            "alpha": rng.random(),
            "lr": 10 ** rng.uniform(-3, -1),
            "temperature": 40 ** rng.random(),
        }
        ends = rng.choice([2, 2, 4, EPOCHS])
        accuracy, eod = 0.5 + 0.4 * rng.random(), 0.3 * rng.random()
        complete = ends == EPOCHS
        # As Optuna writes them; adding 100,000 trials through the study would take minutes.
        template = templates[complete]
        values = [accuracy, eod] if complete else None
        if values:
            ended.append(trial_id(number))
        logs.append({**template, "params": parameters, "values": values})
        start = {"model": "student", "config": {"pair": "mlp-16->linear", **parameters}, "epochs": EPOCHS}
        lines.append({"t": 0.0, "kind": "trial", "id": trial_id(number), **start, "state": "running"})
        for epoch in range(1, ends + 1):
            measured = {"accuracy": accuracy - 0.1 / epoch, "eod": eod + 0.05 / epoch}
            report = {"kind": "report", "id": trial_id(number), "epoch": epoch, "seconds": 1.0}
            lines.append({"t": 0.0, **report, "values": measured})
        state = "done" if complete else "stopped"
        lines.append({"t": 0.0, "kind": "trial", "id": trial_id(number), "state": state})
        done += complete
        if complete:
            lines.append({"t": 0.0, "kind": "front", "done": done, "hypervolume": 0.5})
    files.events.write_text("".join(dumps(line) + "\n" for line in lines), encoding="utf-8")
    files.journal.write_text("".join(json.dumps(log) + "\n" for log in logs), encoding="utf-8")
    # A driver that resumes reads what is kept of each student that ended, and trains it again where that is lost.
    asked = optuna.trial.FixedTrial({"temperature": 2.0, "alpha": 0.5, "lr": 1e-2})
    _, job = plan.student(asked)  # type: ignore[arg-type]  # it suggests as a trial does
    config, last = {"job": job.to_dict()}, dumps(_curve(rng)[-1]) + "\n"
    for name in ended:
        write_json(files.config(name), {"id": name, **config})
        files.reports(name).write_text(last, encoding="utf-8")


def report(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    rows = []
    for c in found:
        row = [f"{c['trials']:,}", f"{c['workers']:,}", c["sampler"]]
        if "cut" in c or "broken" in c:
            why = f"cut after {c['cut']:.0f} s" if "cut" in c else c["broken"]
            rows.append([*row, why, *[""] * 7])
            continue
        took = (c["open"], 1e3 * c["propose"], 1e3 * c["report"], 1 / (c["propose"] + EPOCHS * c["report"]))
        was = BEFORE[c["trials"], c["workers"], c["sampler"]]
        rows.append(
            [
                *row, *(f"{now:.1f} ({then:.1f})" for now, then in zip(took, was, strict=True)),
                f"{c['memory'] / 2**20:.0f}", f"{c['events'] / 1024:.1f}", f"{c['journal'] / 1024:.1f}",
                f"{c['folders'] / 1024:.1f}" if "folders" in c else "–",
            ]
        )  # fmt: skip
    head = [
        "trials before", "workers", "sampler", "take up, s", "propose, ms", "report, ms", "trials a second",
        "memory, MB", "events, kB a trial", "journal, kB a trial", "folder, kB a trial",
    ]  # fmt: skip
    return table(head, rows)


if __name__ == "__main__":
    print(json.dumps(cell(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
