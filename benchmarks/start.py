"""How soon a sweep begins, and what a trial costs in addition to its training: command, first report, 1,000 trials."""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.kdtune_search import search
from benchmarks.processes import Cost, cores, run
from benchmarks.tables import table
from benchmarks.workloads import Workload
from kdtune.runs.jsonl import read_records
from kdtune.runs.paths import is_trial
from kdtune.runs.reader import Run, open_run

TRIALS, PART = 1_000, 100
REPEATS, COLD = 5, 3
ROOT = Path(__file__).parents[1]
TEXT = """\
`first report`: time from the command to the first report of a trial, for a small sweep (LeNet-5 teaches a linear
model on 1,000 images): with an empty cache, the longest of three; and with data, teachers and measurements in the
cache, the longest of five. `default sweep`: what a newcomer runs first, with an empty cache; the longest of
three, and one beside a process that keeps a core busy. No Python module has bytecode. Until its first report, most of
the time goes into compiling them, measuring how models run fastest, and a ResNet-8, its larger teacher.
`a trial`: a thousand students train for a moment, in as many processes as there are cores; this is the time that
a process needs for each in addition to its epochs: proposing, starting, checkpoint, records. The first hundred do not
count, because they wait for the processes to start; `growth` is the time of the last hundred divided by that of the
second hundred. `before` is what this command found on 2026-11-25. Since then, the processes that train are forked with
torch, Ray and Tune in memory."""

BEFORE = {"kdtune --help, s": 0.05, "first report, s": 22.49, "a trial, s": 0.09, "growth, ×": 1.20}


def measure() -> Iterator[dict[str, Any]]:
    """Yield what was measured, its value and its upper target, as JSON."""
    with tempfile.TemporaryDirectory(prefix="kdtune-start-") as name:
        folder = Path(name)
        helped = [
            run([sys.executable, "-m", "kdtune.cli", "--help"], folder / "log").wall for _ in range(REPEATS)
        ]
        yield {"what": "kdtune --help, s", "found": statistics.median(helped), "goal": 0.3}
        yield from _default(folder)
        few = _workload(4, 1_000, 2)
        cold = [_reported(few, folder, f"cold-{k}", cache=folder / f"cold-{k}") for k in range(COLD)]
        yield {"what": "first report, cold cache, s", "found": max(cold), "goal": 15}
        _reported(few, folder, "fill")
        warm = [_reported(few, folder, f"warm-{k}") for k in range(REPEATS)]
        yield {"what": "first report, s", "found": max(warm), "goal": 10}
        print(f"  {TRIALS:,} trials", file=sys.stderr, flush=True)
        many, _ = search(_workload(TRIALS, 64, 1), folder, "many", {})
        trials = sorted(many.state().trials.values(), key=lambda trial: trial.ended or 0.0)
        ended = [float(trial.ended or 0.0) for trial in trials]
        rest = trials[PART:]
        beside = cores() * (ended[-1] - ended[PART - 1]) - sum(trial.seconds for trial in rest)
        yield {"what": "a trial, s", "found": beside / len(rest), "goal": 0.15}
        last, first = ended[-1] - ended[-1 - PART], ended[2 * PART] - ended[PART]
        yield {"what": "growth, ×", "found": last / first, "goal": 1.2}


def _default(folder: Path) -> Iterator[dict[str, Any]]:
    """Run the default sweep as a newcomer does: nothing is in the cache."""
    print("  the default sweep", file=sys.stderr, flush=True)
    found = [_newcomer(folder, f"default-{k}") for k in range(COLD)]
    costs = [cost for _, cost in found]
    moved = [
        next(float(event["t"]) for event in read_records(run.files.events)) - cost.began
        for run, cost in found
    ]
    yield {"what": "default sweep, cold cache, s", "found": max(cost.wall for cost in costs), "goal": 60}
    yield {"what": "the same, processor s", "found": max(cost.cpu for cost in costs), "goal": 120}
    yield {"what": "its first event in the monitor, s", "found": max(moved), "goal": 10}
    reported = max(_first_report(run) - cost.began for run, cost in found)
    yield {"what": "its first report of a trial, s", "found": reported, "goal": 15}
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            _, cost = _newcomer(folder, "default-busy")
        finally:
            busy.kill()
    yield {"what": "default sweep, cold cache, beside a busy process, s", "found": cost.wall, "goal": 120}


def _newcomer(folder: Path, name: str) -> tuple[Run, Cost]:
    command = [sys.executable, "-m", "kdtune.cli", "search", "--headless", "--name", name]
    command += ["--runs-dir", str(folder / "runs")]
    cache = folder / f"cache-{name}"
    cost = run(
        command,
        folder / "log",
        KDTUNE_CACHE=str(cache),
        PYTHONPYCACHEPREFIX=str(cache / "pyc"),
        PYTHONPATH=str(ROOT),
    )
    return open_run(folder / "runs" / name), cost


def _workload(trials: int, examples: int, epochs: int) -> Workload:
    space = {
        "dataset": {
            "name": "trifeature", "label": "shape", "sensitive": "color", "shapes": 2, "colors": 2,
            "n_train": examples, "n_validation": examples, "n_test": 16,
        },
        "pairs": ["lenet5->linear"],
        "objectives": ["accuracy", "eod"],
        "budget": {"trials": trials, "epochs": epochs},
        "sampler": "random",
        "resources": {"cohort": 1},
    }  # fmt: skip
    return Workload("start", space, (1, None))


def _reported(workload: Workload, folder: Path, name: str, cache: Path | None = None) -> float:
    """Run a sweep and return the seconds from its command to the first report of a trial."""
    done, cost = search(workload, folder, name, {}, cache=cache)
    return _first_report(done) - cost.began


def _first_report(done: Run) -> float:
    """Return when the first trial reported, in seconds since 1970."""
    return next(
        float(event["t"])
        for event in read_records(done.files.events)
        if event["kind"] == "report" and is_trial(event["id"])
    )


def report(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    rows = [
        [
            f["what"],
            f"{BEFORE[f['what']]:.2f}" if f["what"] in BEFORE else "–",
            f"{f['found']:.2f}",
            f"≤ {f['goal']:g}",
            "yes" if f["found"] <= f["goal"] else "no",
        ]
        for f in found
    ]
    return table(["", "before", "measured", "goal", "reached"], rows)
