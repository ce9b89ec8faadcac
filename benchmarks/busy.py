"""Starts of kdtune beside busy processes: how many succeed, and how long they take.

python -m benchmarks.busy [--starts 20] [--processes 16] [--trial] [search | study | export]

A start has succeeded when Ray runs, or with `--trial` when the first trial has reported; then it is ended.
"""

import argparse
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPACE = """\
dataset: {name: trifeature, shapes: 2, colors: 2, n_train: 60, n_validation: 60, n_test: 20}
pairs: [lenet5->mlp-16]
budget: {trials: 1, epochs: 1}
trivial: keep
study: {seeds: 2, temperatures: [1, 4]}
"""
MEANT = {
    "search": ["search", "tiny.yaml", "--headless", "--name"],
    "study": ["study", "tiny.yaml", "--headless", "--name"],
    "export": ["export", "done", "--replicates", "1", "--out"],
}
"""Each ends with the name of what is made."""

RAY_RUNS = {"search": r"measuring how", "study": r"measuring how", "export": r"seed 1 of 1"}
"""What kdtune says as soon as it is connected to Ray."""

FIRST_REPORT = r'"kind":"report","id":"t0'
FAILED = r"Ray did not start \(.{0,200}"
LIMIT = 400.0
"""Seconds after which a start has failed: longer than kdtune itself would try."""


def start(kind: str, name: str, folder: Path, *, trial: bool) -> tuple[float | None, list[str]]:
    """Start a command, and end it once it is at work.

    Returns:
        The seconds until then, None if that never came; and why starts of Ray failed meanwhile, or the last words.
    """
    log, begun = folder / f"{name}.log", time.monotonic()
    wanted = FIRST_REPORT if trial and kind != "export" else RAY_RUNS[kind]
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "kdtune.cli", *MEANT[kind], name], cwd=folder, stdout=out, stderr=out
        )
    took = None
    try:
        while took is None and process.poll() is None and time.monotonic() - begun < LIMIT:
            time.sleep(0.25)
            if re.search(wanted, _said(folder, name, log)):
                took = time.monotonic() - begun
        said = _said(folder, name, log)
    finally:
        _end(process)
    words = [match.group() for match in re.finditer(FAILED, said)]
    return took, words if took is not None else [*words, *log.read_text(encoding="utf-8").splitlines()[-1:]]


def _said(folder: Path, name: str, log: Path) -> str:
    events = folder / "runs" / name / "events.jsonl"
    return "".join(path.read_text(encoding="utf-8") for path in (log, events) if path.exists())


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a command as a person does, with Ctrl-C twice."""
    for _ in range(2):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        time.sleep(1)
    try:
        process.wait(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Print each start, and a line about all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.busy")
    parser.add_argument("kind", nargs="?", default="search", choices=list(MEANT))
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--trial", action="store_true", help="wait for the first trial's report")
    options = parser.parse_args()
    took: list[float] = []
    with tempfile.TemporaryDirectory(prefix="kdtune-busy-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "tiny.yaml").write_text(SPACE, encoding="utf-8")
        os.environ["KDTUNE_CACHE"] = str(folder / "cache")
        if options.kind == "export":
            done = [sys.executable, "-m", "kdtune.cli", "search", "tiny.yaml", "--headless", "--name", "done"]
            subprocess.run(done, cwd=folder, check=True, capture_output=True)
        for _ in range(options.processes):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        time.sleep(2)
        for number in range(1, options.starts + 1):
            seconds, words = start(options.kind, f"{options.kind}-{number}", folder, trial=options.trial)
            result = "FAILED" if seconds is None else f"{seconds:.1f} s"
            print(f"{number}: {result}, load {os.getloadavg()[0]:.0f}", *words, sep="; ", flush=True)
            took += [] if seconds is None else [seconds]
    median = f", median {statistics.median(took):.1f} s, longest {max(took):.1f} s" if took else ""
    what = "first report" if options.trial else "Ray runs"
    print(
        f"kdtune {options.kind} ({what}): {len(took)} of {options.starts} starts beside {options.processes} busy "
        f"processes{median}"
    )


if __name__ == "__main__":
    main()
